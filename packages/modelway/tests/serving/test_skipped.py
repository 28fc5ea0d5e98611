"""Who left, and whose time was over, costs no inference, over REST, the protocol and gRPC; shown by counts."""

import concurrent.futures
import re
import socket
import struct
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from modelway.protos.open_inference import ModelInferRequest

METHOD = "/inference.GRPCInferenceService/ModelInfer"
Server = Any


def value(server: Server, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", server.ask("GET", "/metrics")[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def series(name: str, endpoint: str, more: str = "") -> str:
    return f'{name}{{project="demo",model="adder",version="v1",endpoint="{endpoint}"{more}}}'


def skipped(server: Server, why: str) -> float:
    return value(server, series("modelway_skipped_requests_total", "wait", f',why="{why}"'))


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def message(endpoint: str, seconds: float) -> bytes:
    asked = ModelInferRequest(model_name="adder")
    asked.parameters["endpoint"].string_param = endpoint
    asked.inputs.add(name="seconds", datatype="FP64", shape=[1])
    asked.raw_input_contents.append(struct.pack("<d", seconds))
    return asked.SerializeToString()


@pytest.fixture(scope="module")
def infer(shared: Server) -> Generator[Any, None, None]:
    port = int(next(each for each in shared.log.splitlines() if each.startswith("  gRPC")).rpartition(":")[2])
    channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}")
    with channel:
        yield channel.unary_unary(METHOD)


@contextmanager
def busy(server: Server) -> Generator[None, None, None]:
    """The model is at a request of half a second; at the end nothing waits any more, and it says how many it ran."""
    before = server.ask("POST", "/wait", {"seconds": 0})[1]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.ask, "POST", "/wait", {"seconds": 0.5})
        time.sleep(0.1)
        yield
        assert running.result()[0] == 200
    assert server.ask("POST", "/wait", {"seconds": 0})[1] == before + 2  # that one and the one that asks: no other


def test_a_caller_that_left_while_waiting_is_skipped_over_rest(shared: Server) -> None:
    before = skipped(shared, "left")
    body = b'{"seconds": 9}'
    with busy(shared):
        for target in (b"/wait", b"/wait"):
            with socket.create_connection(("127.0.0.1", shared.port)) as caller:
                caller.sendall(
                    b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (target, len(body), body)
                )
                time.sleep(0.05)
        until(lambda: skipped(shared, "left") == before + 2)


def test_a_call_that_is_cancelled_while_waiting_is_skipped(shared: Server, infer: Any) -> None:
    before = skipped(shared, "left")
    with busy(shared):
        call = infer.future(message("wait", 9.0), timeout=20, wait_for_ready=True)
        time.sleep(0.1)
        call.cancel()
        until(lambda: skipped(shared, "left") == before + 1)


def test_who_is_late_is_skipped_over_rest_the_protocol_and_grpc(shared: Server, infer: Any) -> None:
    def both() -> float:
        return skipped(shared, "late") + skipped(shared, "left")

    before, late = both(), skipped(shared, "late")
    deadline = {"Modelway-Deadline-Ms": "60"}
    body = {
        "inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [9.0]}],
        "parameters": {"endpoint": "wait"},
    }
    with busy(shared):
        assert shared.ask("POST", "/wait", {"seconds": 9}, deadline)[0] == 504
        assert shared.ask("POST", "/v2/models/adder/infer", body, deadline)[0] == 504
        with pytest.raises(grpc.RpcError) as caught:
            infer(message("wait", 9.0), timeout=0.06)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
        until(lambda: both() == before + 3)  # gRPC may cancel the call a moment before we look
    assert skipped(shared, "late") >= late + 2


def test_work_for_a_call_that_is_cancelled_is_counted_as_wasted(shared: Server, infer: Any) -> None:
    wasted = series("modelway_wasted_seconds_total", "patient")
    before = value(shared, wasted)
    call = infer.future(message("patient", 30.0), timeout=40, wait_for_ready=True)
    time.sleep(0.2)
    call.cancel()
    until(lambda: value(shared, wasted) > before + 0.05)
    assert value(shared, wasted) < before + 10


def test_an_input_that_fails_its_batch_is_counted(shared: Server) -> None:
    poison = series("modelway_poison_inputs_total", "add")
    before = value(shared, poison)
    with busy(shared), concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(shared.ask, "POST", "/add", {"rows": rows}) for rows in ([1], [], [2], [3])]
        assert sorted(each.result()[0] for each in asked) == [200, 200, 200, 500]
    assert value(shared, poison) == before + 1
