"""Tags that come page by page, and registries that say odd things when they are asked for them or for a deletion."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from modelway.errors import ForbiddenError, ModelwayError
from modelway_platform.deploy.images.content.descriptor import ImageError
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp
from modelway_platform.deploy.images.registries.registry_names import DELETING, delete_image, tags_of

TAGS = [f"t{number}" for number in range(7)]
DIGEST = "sha256:" + "a" * 64
Say = Callable[[str, dict[str, list[str]]], tuple[int, dict[str, str], Any]]


def always(status: int, body: Any = None, **headers: str) -> Say:
    """The same answer to everything."""

    def say(_path: str, _query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        return status, headers, body or {}

    return say


@pytest.fixture
def repository() -> Iterator[Callable[[Say], Repository]]:
    """A repository of a registry that answers as it is told."""
    servers: list[ThreadingHTTPServer] = []

    def make(say: Say) -> Repository:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, headers, body = say(parts.path, parse_qs(parts.query))
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_DELETE = do_GET  # noqa: N815 - as it is called there

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        http = RegistryHttp(host=f"127.0.0.1:{server.server_port}", plain_http=True, pause=lambda _: None)
        return Repository(http=http, name="m/digits", actions=DELETING)

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_pages_are_followed_to_their_end(repository: Callable[[Say], Repository]) -> None:
    def pages(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        start = TAGS.index(query["last"][0]) + 1 if "last" in query else 0
        some = TAGS[start : start + 3]
        link = {"Link": f'<{path}?last={some[-1]}&n=3>; rel="next"'} if some[-1] != TAGS[-1] else {}
        return 200, link, {"name": "m/digits", "tags": some}

    assert tags_of(repository(pages)) == TAGS


@pytest.mark.parametrize("body", [{"tags": None}, {}])
def test_no_tags_are_none(repository: Callable[[Say], Repository], body: Any) -> None:
    assert tags_of(repository(always(200, body))) == []
    assert tags_of(repository(always(404, {"errors": [{"code": "NAME_UNKNOWN"}]}))) == []


def test_odd_answers_are_refused(repository: Callable[[Say], Repository]) -> None:
    with pytest.raises(ImageError, match="are no list"):
        tags_of(repository(always(200, {"tags": "all"})))
    with pytest.raises(ImageError, match="not safe to follow"):
        tags_of(repository(always(200, {"tags": ["a"]}, Link='<ftp://elsewhere/x>; rel="next"')))
    with pytest.raises(ForbiddenError, match="the tags of m/digits"):
        tags_of(repository(always(403)))


@pytest.mark.parametrize("status", [200, 202, 204, 404])
def test_what_is_gone_is_as_wanted(repository: Callable[[Say], Repository], status: int) -> None:
    asked: list[str] = []

    def say(path: str, _query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        asked.append(path)
        return status, {}, {}

    delete_image(repository(say), DIGEST)
    assert asked == [f"/v2/m/digits/manifests/{DIGEST}"]


def test_a_deletion_that_is_refused_says_why(repository: Callable[[Say], Repository]) -> None:
    with pytest.raises(ModelwayError) as refused:
        delete_image(repository(always(405, {"errors": [{"code": "UNSUPPORTED"}]})), DIGEST)
    assert refused.value.error_code == "registry_keeps_images"
    with pytest.raises(ForbiddenError):
        delete_image(repository(always(403)), DIGEST)
