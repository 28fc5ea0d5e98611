"""Payloads from a Route's policy to the store: REST, streams and gRPC through the gateway, written without what is to be taken out."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import grpc
import pytest
from journeys.projects import deployment, package, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.protos.open_inference import InferTensorContents, ModelInferRequest, ModelStreamInferResponse

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

PYPROJECT = """
[project]
name = "letters"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["modelway[grpc]"]

[tool.modelway]
handler = "handler:Letters"
examples = "examples.json"
"""
HANDLER = '''
"""Answers letters, whole and word by word."""

import time
from collections.abc import Iterator

from modelway import Handler, inference


class Letters(Handler):
    @inference
    def predict(self, text: str, nickname: str) -> dict[str, str]:
        return {"nickname": nickname, "text": text}

    @inference
    def write(self, text: str, nickname: str) -> Iterator[str]:
        for start in range(0, len(text), 4):
            yield text[start : start + 4]

    @inference
    def slowly(self, text: str) -> Iterator[str]:
        for _ in range(2000):
            yield text
            time.sleep(0.05)
'''
EXAMPLES = '[{"endpoint": "predict", "request": {"text": "hello", "nickname": "x"}}]\n'
ROUTE = """
apiVersion: modelway/v1
kind: Route
metadata: {project: payloads, model: letters}
spec:
  versions: [{version: v1, weight: 1}]
  payloads: {share: 1, maxBytes: 400, redact: {fields: [nickname], patterns: ['[a-z]{1,32}@[a-z.]{1,32}']}}
"""
NAME = "payloads/letters"
ASKED = {"text": "write to ann@example.org", "nickname": "Annie"}
SECRETS = (b"ann@example", b"Annie", b"example.org")
SERVICE = "/inference.GRPCInferenceService/"


@pytest.fixture(scope="module")
def letters(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> RunningPlatform:
    """The model, behind a route that says nothing of payloads."""
    directory = tmp_path_factory.mktemp("letters")
    for name, text in (("pyproject.toml", PYPROJECT), ("handler.py", HANDLER), ("examples.json", EXAMPLES)):
        (directory / name).write_text(text, encoding="utf-8")
    platform.apply(
        deployment(f"{NAME}/v1", platform.upload(package(directory, directory / "dist"))), route(NAME, {"v1": 1})
    )
    platform.wait_ready(f"{NAME}/v1", seconds=90)
    wait_for("it is routed", lambda: Caller(platform).rest("first", "predict")[0] == 200 or None, 90)
    return platform


class Caller:
    """Asks the model in each way that there is; every request has an id of its own."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._platform = platform
        grpc_line = next(line for line in platform.printed.splitlines() if line.startswith("  gRPC"))
        self._address = grpc_line.split()[-1]

    def rest(self, name: str, endpoint: str, asked: Any = ASKED, accept: str = "*/*") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self._platform.gateway).netloc, timeout=60)
        headers = {"X-API-Key": self._platform.key, "X-Request-Id": name, "Accept": accept}
        try:
            connection.request("POST", f"/{NAME}/{endpoint}", json.dumps(asked), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def leaves(self, name: str) -> None:
        """Asks for a long stream, and is gone after its first piece."""
        address = urlsplit(self._platform.gateway)
        with socket.create_connection((address.hostname or "", address.port or 80), timeout=60) as caller:
            body = b'{"text":"bye"}'
            head = f"POST /{NAME}/slowly HTTP/1.1\r\nhost: x\r\nx-api-key: {self._platform.key}\r\nx-request-id: {name}\r\n"
            caller.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
            got = b""
            while b'"bye"' not in got:
                piece = caller.recv(4096)
                assert piece, got
                got += piece

    def rpc(self, name: str, endpoint: str, body: bytes | None = None) -> list[bytes]:
        """The answers of one message, over a method of one message or, for endpoints that stream, of many."""
        key = ("authorization", f"Bearer {self._platform.key}")
        metadata = (("modelway-model", NAME), ("x-request-id", name), key)
        with grpc.insecure_channel(self._address) as made:
            channel: Any = made
            if endpoint == "predict":
                call = channel.unary_unary(SERVICE + "ModelInfer")
                return [call(_message(endpoint) if body is None else body, timeout=60, metadata=metadata)]
            call = channel.stream_stream(SERVICE + "ModelStreamInfer")
            return list(call(iter([_message(endpoint)]), timeout=60, metadata=metadata))


def _message(endpoint: str) -> bytes:
    message = ModelInferRequest(model_name="letters")
    message.parameters["endpoint"].string_param = endpoint
    for name, text in ASKED.items():
        contents = InferTensorContents(bytes_contents=[text.encode()])
        message.inputs.add(name=name, datatype="BYTES", shape=[1], contents=contents)
    return message.SerializeToString()


def _asked(platform: RunningPlatform, question: str) -> list[dict[str, Any]]:
    lines = platform.cli("logs", "query", question, "-o", "json").stdout.splitlines()
    return [json.loads(line) for line in lines]


def _records(platform: RunningPlatform, *names: str) -> dict[str, dict[str, Any]]:
    """Inference records of these requests, out of the store, once all are there."""
    listed = ", ".join(f"'{name}'" for name in names)
    question = (
        "SELECT request_id, transport, status, code, pieces, request, request_omitted, answer, answer_omitted,"
        f" answer_truncated FROM inference WHERE request_id IN ({listed}) AND time > ago('1 hour')"
    )

    def found() -> dict[str, dict[str, Any]] | None:
        rows = {each["request_id"]: each for each in _asked(platform, question)}
        for each in rows.values():
            each |= {name: each[name] and json.loads(each[name]) for name in ("request", "answer")}
        return rows if len(rows) == len(names) else None

    return wait_for(f"{names} are in the store", found, 90)


def _is_captured(caller: Caller, platform: RunningPlatform, tries: Iterator[int]) -> bool:
    name = f"probe-{next(tries)}"
    assert caller.rest(name, "predict")[0] == 200

    def written() -> list[dict[str, Any]] | None:
        said = platform.cli("logs", NAME, "--source", "inference", "--request-id", name, "-o", "json").stdout
        return [json.loads(line) for line in said.splitlines()] or None

    return "request" in wait_for("its record", written)[0]


def _all_know(platform: RunningPlatform) -> bool:
    with platform.control() as control:
        return all(each["table"] == each["newest"] for each in control.list_all("gateways"))


def test_nothing_is_written_unless_the_route_says_so(letters: RunningPlatform) -> None:
    caller = Caller(letters)
    assert caller.rest("off-rest", "predict")[0] == 200
    assert caller.rest("off-stream", "write")[0] == 200
    assert caller.rpc("off-grpc", "predict")
    assert len(caller.rpc("off-talk", "write")) == 6
    for each in _records(letters, "off-rest", "off-stream", "off-grpc", "off-talk.1").values():
        assert (each["request"], each["request_omitted"], each["answer"], each["answer_omitted"]) == (
            None,
            "",
            None,
            "",
        )
        assert each["answer_truncated"] is False


def test_a_policy_holds_for_every_way_to_ask(letters: RunningPlatform, tmp_path: Path) -> None:
    caller = Caller(letters)
    letters.apply(ROUTE)
    tries = iter(range(1000))
    wait_for("the policy holds", lambda: _is_captured(caller, letters, tries) or None, 90)
    wait_for("every worker knows it", lambda: _all_know(letters) or None)
    assert json.loads(caller.rest("on-rest", "predict")[1]) == {"nickname": "Annie", "text": ASKED["text"]}
    streams = {
        accept: caller.rest(f"on-{accept[-6:]}", "write", accept=accept)
        for accept in ("text/event-stream", "application/x-ndjson")
    }
    assert b"ann@" in streams["application/x-ndjson"][1].replace(b'"\n"', b"")
    assert caller.rest("on-long", "predict", {**ASKED, "text": "x" * 500})[0] == 200
    assert caller.rest("on-cut", "write", {**ASKED, "text": "x" * 350})[0] == 200
    caller.rpc("on-grpc", "predict")
    pieces = [ModelStreamInferResponse.FromString(each).infer_response for each in caller.rpc("on-talk", "write")]
    assert b"".join(each.outputs[0].contents.bytes_contents[0] for each in pieces).decode() == ASKED["text"]
    with pytest.raises(grpc.RpcError):
        caller.rpc("on-hostile", "predict", b"\xff\xfeAnnie ann@example.org")
    caller.leaves("on-left")
    found = _records(
        letters,
        *("on-rest", "on-stream", "on-ndjson", "on-long", "on-cut", "on-grpc", "on-talk.1", "on-hostile", "on-left"),
    )
    clean = {"text": "write to [redacted]", "nickname": "[redacted]"}
    assert (found["on-rest"]["request"], found["on-rest"]["answer"]) == (clean, clean)
    words = ["writ", "e to", " [redacted]", "", "", ""]
    for name in ("on-stream", "on-ndjson"):
        assert (found[name]["request"], found[name]["answer"], found[name]["pieces"]) == (clean, words, 6)
    assert found["on-long"]["request_omitted"].endswith(" bytes, too long")
    cut = found["on-cut"]
    assert cut["answer_truncated"] is True
    assert 0 < len(cut["answer"]) < cut["pieces"] == 88
    inputs = [
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["write to [redacted]"]},
        {"name": "nickname", "datatype": "BYTES", "shape": [1], "data": "[redacted]"},
    ]
    assert found["on-grpc"]["transport"] == "grpc"
    assert found["on-grpc"]["request"] == {"parameters": {"endpoint": "predict"}, "inputs": inputs}
    (said,) = found["on-grpc"]["answer"]["outputs"][0]["data"]
    assert json.loads(said) == clean
    talk = found["on-talk.1"]
    assert talk["request"]["inputs"] == inputs
    assert [each["outputs"][0]["data"][0] for each in talk["answer"]] == words[: len(talk["answer"])]
    assert talk["answer"]
    assert (found["on-hostile"]["status"], found["on-hostile"]["request_omitted"]) == (
        400,
        "23 bytes, no ModelInferRequest",
    )
    left = found["on-left"]
    assert (left["status"], left["code"], left["answer"][0]) == (499, "client_left", "bye")
    _says_who_wrote_it(letters)
    _is_exported(letters, tmp_path)
    for path in (letters.home / "replicas").rglob("worker-*.ndjson"):
        written = path.read_bytes()
        assert not [each for each in SECRETS if each in written]


def _says_who_wrote_it(platform: RunningPlatform) -> None:
    rows = _asked(
        platform, "SELECT DISTINCT gateway FROM access WHERE request_id IN ('on-rest', 'on-grpc', 'on-stream')"
    )
    assert rows == [{"gateway": socket.gethostname()}]
    line = platform.cli("logs", NAME, "--request-id", "on-rest").stdout
    assert f"gateway={socket.gethostname()}/" in line


def _is_exported(platform: RunningPlatform, folder: Path) -> None:
    platform.cli("logs", "export", NAME, "--into", str(folder / "set"))
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT request_id, input, output FROM read_parquet(?) WHERE request_id IN ('on-rest', 'on-grpc')",
            [str(folder / "set" / "v1" / "*.parquet")],
        ).fetchall()
    assert len(rows) == 2
    assert not [each for each in SECRETS if each.decode() in json.dumps(rows)]
