"""What the two clients ask for, and what they make of the answers."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from modelway.client import CallOptions, ControlClient, DocumentFile, ModelClient, Server
from modelway.errors import ConflictError, InvalidRequestError, UnavailableError

Serve = Callable[[Callable[[Any], Any]], Any]


def test_apply_sends_files_and_packages_and_reads_the_results(serve: Serve, says: Any) -> None:
    change = {"path": "spec.replicas", "from": 1, "to": 2}
    results = [{"kind": "Route", "name": "a/b", "action": "changed", "revision": 2, "changes": [change], "new": 1}]
    server = serve(lambda asked: says(body=json.dumps({"results": results}).encode()))
    with ControlClient(Server(url=server.url, key="k")) as client:
        result = client.apply([DocumentFile("f.yaml", "text")], {"p": "sha256:1"}, dry_run=True)[0]
    assert (result.kind, result.name, result.action, result.revision) == ("Route", "a/b", "changed", 2)
    assert (result.changes[0].path, result.changes[0].before, result.changes[0].after) == ("spec.replicas", 1, 2)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/v1/apply?dryRun=true")
    assert json.loads(asked.body) == {"files": [{"name": "f.yaml", "text": "text"}], "packages": {"p": "sha256:1"}}
    assert asked.headers["authorization"] == "Bearer k"


def test_a_package_is_uploaded_once_and_its_progress_told(serve: Serve, says: Any, tmp_path: Path) -> None:
    archive = tmp_path / "m.mwpkg"
    archive.write_bytes(b"x" * 700_000)
    digest = "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()
    known: set[str] = set()

    def answer(asked: Any) -> Any:
        if asked.method == "HEAD":
            return says(200 if asked.path.rpartition("/")[2] in known else 404, b"")
        known.add(digest)
        assert hashlib.sha256(asked.body).hexdigest() == digest[7:]
        return says(201, json.dumps({"digest": digest, "name": "m", "version": "1", "size": len(asked.body)}).encode())

    server = serve(answer)
    told: list[tuple[int, int]] = []
    with ControlClient(Server(url=server.url)) as client:
        for _ in range(2):
            assert client.upload_package(archive, report=lambda done, size: told.append((done, size))).digest == digest
    assert [asked.method for asked in server.asked] == ["HEAD", "POST", "HEAD"]
    assert told[-1] == (700_000, 700_000)
    assert len(told) > 2


def test_names_are_checked_before_anything_is_asked() -> None:
    client = ControlClient(Server(url="http://127.0.0.1:1"))
    for kind, name in (("deployments", "a/b"), ("routes", "a/b/c"), ("routes", "a//b"), ("routes", "a/..")):
        with pytest.raises(InvalidRequestError):
            client.get(kind, name)  # pyright: ignore[reportArgumentType] - the loop loses the literals
    with pytest.raises(InvalidRequestError, match="not the name of a model"):
        ModelClient("digits", server=Server(url="http://127.0.0.1:1"))


def test_watching_yields_whole_lists(serve: Serve, says: Any) -> None:
    chunks = [b'{"items":[]}\n', b"\n", b'{"items":[{"a"', b":1}]}\n"]
    server = serve(lambda asked: says(chunks=chunks))
    with ControlClient(Server(url=server.url)) as client:
        assert list(client.watch("routes")) == [[], [{"a": 1}]]
    assert server.asked[0].path == "/v1/routes?watch=true"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"items": 5}', b'{"other": []}'])
def test_a_server_that_is_none_of_ours_is_recognised(serve: Serve, says: Any, body: bytes) -> None:
    server = serve(lambda asked: says(body=body))
    with ControlClient(Server(url=server.url)) as client, pytest.raises(UnavailableError):
        client.list_all("deployments")


def test_errors_keep_their_details(serve: Serve, says: Any) -> None:
    error = ConflictError("upload first", code="package_needed", details=({"file": "f", "path": "p"},))
    server = serve(lambda asked: says(409, msgspec.json.encode(error.as_json("r"))))
    with ControlClient(Server(url=server.url)) as client, pytest.raises(ConflictError) as caught:
        client.apply([])
    assert (caught.value.error_code, caught.value.details) == ("package_needed", ({"file": "f", "path": "p"},))


def test_a_created_key_is_not_in_its_repr(serve: Serve, says: Any) -> None:
    body = {"id": "k1", "name": "me", "role": "caller", "secret": "mw_secret"}
    server = serve(lambda asked: says(201, json.dumps(body).encode()))
    with ControlClient(Server(url=server.url)) as client:
        key = client.create_key("me")
    assert key.secret == "mw_secret"
    assert "mw_secret" not in repr(key)


@dataclasses.dataclass
class Box:
    left: float
    top: float


def test_a_model_is_called_with_values_of_python(serve: Serve, says: Any) -> None:
    headers = {"Modelway-Version": "v2", "X-Request-Id": "r9"}
    server = serve(lambda asked: says(body=b'{"label":3}', headers=headers))
    with ModelClient("vision/digits", server=Server(url=server.url, key="k")) as client:
        answer = client.ask(
            {"image": np.ones((1, 2), np.float32), "box": Box(0.5, 1), "n": np.int64(4)},
            options=CallOptions(request_id="mine"),
        )
        assert client.call(endpoint="other") == {"label": 3}
    assert (answer.value, answer.version, answer.request_id) == ({"label": 3}, "v2", "r9")
    assert answer.seconds > 0
    first, second = server.asked
    assert (first.path, second.path) == ("/vision/digits/predict", "/vision/digits/other")
    assert json.loads(first.body) == {"image": [[1.0, 1.0]], "box": {"left": 0.5, "top": 1}, "n": 4}
    assert first.headers["x-request-id"] == "mine"
    assert first.connection == second.connection


def test_a_pinned_version_is_part_of_the_path_and_strange_values_are_named(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says())
    with ModelClient("vision/digits/v1", server=Server(url=server.url)) as client:
        client.call()
        with pytest.raises(InvalidRequestError, match="type object"):
            client.call({"x": object()})
    assert [asked.path for asked in server.asked] == ["/vision/digits/v1/predict"]
