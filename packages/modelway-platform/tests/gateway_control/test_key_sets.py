"""Keys of token issuers: fetched over HTTP by control, kept when they cannot be had, published in the route table."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.json_web_keys import usable_keys
from modelway_platform.domain.access.token_issuer import TokenIssuer, issuer_problems
from modelway_platform.domain.records import Declared
from modelway_platform.domain.table.compile_route_table import compile_table
from modelway_platform.gateway.control.key_sets import MAX_BYTES, RETRY_SECONDS, KeySets
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.database import Database

KEY = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


class Server:
    """Answers every GET with what it was told to."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, b"", 0
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def tell(self, *keys: dict[str, str]) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuers(tmp_path: Path, clock: Clock) -> Iterator[TokenIssuers]:
    with Database.open(tmp_path / "modelway.db") as database:
        yield TokenIssuers(database, clock=clock)


def spec(url: str, name: str = "corp", **usual: str) -> TokenIssuer:
    return TokenIssuer(name=name, issuer=usual.get("issuer", "i"), audiences=("models",), key_set_url=url)


def test_keys_are_fetched_at_once_and_when_they_are_due(issuers: TokenIssuers, server: Server, clock: Clock) -> None:
    sets = KeySets(issuers, clock=clock)
    server.tell(KEY)
    issuers.declare(spec(server.url), ())
    assert sets.refresh() == RETRY_SECONDS
    (record,) = issuers.list()
    assert [json.loads(key) for key in record.keys] == [KEY]
    assert (record.fetched_at, record.problem) == (clock.now, "")
    assert sets.refresh() == 300
    assert server.asked == 1
    server.tell(KEY, {**KEY, "kid": "b"})
    clock.now += 300
    sets.refresh()
    (record,) = issuers.list()
    assert len(record.keys) == 2
    table = compile_table(Declared(deployments=(), routes=()), (), (), 1, issuers=issuers.list())
    assert table.issuers[0].keys == record.keys


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"", "answered with status 500"),
        (302, b"", "answered with status 302"),
        (200, b"<html>", "Expecting value"),
        (200, b"[]", "not a JWK set"),
        (200, b'{"keys": []}', "holds no key"),
        (200, b'{"keys": 7}', "not a JWK set"),
        (200, b'{"keys": [7]}', "not an object"),
        (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "a private or shared key"),
        (200, json.dumps({"keys": [{**KEY, "d": "x"}]}).encode(), "a private or shared key"),
        (200, json.dumps({"keys": [{**KEY, "use": "enc"}]}).encode(), "holds no key"),
        (200, json.dumps({"keys": [{**KEY, "alg": "HS256"}]}).encode(), "holds no key"),
        (200, json.dumps({"keys": [KEY] * 51}).encode(), "at most 50"),
        (200, b"[" * 100_000, ""),
        (200, b" " * (MAX_BYTES + 1), "larger than"),
    ],
    ids=str,
)
def test_what_is_no_key_set_leaves_the_last_keys(
    issuers: TokenIssuers, server: Server, clock: Clock, answer: tuple[int, bytes, str]
) -> None:
    sets = KeySets(issuers, clock=clock)
    server.tell(KEY)
    issuers.declare(spec(server.url), ())
    sets.refresh()
    server.status, server.body, said = answer
    server.headers["Location"] = server.url
    clock.now += 300
    sets.refresh()
    (record,) = issuers.list()
    assert len(record.keys) == 1
    assert said in record.problem
    assert record.problem
    assert sets.refresh() == RETRY_SECONDS
    server.tell(KEY)
    clock.now += RETRY_SECONDS
    sets.refresh()
    assert issuers.list()[0].problem == ""


def test_nobody_there_is_a_problem_and_no_more(issuers: TokenIssuers, clock: Clock) -> None:
    issuers.declare(spec("http://127.0.0.1:1/keys"), ())
    assert KeySets(issuers, clock=clock).refresh() == RETRY_SECONDS
    assert "refused" in issuers.list()[0].problem


def test_keys_stay_with_their_url(issuers: TokenIssuers, server: Server, clock: Clock) -> None:
    sets = KeySets(issuers, clock=clock)
    server.tell(KEY)
    issuers.declare(spec(server.url), ())
    sets.refresh()
    assert len(issuers.declare(spec(server.url), ()).keys) == 1
    assert issuers.declare(spec(server.url + "2"), ()).keys == ()
    issuers.fetched("corp", server.url, ("late",))
    assert issuers.list()[0].keys == ()
    with pytest.raises(ConflictError):
        issuers.declare(spec("", name="twin"), ("{}",))
    issuers.remove("corp")
    with pytest.raises(NotFoundError):
        issuers.remove("corp")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://user:password@example.com/keys",
        "https:///keys",
        "https://example.com:x/keys",
        "https://example.com/keys#a",
        "https://example.com/ke ys",
        "https://example.com/" + "a" * 2000,
    ],
)
def test_urls_that_no_key_should_come_from(url: str) -> None:
    assert len(list(issuer_problems(spec(url)))) == 1


def test_two_keys_of_one_name_are_none() -> None:
    keys, problems = usable_keys({"keys": [KEY, KEY, {**KEY, "kid": "b"}]})
    assert ([json.loads(key)["kid"] for key in keys], problems) == (["b"], ["two keys have the same kid, or none"])
