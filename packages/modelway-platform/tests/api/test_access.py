"""Who may do what, and that nothing is told to those who may not."""

import socket
from typing import Any

import pytest
from starlette.routing import Route

from modelway_platform.deploy.api.application import make_app
from modelway_platform.deploy.api.wire.frontier import OPEN_PATHS, SIGNED_PATHS
from modelway_platform.domain.access.api_token import token_spec
from modelway_platform.domain.access.key_request import KeySpec

TOKEN = "replica-token-of-this-test"
REGISTRATION = {
    "project": "vision", "model": "digits", "version": "v1", "host": "127.0.0.1", "port": 9001,
    "package": "sha256:" + "a" * 64, "ttlSeconds": 15,
}  # fmt: skip


def every_path(api: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in make_app(api.parts).routes:
        assert isinstance(each, Route)
        path = each.path
        for name in ("project", "model", "version", "digest", "id"):
            path = path.replace(f"{{{name}}}", "x")
        found.extend((method, path) for method in each.methods or ())
    return found


def test_everything_but_health_needs_an_admin_key(api: Any) -> None:
    _, caller = api.parts.access.keys.create(KeySpec(name="caller", role="caller"))
    for method, path in every_path(api):
        if path in OPEN_PATHS:
            assert api.ask(method, path, key=None).status == 200
            continue
        assert api.ask(method, path, key=None).status == 401, path
        assert api.ask(method, path, key="mw_" + "x" * 43).status == 401, path
        # Where a signature is asked for, no key opens anything.
        assert api.ask(method, path, key=caller).status == (401 if path.startswith(SIGNED_PATHS) else 403), path
    assert len(OPEN_PATHS) + len(SIGNED_PATHS) <= 6
    assert api.ask("GET", "/v1/no-such-thing", key=None).status == 401


def test_unknown_malformed_and_revoked_keys_hear_the_same(api: Any) -> None:
    record, secret = api.parts.access.keys.create(KeySpec(name="gone", role="admin"))
    assert api.ask("GET", "/v1/status", key=secret).status == 200
    api.ask("DELETE", f"/v1/keys/{record.id}")
    answers: set[str] = set()
    for key in (secret, "mw_" + "A" * 43, "x", "' OR '1'='1", "é" * 10, "mw_" + "x" * 5000, secret + " ", None):
        reply = api.ask("GET", "/v1/status", key=key)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        answers.add(f"{reply.error['message']} {reply.error['hint']}")
    for scheme in ("Basic", "bearer x", ""):
        reply = api.ask("GET", "/v1/status", key=None, headers={"Authorization": f"{scheme} {secret}"})
        assert reply.status == 401
        answers.add(f"{reply.error['message']} {reply.error['hint']}")
    assert len(answers) == 1


def test_whoever_asks_is_told_who_they_are(api: Any) -> None:
    spec = token_spec(name="ann", role="deployer", projects=("vision",))
    assert not isinstance(spec, list)
    _, secret = api.parts.access.tokens.create(spec)
    assert api.ask("GET", "/v1/caller", key=secret).json == {"name": "ann", "role": "deployer", "projects": ["vision"]}
    own = api.ask("GET", "/v1/caller").json
    assert (own["role"], own["projects"]) == ("admin", [])
    _, gateway = api.parts.access.keys.create(KeySpec(name="edge", role="gateway"))
    assert api.ask("GET", "/v1/caller", key=gateway).status == 403


def test_a_replica_token_registers_and_nothing_else(api: Any) -> None:
    assert api.ask("PUT", "/v1/endpoints/r1", REGISTRATION, key=TOKEN).json == {"ttlSeconds": 15.0}
    assert [endpoint.id for endpoint in api.leases.endpoints()] == ["r1"]
    (item,) = api.ask("GET", "/v1/endpoints").json["items"]
    registered = {name: value for name, value in REGISTRATION.items() if name != "ttlSeconds"}
    assert item == {"id": "r1", "leftOutBy": 0} | {"scheme": "http"} | registered
    assert api.ask("DELETE", "/v1/endpoints/r1", key=TOKEN).json == {"known": True}
    assert api.ask("DELETE", "/v1/endpoints/r1", key=TOKEN).json == {"known": False}
    for method, path in every_path(api):
        if path not in OPEN_PATHS and not (path == "/v1/endpoints/x" and method in {"PUT", "DELETE"}):
            refused = 401 if path.startswith(SIGNED_PATHS) else 403
            assert api.ask(method, path, key=TOKEN).status == refused, (method, path)


@pytest.mark.parametrize(
    "change",
    [
        {"project": "A"}, {"model": "a/b"}, {"version": ""}, {"host": ""}, {"host": "a b"}, {"host": "a\r\nb"},
        {"host": "x/y"}, {"port": 0}, {"port": 65536}, {"port": "1"}, {"package": "x"}, {"ttlSeconds": 0},
        {"ttlSeconds": 1e9}, {"unknown": 1},
    ],
)  # fmt: skip
def test_registrations_that_cannot_be_are_refused(steady_api: Any, change: dict[str, Any]) -> None:
    assert steady_api.ask("PUT", "/v1/endpoints/r1", REGISTRATION | change, key=TOKEN).status == 400
    assert steady_api.ask("PUT", "/v1/endpoints/..%2fx", REGISTRATION, key=TOKEN).status in {400, 404}
    assert steady_api.leases.endpoints() == ()


def test_keys_are_made_listed_and_revoked(api: Any) -> None:
    made = api.ask("POST", "/v1/keys", {"name": "nightly", "role": "admin"})
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    secret = made.json["secret"]
    assert api.ask("GET", "/v1/status", key=secret).status == 200
    listed = api.ask("GET", "/v1/keys")
    assert [(each["name"], each["role"], each["revokedAt"]) for each in listed.json["items"]] == [
        ("tester", "admin", None),
        ("nightly", "admin", None),
    ]
    assert secret not in listed.body.decode()
    assert not any(len(str(value)) == 64 for each in listed.json["items"] for value in each.values())
    assert api.ask("DELETE", f"/v1/keys/{made.json['id']}").status == 200
    assert api.ask("GET", "/v1/status", key=secret).status == 401
    assert api.ask("DELETE", "/v1/keys/key-none").status == 404


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": " a"}, {"name": "x" * 101},
                                  {"name": "a", "role": "root"}, {"name": "a", "secret": "x"}, []])  # fmt: skip
def test_keys_that_cannot_be_are_refused(steady_api: Any, body: Any) -> None:
    assert steady_api.ask("POST", "/v1/keys", body).status == 400


def test_request_ids_are_echoed_or_made(steady_api: Any) -> None:
    assert steady_api.ask("GET", "/livez", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, "<script>"):
        found = steady_api.ask("GET", "/livez", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert found != bad
        assert len(found) == 24


def test_mistakes_of_ours_tell_nothing(api: Any, caplog: pytest.LogCaptureFixture) -> None:
    api.leases.endpoints = None  # whatever breaks
    reply = api.ask("GET", "/v1/endpoints")
    assert (reply.status, reply.error["code"]) == (500, "internal")
    assert "NoneType" not in reply.body.decode()
    assert "Traceback" not in reply.body.decode()
    assert reply.error["request_id"] in caplog.text


def test_rubbish_on_the_socket_harms_nobody(steady_api: Any) -> None:
    for rubbish in (b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA" + b"a" * 100_000, b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", steady_api.port), timeout=2) as raw:
            raw.sendall(rubbish)
    assert steady_api.ask("GET", "/v1/status").status == 200
