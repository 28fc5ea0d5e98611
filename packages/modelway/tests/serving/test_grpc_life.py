"""gRPC over the life of a model server: several workers on one port, an orderly end, a port that is taken, gRPC turned off."""

import socket
import threading
import time
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

SERVICE = "/inference.GRPCInferenceService/"


def grpc_port(server: Any) -> int:
    line = next(line for line in server.log.splitlines() if line.startswith("  gRPC"))
    return int(line.rpartition(":")[2])


def request(endpoint: str, name: str, data: bytes) -> bytes:
    message = ModelInferRequest(model_name="adder")
    message.parameters["endpoint"].string_param = endpoint
    message.inputs.add(name=name, datatype="FP64", shape=[1, len(data) // 8] if name == "rows" else [1])
    message.raw_input_contents.append(data)
    return message.SerializeToString()


def call(port: int, method: str, body: bytes) -> bytes:
    channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    with channel:
        return channel.unary_unary(method)(body, timeout=20, wait_for_ready=True)


def test_connections_are_spread_over_the_workers(serve: Any) -> None:
    server = serve(".", "--workers", "2").until_ready()
    port = grpc_port(server)
    pids: set[bytes] = set()
    for _ in range(60):
        raw = call(port, SERVICE + "ModelInfer", request("add", "rows", b"\0" * 16))
        answer = ModelInferResponse.FromString(raw)
        named = dict(zip((each.name for each in answer.outputs), answer.raw_output_contents, strict=True))
        pids.add(named["pid"])
        if len(pids) == 2:
            break
    assert {int.from_bytes(pid, "little") for pid in pids} == set(server.workers())


def test_what_is_under_way_is_answered_before_the_end(serve: Any) -> None:
    server = serve(".").until_ready()
    port = grpc_port(server)
    answers: list[bytes] = []
    body = request("wait", "seconds", (b"\0" * 6 + b"\xf0\x3f"))  # one second
    thread = threading.Thread(target=lambda: answers.append(call(port, SERVICE + "ModelInfer", body)))
    thread.start()
    time.sleep(0.4)
    assert server.stop() == 0
    thread.join(20)
    assert ModelInferResponse.FromString(answers[0]).raw_output_contents[0] == (1).to_bytes(8, "little")


def test_health_is_not_serving_until_the_model_is_loaded(serve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = serve(".", "--grpc-port", str(port), LOAD_SECONDS="2")
    seen: list[int] = []
    while not seen or seen[-1] != health_pb2.HealthCheckResponse.SERVING:
        raw = call(port, "/grpc.health.v1.Health/Check", b"")
        seen.append(health_pb2.HealthCheckResponse.FromString(raw).status)
        assert len(seen) < 10_000
    assert seen[0] == health_pb2.HealthCheckResponse.NOT_SERVING
    server.until_ready()


def test_a_port_that_is_taken_and_none(serve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = serve(".", "--grpc-port", port)
        server.until(lambda: server.process.poll() is not None)
        assert "--grpc-port" in server.log
    server = serve(".", "--grpc-port", "off").until_ready()
    assert "gRPC" not in server.log
