"""TLS on both legs of a call: the gateway's own certificate, renewed while it serves, and mutual TLS with a real model server."""

import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from journeys.authority import Authority

from modelway.client import Server
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import DeadlineExceededError, UnavailableError
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.gateway.proxy.edge.edge import CertificatePair
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls
from modelway_platform.gateway.proxy.rpc.listener import RpcListener
from modelway_platform.store.files.table_file import write_table

KEY = "mw_caller"
HANDLER = """
from modelway import Handler, inference

class M(Handler):
    @inference
    def predict(self, text: str) -> str:
        return text
"""


@contextmanager
def served(folder: Path, *options: object) -> Generator[int]:
    """The gRPC port of a model server."""
    (folder / "m_model.py").write_text(HANDLER)
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "m_model:M", "--port", "0", *options]
    with subprocess.Popen(
        [str(word) for word in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        line = next(line for line in map(bytes.decode, process.stdout) if line.startswith("  gRPC"))
        yield int(line.rpartition(":")[2])
        process.terminate()


@contextmanager
def listening(gateway: Any, tls: ReplicaTls | None, pair: CertificatePair, grpc_port: int) -> Generator[int]:
    async def made() -> RpcListener:
        return RpcListener(gateway.worker, tls)

    replica = ReplicaEntry(id="r", host="127.0.0.1", port=1, secure=True, grpc_port=grpc_port)
    model = ModelEntry(
        project="p",
        model="m",
        access="key",
        idempotent=False,
        timeout_seconds=8.0,
        max_body_bytes=1 << 20,
        versions=(VersionEntry(version="v1", weight=1, replicas=(replica,)),),
    )
    key = KeyEntry(id="k1", name="k1", role="caller", sha256=sha256(KEY.encode()).hexdigest())
    write_table(gateway.table_path, RouteTable(number=1, models=(model,), keys=(key,)))
    gateway.call(gateway.watch.look)
    listener = gateway.run(made())
    yield gateway.run(listener.start("127.0.0.1", 0, (pair,)))
    gateway.run(listener.drain(0))


def client(port: int, authority: Authority) -> GrpcModelClient:
    server = Server(url="https://127.0.0.1:1", key=KEY, ca_file=str(authority.file))
    return GrpcModelClient("p/m", address=f"127.0.0.1:{port}", server=server, timeout=20)


def test_both_legs(gateway: Any, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "a stranger")
    replica = authority.issue("replica", "127.0.0.1")
    certificate, key = authority.issue("gateway", "127.0.0.1")
    pair = CertificatePair(certificate=certificate, key=key)
    options = ("--tls-cert", replica[0], "--tls-key", replica[1], "--tls-client-ca", authority.file)
    with served(tmp_path, *options) as port:
        with (
            listening(gateway, ReplicaTls(authorities=authority.file, pair=pair), pair, port) as ours,
            client(ours, authority) as caller,
        ):
            assert caller.ask({"text": "hello"}).value == "hello"
        other = stranger.issue("other", "127.0.0.1")
        unknown = ReplicaTls(authorities=authority.file, pair=CertificatePair(certificate=other[0], key=other[1]))
        for tls in (
            None,
            ReplicaTls(authorities=stranger.file, pair=pair),
            ReplicaTls(authorities=authority.file),
            unknown,
        ):
            with (
                listening(gateway, tls, pair, port) as ours,
                client(ours, authority) as caller,
                pytest.raises((UnavailableError, DeadlineExceededError)),
            ):
                caller.call({"text": "hello"}, timeout=1)


def test_a_renewed_certificate_is_shown_to_who_comes_next(gateway: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("gateway", "127.0.0.1")

    def serial(port: int) -> int:
        shown = ssl.get_server_certificate(("127.0.0.1", port))
        return x509.load_pem_x509_certificate(shown.encode()).serial_number

    with listening(gateway, None, CertificatePair(certificate=certificate, key=key), 1) as port:
        before = serial(port)
        assert before == x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
        newer = authority.issue("newer", "127.0.0.1")
        newer[1].replace(key)
        newer[0].replace(certificate)
        wanted = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
        assert wanted != before
        ends = time.monotonic() + 30
        while serial(port) != wanted:
            assert time.monotonic() < ends
            time.sleep(0.1)
        health: Any = grpc.secure_channel(
            f"127.0.0.1:{port}", grpc.ssl_channel_credentials(authority.file.read_bytes())
        )
        assert health.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10) == b"\x08\x01"
        health.close()
