"""gRPC over the life of a model server: several workers on one port, an orderly end, a port that is taken, gRPC turned off."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2

from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

SERVICE = "/inference.GRPCInferenceService/"
BACKOFFS = ("initial", "min", "max")


def grpc_port(server: Any) -> int:
    line = next(line for line in server.log.splitlines() if line.startswith("  gRPC"))
    return int(line.rpartition(":")[2])


def request(endpoint: str, name: str, data: bytes) -> bytes:
    message = ModelInferRequest(model_name="adder")
    message.parameters["endpoint"].string_param = endpoint
    message.inputs.add(name=name, datatype="FP64", shape=[1, len(data) // 8] if name == "rows" else [1])
    message.raw_input_contents.append(data)
    return message.SerializeToString()


def answered_by(body: bytes) -> int:
    """The process that says so in its answer."""
    answer = ModelInferResponse.FromString(body)
    named = dict(zip((each.name for each in answer.outputs), answer.raw_output_contents, strict=True))
    return int.from_bytes(named["pid"], "little")


def call(port: int, method: str, body: bytes) -> bytes:
    channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    with channel:
        return channel.unary_unary(method)(body, timeout=60, wait_for_ready=True)


def test_connections_are_spread_over_the_workers(serve: Any) -> None:
    server = serve(".", "--workers", "2").until_ready()
    port = grpc_port(server)
    pids: set[int] = set()
    for _ in range(60):
        raw = call(port, SERVICE + "ModelInfer", request("add", "rows", b"\0" * 16))
        pids.add(answered_by(raw))
        if len(pids) == 2:
            break
    assert pids == set(server.workers())


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


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def test_nobody_listens_until_the_model_is_loaded(serve: Any, tmp_path: Path) -> None:
    """A client without health checks, and a proxy that only connects, take a port that listens for a model that answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe, socket.create_server(("127.0.0.1", 0)) as other:
        port, http = probe.getsockname()[1], other.getsockname()[1]
    may_be_loaded = tmp_path / "may-be-loaded"
    ports = ("--grpc-port", str(port), "--port", str(http))
    server = serve(".", *ports, LOADED_ONCE_THERE_IS=str(may_be_loaded))
    server.until(lambda: listens(http), 60)
    assert not listens(port)
    may_be_loaded.touch()
    server.until_ready(60)
    raw = call(port, "/grpc.health.v1.Health/Check", b"")
    assert health_pb2.HealthCheckResponse.FromString(raw).status == health_pb2.HealthCheckResponse.SERVING


def test_a_port_that_is_taken_and_none(serve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = serve(".", "--grpc-port", port)
        server.until(lambda: server.process.poll() is not None)
        assert "--grpc-port" in server.log
    server = serve(".", "--grpc-port", "off").until_ready()
    assert "gRPC" not in server.log


def test_who_watches_health_hears_of_the_end(serve: Any) -> None:
    server = serve(".").until_ready()
    made: Any = grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}")
    with made:
        watch = made.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=60)
        seen = [health_pb2.HealthCheckResponse.FromString(next(watch)).status]
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8  # the watch is ended, not waited for
        with pytest.raises(grpc.RpcError) as caught:
            seen.extend(health_pb2.HealthCheckResponse.FromString(each).status for each in watch)
        assert seen == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


async def test_no_call_fails_while_servers_are_replaced(serve: Any) -> None:
    first, second = serve(".").until_ready(), serve(".").until_ready()
    ports = [grpc_port(first), grpc_port(second)]
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    body = request("add", "rows", b"\0" * 16)
    answers: Counter[int] = Counter()  # by the server's process
    stopping = asyncio.Event()
    # A client that was refused waits before it connects again, and longer each time.
    options = [
        ("grpc.lb_policy_name", "round_robin"),
        *((f"grpc.{each}_reconnect_backoff_ms", 100) for each in BACKOFFS),
    ]
    async with grpc.aio.insecure_channel(target, options) as made:
        call: Any = cast("Any", made).unary_unary(SERVICE + "ModelInfer")

        async def caller() -> None:
            while not stopping.is_set():
                answers[answered_by(await call(body, timeout=60))] += 1

        callers = [asyncio.create_task(caller()) for _ in range(16)]

        async def more(count: int, *servers: Any) -> None:
            pids = [server.workers()[0] for server in servers]
            before = answers.copy()
            while any(answers[pid] < before[pid] + count for pid in pids):
                failed = [each for each in callers if each.done()]
                assert not failed, failed[0].exception()
                await asyncio.sleep(0.01)

        await more(100, first, second)
        going, staying = first, second
        for port in ports:
            assert await asyncio.to_thread(going.stop) == 0
            await more(100, staying)
            replacement = await asyncio.to_thread(serve, ".", "--grpc-port", str(port))
            await asyncio.to_thread(replacement.until_ready, 60)
            await more(100, staying, replacement)
            going, staying = staying, replacement
        stopping.set()
        await asyncio.gather(*callers)


def test_tls_with_a_certificate_of_the_caller(serve: Any, tmp_path: Path) -> None:
    key, certificate = key_and_certificate()
    pem = tmp_path / "server.pem"
    pem.write_bytes(key + certificate)
    server = serve(".", "--tls-cert", str(pem), "--tls-key", str(pem), "--tls-client-ca", str(pem))
    server.until(lambda: "  gRPC" in server.log, 20)
    address = f"localhost:{grpc_port(server)}"
    body = request("add", "rows", b"\0" * 16)
    made: Any = grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate, key, certificate))
    with made:
        call = made.unary_unary(SERVICE + "ModelInfer")
        assert [len(call(body, timeout=20)) for _ in range(3)]
    without: Any = grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate))
    with without, pytest.raises(grpc.RpcError):
        without.unary_unary(SERVICE + "ModelInfer")(body, timeout=3)
    context = ssl.create_default_context(cadata=certificate.decode())
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["http/1.1"])  # another protocol is not spoken here
    with (
        socket.create_connection(("localhost", grpc_port(server)), timeout=10) as plain,
        contextlib.suppress(OSError),
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert secured.recv(100) == b""


def key_and_certificate() -> tuple[bytes, bytes]:
    """Of `localhost`, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(tz=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return plain, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
