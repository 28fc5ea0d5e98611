"""What a stage learns about its request is the same over every transport and in the steps of pipelines."""

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from modelway.protos.open_inference import InferTensorContents, ModelInferRequest, ModelInferResponse

if TYPE_CHECKING:
    from conftest import Server

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
HEADERS = {
    "x-request-id": "mine",
    "x-user": "ann",
    "modelway-mirror": "true",
    "traceparent": f"00-{TRACE}-{SPAN}-01",
}
TOLD = {
    "request_id": "mine",
    "trace_id": TRACE,
    "span_id": SPAN,
    "sampled": True,
    "mirrored": True,
    "deadline": True,
    "cancelled": False,
    "user": "ann",
}
NOTHING = {
    "trace_id": "",
    "span_id": "",
    "sampled": None,
    "mirrored": False,
    "deadline": False,
    "cancelled": False,
    "user": "",
}
WAYS = ("rest", "open_inference", "grpc", "pipeline")


@pytest.fixture(scope="module")
def words(start: "Callable[..., Server]") -> "Server":
    return start("words:Words")


@pytest.fixture(scope="module")
def chain(start: "Callable[..., Server]") -> "Server":
    return start("words:Chain", "--grpc-port", "off")


def call_grpc(server: "Server", endpoint: str, headers: dict[str, str], seconds: float | None, value: float = 1) -> Any:
    request = ModelInferRequest(model_name="words")
    request.parameters["endpoint"].string_param = endpoint
    if endpoint == "patient":
        request.inputs.add(
            name="seconds", datatype="FP64", shape=[1], contents=InferTensorContents(fp64_contents=[value])
        )
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=ModelInferRequest.SerializeToString,
            response_deserializer=ModelInferResponse.FromString,
        )
        answer = infer(request, timeout=seconds, metadata=tuple(headers.items()))
    return answer.outputs[0].contents.bytes_contents[0].decode()


def ask(way: str, words: "Server", chain: "Server", headers: dict[str, str], seconds: float | None) -> dict[str, Any]:
    limit = {} if seconds is None else {"modelway-deadline-ms": str(int(seconds * 1000))}
    match way:
        case "grpc":
            return json.loads(call_grpc(words, "who", headers, seconds))
        case "open_inference":
            body: dict[str, Any] = {"inputs": [], "parameters": {"endpoint": "who"}}
            status, answer = words.ask("/v2/models/words/infer", body, **headers, **limit)
            assert status == 200, answer
            return json.loads(answer["outputs"][0]["data"][0])
        case _:
            status, answer = (words if way == "rest" else chain).ask("/who", {}, **headers, **limit)
            assert status == 200, answer
            return json.loads(answer)


@pytest.mark.parametrize("way", WAYS)
def test_all_of_it(words: "Server", chain: "Server", way: str) -> None:
    assert ask(way, words, chain, HEADERS, 20) == TOLD


@pytest.mark.parametrize("way", WAYS)
def test_and_nothing_where_nothing_was_said(words: "Server", chain: "Server", way: str) -> None:
    told = ask(way, words, chain, {}, None)
    assert told.pop("request_id")
    assert told == NOTHING


@pytest.mark.parametrize("way", ["rest", "pipeline"])
def test_a_caller_that_hangs_up_is_seen(words: "Server", chain: "Server", way: str) -> None:
    server = words if way == "rest" else chain
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        body = b'{"seconds":15}'
        head = b"POST /patient HTTP/1.1\r\nhost: x\r\nx-request-id: hung-up\r\ncontent-length: %d\r\n\r\n" % len(body)
        caller.sendall(head + body)
        time.sleep(0.2)
    started = time.monotonic()
    assert "hung-up" in server.ask("/gone", {})[1]
    assert time.monotonic() - started < 10


def test_a_call_that_is_cancelled_is_seen(words: "Server") -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(call_grpc, words, "patient", {"x-request-id": "cancelled"}, 0.3, 15)
        with pytest.raises(grpc.RpcError):
            waiting.result(20)
    assert "cancelled" in words.ask("/gone", {})[1]


@pytest.mark.parametrize("way", ["rest", "pipeline"])
def test_a_deadline_that_passes_is_seen(words: "Server", chain: "Server", way: str) -> None:
    server = words if way == "rest" else chain
    headers = {"x-request-id": f"late-{way}", "modelway-deadline-ms": "200"}
    assert server.ask("/patient", {"seconds": 15}, **headers)[0] == 504
    assert f"late-{way}" in server.ask("/gone", {})[1]
