"""Payloads of a real server's calls over gRPC and of its streams, by the policy that its route's gateway tells it."""

import http.client
import json
import struct
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from modelway.protos.open_inference import InferTensorContents, ModelInferRequest, ModelStreamInferResponse

if TYPE_CHECKING:
    from conftest import Server

SERVICE = "/inference.GRPCInferenceService/"
POLICY = {"share": 1.0, "max": 600, "fields": ["nickname"], "patterns": ["[a-z]{1,32}@[a-z.]{1,64}"]}
TOLD = ("modelway-payloads", json.dumps(POLICY))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "inference"


@pytest.fixture(scope="module")
def server(start: "Callable[..., Server]", log: Path) -> "Server":
    return start("words:Words", "--name", "demo/words/v1", "--inference-log", str(log))


@pytest.fixture(scope="module")
def channel(server: "Server") -> Generator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as made:
        yield made


def record(server: "Server", log: Path, request_id: str) -> dict[str, Any]:
    (one,) = server.until(lambda: [each for each in server.records(log) if each["request_id"] == request_id])
    return one


def asked(endpoint: str, text: bytes, *, raw: bool = False) -> bytes:
    message = ModelInferRequest(model_name="words")
    message.parameters["endpoint"].string_param = endpoint
    tensor = message.inputs.add(name="word", datatype="BYTES", shape=[1])
    if raw:
        message.raw_input_contents.append(struct.pack("<I", len(text)) + text)
    else:
        tensor.contents.CopyFrom(InferTensorContents(bytes_contents=[text]))
    return message.SerializeToString()


@pytest.mark.parametrize("raw", [False, True])
def test_a_call_is_written_as_the_json_it_would_be(server: "Server", log: Path, channel: Any, *, raw: bool) -> None:
    call, name = channel.unary_unary(SERVICE + "ModelInfer"), f"call-{raw}"
    call(asked("shout", b"for me@example.org", raw=raw), timeout=30, metadata=(TOLD, ("x-request-id", name)))
    found = record(server, log, name)
    tensor = {"name": "word", "datatype": "BYTES", "shape": [1], "data": ["for [redacted]"]}
    assert found["request"] == {"parameters": {"endpoint": "shout"}, "inputs": [tensor]}
    assert found["answer"]["model_name"] == "words"
    assert found["answer"]["outputs"] == [
        {"name": "output", "datatype": "BYTES", "shape": [1], "data": ["FOR ME@EXAMPLE.ORG"]}
    ]
    call(asked("shout", b"x", raw=raw), timeout=30, metadata=(("x-request-id", f"off-{raw}"),))
    assert not record(server, log, f"off-{raw}").keys() & {"request", "answer", "request_omitted", "answer_omitted"}


def test_calls_that_are_refused_or_fail(server: "Server", log: Path, channel: Any) -> None:
    call = channel.unary_unary(SERVICE + "ModelInfer")
    for name, body in (("no-message", b"\xff\xff"), ("failed", asked("shout", b"fail")), ("long", bytes(700))):
        with pytest.raises(grpc.RpcError):
            call(body, timeout=30, metadata=(TOLD, ("x-request-id", name)))
    assert record(server, log, "no-message")["request_omitted"] == "2 bytes, no ModelInferRequest"
    failed = record(server, log, "failed")
    assert (failed["code"], failed["request"]["inputs"][0]["data"]) == ("handler_failed", ["fail"])
    assert "answer" not in failed
    assert record(server, log, "long")["request_omitted"] == "700 bytes, too long"


def test_each_message_of_a_conversation_is_a_request(server: "Server", log: Path, channel: Any) -> None:
    messages = [asked("shout", b"hey"), asked("letters", b"a@b.c"), asked("letters", b"x" * 40)]
    metadata = (TOLD, ("x-request-id", "talk"))
    answers = channel.stream_stream(SERVICE + "ModelStreamInfer")(iter(messages), timeout=60, metadata=metadata)
    assert len([ModelStreamInferResponse.FromString(each) for each in answers]) == 46
    first, second, third = (record(server, log, f"talk.{number}") for number in (1, 2, 3))
    assert first["answer"]["outputs"][0]["data"] == ["HEY"]
    assert second["request"]["inputs"][0]["data"] == ["[redacted]"]
    assert [each["outputs"][0]["data"] for each in second["answer"]] == [["[redacted]"], [""], [""], [""], [""]]
    assert "answer_truncated" not in second
    assert third["answer_truncated"] is True
    assert 0 < len(third["answer"]) < third["pieces"] == 40


def test_streams_over_rest(server: "Server", log: Path) -> None:
    told = {"modelway_payloads": TOLD[1]}
    for accept in ("text/event-stream", "application/x-ndjson", "application/json"):
        server.ask("/letters", {"word": "to a@b.c"}, x_request_id=accept[-4:], accept=accept, **told)
        found = record(server, log, accept[-4:])
        assert found["request"] == {"word": "to [redacted]"}
        if accept != "application/json":
            assert found["answer"] == ["t", "o", " ", "[redacted]", "", "", "", ""]
    server.ask("/letters", {"word": "z" * 500}, x_request_id="cut", **told)
    found = record(server, log, "cut")
    assert found["answer"] == ["z"] * 150
    assert found["answer_truncated"] is True
    server.ask("/letters", {"word": "abc"}, x_request_id="untold")
    assert not record(server, log, "untold").keys() & {"request", "answer", "answer_truncated"}


def test_streams_and_calls_of_models_in_processes_of_their_own(start: "Callable[..., Server]", tmp_path: Path) -> None:
    apart = start(
        *("words:Words", "--name", "demo/words/v1", "--inference-log", str(tmp_path / "log"), "--model-processes", "1")
    )
    apart.ask("/letters", {"word": "to a@b.c"}, x_request_id="apart", modelway_payloads=TOLD[1])
    assert record(apart, tmp_path / "log", "apart")["answer"] == ["t", "o", " ", "[redacted]", "", "", "", ""]
    with grpc.insecure_channel(f"127.0.0.1:{apart.grpc_port}") as made:
        channel: Any = made
        metadata = (TOLD, ("x-request-id", "talk"))
        call = channel.stream_stream(SERVICE + "ModelStreamInfer")
        assert len(list(call(iter([asked("letters", b"abc")]), timeout=60, metadata=metadata))) == 3
    found = record(apart, tmp_path / "log", "talk.1")
    assert [each["outputs"][0]["data"] for each in found["answer"]] == [["a"], ["b"], ["c"]]


def test_answers_that_are_no_json_are_told_by_their_size(server: "Server", log: Path) -> None:
    status, _ = server.ask(
        "/octets", {"size": 9}, x_request_id="picture", accept="application/octet-stream", modelway_payloads=TOLD[1]
    )
    assert status == 200
    found = record(server, log, "picture")
    assert (found["request"], found["answer_omitted"]) == ({"size": 9}, "9 bytes, not JSON")


def test_a_caller_that_leaves_midway_is_on_record(server: "Server", log: Path, channel: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"x-request-id": "left", TOLD[0]: TOLD[1]}
    connection.request("POST", "/count", b'{"seconds":0.05}', headers)
    answer = connection.getresponse()
    assert answer.readline() == b"0\n"
    answer.close()
    connection.close()
    found = record(server, log, "left")
    assert (found["status"], found["code"], found["request"]) == (499, "client_left", {"seconds": 0.05})
    assert found["answer"][0] == 0
    assert found["pieces"] >= len(found["answer"])
    message = ModelInferRequest(model_name="words")
    message.parameters["endpoint"].string_param = "count"
    message.inputs.add(name="seconds", datatype="FP64", shape=[1])
    message.raw_input_contents.append(struct.pack("<d", 0.05))
    metadata = (TOLD, ("x-request-id", "gone"))
    call = channel.stream_stream(SERVICE + "ModelStreamInfer")(
        iter([message.SerializeToString()]), timeout=60, metadata=metadata
    )
    next(call)
    call.cancel()
    found = record(server, log, "gone.1")
    assert (found["status"], found["request"]["inputs"][0]["data"]) == (499, [0.05])
    assert found["answer"][0]["outputs"][0]["data"] == [0]


def test_tensors_of_octets_over_rest(server: "Server", log: Path) -> None:
    tensor = {"name": "word", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 9}}
    header = json.dumps({"inputs": [tensor], "parameters": {"endpoint": "shout", "binary_data_output": True}}).encode()
    body = header + struct.pack("<I", 5) + b"a@b.c"
    named = {"modelway_payloads": TOLD[1], "inference_header_content_length": str(len(header))}
    assert server.ask("/v2/models/words/infer", body, x_request_id="octets", **named)[0] == 200
    found = record(server, log, "octets")
    assert found["request"]["inputs"] == [{"name": "word", "datatype": "BYTES", "shape": [1], "data": ["[redacted]"]}]
    assert found["answer"]["outputs"][0]["data"] == ["A@B.C"]
