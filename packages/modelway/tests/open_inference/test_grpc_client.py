"""Our own client over gRPC, against a model server; arrays and plain values, streams, errors, time."""

import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from modelway.client import CallOptions
from modelway.client import Server as Address
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import (
    DeadlineExceededError,
    HandlerError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)

Server = Any


def client_of(port: int, target: str = "p/m", **options: Any) -> GrpcModelClient:
    server = Address(url="http://127.0.0.1:1", key="mw_key")
    return GrpcModelClient(target, address=f"127.0.0.1:{port}", server=server, **options)


@pytest.fixture(scope="module")
def client(server: Server) -> Generator[GrpcModelClient, None, None]:
    with client_of(server.grpc_port) as made:
        yield made


def test_arrays_and_lists_are_sent_as_the_model_wants_them(client: GrpcModelClient) -> None:
    wanted = {
        "label": 3,
        "score": 1.0,
        "name": "n1",
        "sure": True,
        "raw": b"\x00\xff",
        "scores": [2, 4],
        "more": "[1,2]",
    }
    for image in (np.array([1, 2], np.float32), np.array([1, 2], np.float64), [1, 2], (1.0, 2.0)):
        assert client.call({"image": image}) == wanted
    answer = client.ask({"image": [1, 2]}, options=CallOptions(request_id="mine"))
    assert answer.request_id == "mine"


def test_other_endpoints_take_what_the_values_say(client: GrpcModelClient) -> None:
    inputs = {"n": 1, "f": 0.25, "b": False, "s": "ä", "o": b"\xff", "box": {"left": 1}}
    assert client.call(inputs, endpoint="plain") == "1 0.25 False ä b'\\xff' 9"
    assert client.call({"x": np.array([1, 3], np.float16)}, endpoint="half") == [0.5, 1.5]
    assert client.call({"n": 3}, endpoint="grow") == [0, 1, 2]


def test_a_stream_is_read_piece_by_piece_and_may_be_left(client: GrpcModelClient) -> None:
    pieces = list(client.stream({"n": 3}, endpoint="count"))
    assert pieces == [{"number": n, "pair": [n, n]} for n in range(3)]
    stream = client.stream({"n": 40}, endpoint="count")
    assert next(stream)["number"] == 0
    stream.close()  # type: ignore[attr-defined]
    broken = client.stream({"n": 60}, endpoint="count")
    assert len([next(broken) for _ in range(50)]) == 50
    with pytest.raises(HandlerError):
        next(broken)


def test_errors_are_typed(server: Server, client: GrpcModelClient) -> None:
    with pytest.raises(InvalidInputError, match="negative"):
        client.call({"n": -1}, endpoint="plain")
    with pytest.raises(HandlerError):
        client.call({"n": 13}, endpoint="plain")
    with pytest.raises(NotFoundError):
        client.call({}, endpoint="nothing")
    with pytest.raises(NotFoundError):
        list(client.stream({}, endpoint="nothing"))
    with pytest.raises(InvalidRequestError, match="FP32"):
        client.call({"image": ["a", "b"]})
    with pytest.raises(InvalidRequestError, match="object"):
        client.call({"n": object()}, endpoint="plain")
    with pytest.raises(InvalidRequestError, match="name of a model"):
        client_of(server.grpc_port, "m")
    with client_of(server.grpc_port, "p/other") as other, pytest.raises(NotFoundError):
        other.call({})


def test_time_is_kept(client: GrpcModelClient) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        client.call({"seconds": 60.0}, endpoint="wait", timeout=0.3)
    assert time.monotonic() - started < 20


def test_nobody_there_and_then_somebody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with client_of(port, timeout=0.5) as client, pytest.raises((UnavailableError, DeadlineExceededError)):
        client.call({"n": 1}, endpoint="plain")
    asked: list[int] = []

    def infer(body: bytes, context: Any) -> bytes:
        asked.append(1)
        if len(asked) < 3:
            context.set_trailing_metadata((("modelway-code", "not_ready"),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "the model is not ready yet")
        context.set_trailing_metadata((("modelway-code", "replica_failed"),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "broke")
        raise AssertionError

    server: Any = grpc.server(ThreadPoolExecutor(2))
    make: Any = vars(grpc)["unary_unary_rpc_method_handler"]
    handlers = {"ModelInfer": make(infer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    late = threading.Timer(0.3, server.start)
    late.start()
    with client_of(port, timeout=20) as client, pytest.raises(UnavailableError) as caught:
        client.call({"n": 1}, endpoint="plain")
    assert caught.value.error_code == "replica_failed"
    assert len(asked) == 3, "asked again while it was not ready, and not after the model may have worked"
    late.join()
    server.stop(0).wait(10)
