"""Packages over HTTP: verified before they are seen."""

import hashlib
import http.client
import time
from collections.abc import Callable
from typing import Any

import pytest


def test_up_and_found(api: Any, make_package: Callable[..., bytes]) -> None:
    data = make_package(endpoints=("predict", "explain"))
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert api.ask("HEAD", f"/v1/packages/{digest}").status == 404
    for _ in range(2):
        reply = api.ask("POST", "/v1/packages", data)
        assert reply.status == 201
        assert {name: reply.json[name] for name in ("digest", "name", "version", "size")} == {
            "digest": digest,
            "name": "digits",
            "version": "v1",
            "size": len(data),
        }
    assert api.ask("HEAD", f"/v1/packages/{digest}").status == 200
    found = api.ask("GET", f"/v1/packages/{digest}").json
    assert found["endpoints"] == ["predict", "explain"]
    assert found["examples"] == [{"endpoint": "predict", "request": {"a": 1}}]
    assert [each["digest"] for each in api.ask("GET", "/v1/packages").json["items"]] == [digest]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_package"),
        (b"not a package", 422, "invalid_package"),
        (b"PK\x03\x04" + bytes(600), 422, "invalid_package"),
        (bytes(2_000_000), 413, "payload_too_large"),
    ],
)
def test_what_is_none_is_refused_and_leaves_nothing(steady_api: Any, body: bytes, status: int, code: str) -> None:
    try:
        reply = steady_api.ask("POST", "/v1/packages", body)
    except ConnectionError:
        assert status == 413
    else:
        assert (reply.status, reply.error["code"]) == (status, code)
    assert steady_api.ask("GET", "/v1/packages").json == {"items": []}
    assert list((steady_api.root / "packages").iterdir()) == []


def test_a_damaged_one_is_refused_naming_the_entry(steady_api: Any, make_package: Callable[..., bytes]) -> None:
    data = make_package().replace(b"class Digits", b"class Digitz")
    reply = steady_api.ask("POST", "/v1/packages", data)
    assert (reply.status, reply.error["code"]) == (422, "invalid_package")
    assert "code/handler.py" in reply.error["message"]
    assert str(steady_api.root) not in reply.body.decode()


def test_too_large_without_saying_so_beforehand(steady_api: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", steady_api.port, timeout=10)
    try:
        body = (bytes(100_000) for _ in range(30))
        try:
            connection.request(
                "POST", "/v1/packages", body, {"Authorization": f"Bearer {steady_api.key}"}, encode_chunked=True
            )
        except ConnectionError:
            pass
        else:
            assert connection.getresponse().status == 413
    finally:
        connection.close()
    assert list((steady_api.root / "packages").iterdir()) == []


def test_a_client_that_leaves_in_the_middle_leaves_nothing(steady_api: Any, make_package: Callable[..., bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", steady_api.port, timeout=10)
    connection.putrequest("POST", "/v1/packages")
    connection.putheader("Authorization", f"Bearer {steady_api.key}")
    connection.putheader("Content-Length", "100000")
    connection.endheaders(make_package()[:1000])
    time.sleep(0.1)
    connection.close()
    until = time.monotonic() + 3
    while list((steady_api.root / "packages").iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    assert list((steady_api.root / "packages").iterdir()) == []


@pytest.mark.parametrize("digest", ["sha256:..%2f..%2fx", "latest", "sha256:" + "A" * 64, "sha256:" + "a" * 64])
def test_only_stored_digests_are_found(steady_api: Any, digest: str) -> None:
    assert steady_api.ask("GET", f"/v1/packages/{digest}").status == 404
