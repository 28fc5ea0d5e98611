"""Row S12 of what is asked of this platform: every method there is, asked with a token of another project, over REST and over gRPC.

The methods come from the descriptors, so a new one is asked here as soon as it is in the schema. Everything of project `hush` has
that word in its name; whoever is bound to project `vision` must never read it in an answer.
"""

import http.client
import json
import re
import socket
from contextlib import suppress
from typing import Any

import grpc
import pytest

from modelway_platform.deploy.api.messages.json_messages import fields_of, is_required
from modelway_platform.deploy.api.messages.methods import api_methods
from modelway_platform.domain.access.api_token import TokenSpec

THERE = {
    "project": "hush", "model": "hushmodel", "version": "v1", "stage": "production", "name": "hush-fleet", "id": "hush-1",
    "baseline": "v1", "candidate": "v2", "question": "errors", "sql": "SELECT * FROM access", "request_id": "hush-a",
    "action": "pause", "reward": 1.0, "to_revision": 1,
}  # fmt: skip
# The same question about what is not there.
NOT_THERE = THERE | {"model": "hushnothing", "name": "hush-nothing", "id": "hush-2", "request_id": "hush-b"}
NOT_FOUND, FORBIDDEN = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
METHODS = [method for method in api_methods() if not method.streams_requests]


@pytest.fixture(scope="module", params=["deployer", "reader"])
def stranger(request: pytest.FixtureRequest, full: Any) -> str:
    """A token of project vision."""
    spec = TokenSpec(name=f"bound {request.param}", role=request.param, projects=("vision",))
    return full.api.parts.access.tokens.create(spec)[1]


def given_to(method: Any, names: dict[str, Any]) -> dict[str, Any]:
    """What of the names the method has fields for; a text that is needed and has no name here is `hush`, too."""
    found = {name: value for name, value in names.items() if method.has_field(name)}
    for field in fields_of(method.descriptor.input_type):
        if (
            is_required(field)
            and field.name not in found
            and field.cpp_type == field.CPPTYPE_STRING
            and not field.is_repeated
        ):
            found[field.name] = "hush"
    return found


def over_rest(api: Any, method: Any, binding: Any, names: dict[str, Any], key: str) -> tuple[int, bytes]:
    """Status and body; of a stream what comes at once."""
    given = given_to(method, names)
    path = re.sub(r"\{(\w+)\}", lambda found: str(given.pop(found[1], "hush")), binding.path)
    json_names = {field.name: field.json_name for field in fields_of(method.descriptor.input_type)}
    told = {json_names[name]: value for name, value in given.items()}
    body = json.dumps(told) if binding.body else None
    if not binding.body and told:
        path += "?" + "&".join(f"{name}={value}".replace(" ", "%20") for name, value in told.items())
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    try:
        connection.request(binding.verb, path, body, {"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        is_stream = method.streams_answers and answer.status == 200
        return answer.status, at_once(connection, answer) if is_stream else answer.read()
    finally:
        connection.close()


def at_once(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> bytes:
    """The first line of a stream, which may take a while, and those that come right behind it."""
    found = answer.readline()
    with suppress(TimeoutError):
        while connection.sock is not None:
            connection.sock.settimeout(0.2)
            line = answer.readline()
            if not line:
                break
            found += line
    return found


def without_id(body: bytes) -> Any:
    """An error, but for what every error has of its own."""
    error = json.loads(body)["error"]
    text = json.dumps({name: value for name, value in error.items() if name != "request_id"})
    return re.sub("hush[a-z0-9/-]*", "…", text)


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.called)
def test_over_rest(full: Any, stranger: str, method: Any) -> None:
    for binding in method.bindings:
        status, body = over_rest(full.api, method, binding, THERE, stranger)
        if status == 200:
            assert b"hush" not in body, "it shows what is another project's"
            continue
        named = any(method.has_field(name) for name in ("project", "name", "id"))
        assert status in ({403, 404} if named else {403, 404, 400, 422}), body
        other, as_if = over_rest(full.api, method, binding, NOT_THERE, stranger)
        assert (other, without_id(as_if)) == (status, without_id(body)), "it tells whether it is there"


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.called)
def test_over_grpc(full: Any, stranger: str, method: Any) -> None:
    answers: list[Any] = []
    for names in (THERE, NOT_THERE):
        request = method.request_class()
        for name, value in given_to(method, names).items():
            setattr(request, name, value)
        try:
            answer = full.side.call(method.name, request, key=stranger)
        except grpc.RpcError as refused:
            error: Any = refused
            assert error.code() in {NOT_FOUND, FORBIDDEN, grpc.StatusCode.INVALID_ARGUMENT}, error.details()
            answers.append((error.code(), re.sub("hush[a-z0-9/-]*", "…", error.details())))
        except StopIteration:
            answers.append("an empty stream")
        else:
            assert "hush" not in str(answer), "it shows what is another project's"
            answers.append("an answer")
    assert answers[0] == answers[1], "it tells whether it is there"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deployments/hush%2fhushmodel%2fv1", "/v1/deployments/vision%2f..%2fhush/hushmodel/v1", "/v1//deployments/hush/hushmodel/v1",
        "/v1/deployments/vision/..;/hush/hushmodel/v1", "/v1/deployments/vision/../hush/hushmodel/v1", "/v1/deployments/hush/hushmodel/v1/",
        "/v1/deployments/./hush/hushmodel/v1", "/v1/routes/%68ush/hushmodel", "/v1/logs?project=vision&project=hush", "/v1/logs?project=%68ush",
        "/v1/logs?project=hush%00", "/v1/logs?source=server&replica=hush-1", "/v1/logs?project=vision&source=server&replica=hush-1",
        "/v1/documents:watch?project=hush", "/v1/stages/hush/production", "/V1/deployments/hush/hushmodel/v1",
    ],
)  # fmt: skip
def test_ways_round(full: Any, stranger: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", full.api.port), timeout=30) as raw:
        raw.sendall(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {stranger}\r\nConnection: close\r\n\r\n".encode()
        )
        found = b""
        while piece := raw.recv(65536):
            found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status in {307, 400, 403, 404} or (status == 200 and b"hush" not in body), found


def test_what_is_its_own_is_all_there(full: Any, stranger: str) -> None:
    """The other half: hiding everything would pass, too."""
    for project, model in (("vision", "digits"), ("hush", "hushmodel")):  # leases end by themselves
        endpoint = {"project": project, "model": model, "version": "v1", "host": "127.0.0.1", "port": len(project)}
        assert full.api.ask("PUT", f"/v1/endpoints/{project}-1", endpoint).status == 200

    def items(path: str) -> Any:
        return full.api.ask("GET", path, key=stranger).json["items"]

    assert [each["metadata"]["name"] for each in items("/v1/deployments")] == ["vision/digits/v1", "vision/digits/v2"]
    assert [each["metadata"]["name"] for each in items("/v1/routes")] == ["vision/digits"]
    assert [each["metadata"]["name"] for each in items("/v1/stages")] == ["vision/production"]
    assert [each["name"] for each in items("/v1/sources")] == ["fleet"]
    assert [each["name"] for each in items("/v1/packages")] == ["digits"]
    assert [each["id"] for each in items("/v1/endpoints")] == ["vision-1"]
    assert full.api.ask("GET", "/v1/sources/fleet", key=stranger).json["projects"] == ["vision"]
    assert full.api.ask("GET", "/v1/logs?project=vision", key=stranger).body.count(b"\n") == 1
    watched = full.api.ask("GET", "/v1/logs?project=vision&source=server", key=stranger).body
    assert json.loads(watched)["line"] == "digits is loading"
    targets = full.api.ask("GET", "/v1/prometheus/targets", key=stranger).json
    assert [each["labels"]["component"] for each in targets] == ["control", "model-server"]
    assert [each["project"] for each in (target["labels"] for target in targets) if "project" in each] == ["vision"]


def test_feedback_is_of_ones_own_project(full: Any) -> None:
    _, deployer = full.api.parts.access.tokens.create(TokenSpec(name="ci", role="deployer", projects=("vision",)))
    one = {"requestId": "hush-a", "reward": 1.0}
    assert full.api.ask("POST", "/v1/feedback", one | {"project": "hush"}, key=deployer).status == 403
    assert full.api.ask("POST", "/v1/feedback", {"items": [one, one | {"project": "hush"}]}, key=deployer).status == 403
    assert full.api.ask("POST", "/v1/feedback", one, key=deployer).status == 200
    texts = [path.read_text() for path in (full.api.root / "feedback").glob("*.ndjson")]
    kept = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [each["project"] for each in kept] == ["vision"], "what it says joins no request of another project"
