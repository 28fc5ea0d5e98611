"""Mutual TLS between the gateway and a real model server, with certificates of a test authority."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from journeys.authority import Authority

from modelway_platform.domain.routing.mirroring.mirrors import Mirror, Mirroring
from modelway_platform.gateway.proxy.edge.edge import CertificatePair
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls, replica_context

HANDLER = """
from modelway import Handler, inference

class Echo(Handler):
    def load(self) -> None: ...

    @inference
    def echo(self, text: str) -> str:
        return text
"""
CALL = b"POST /p/m/echo HTTP/1.1\r\nhost: h\r\ncontent-length: 13\r\n\r\n" + b'{"text": "x"}'


class Secure:
    """What a route table needs to know of a replica, with `secure`."""

    def __init__(self, port: int) -> None:
        self.port = port


@contextmanager
def served(folder: Path, *options: object) -> Generator[Secure]:
    (folder / "echo_model.py").write_text(HANDLER)
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "echo_model:Echo", "--port", "0", *options]
    with subprocess.Popen(
        [str(word) for word in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().decode()
        assert "https://127.0.0.1:" in ready
        yield Secure(int(ready.split("https://127.0.0.1:")[1].split()[0]))
        process.terminate()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def believe(gateway: Any, authority: Authority, shown: tuple[Path, Path] | None) -> None:
    pair = CertificatePair(certificate=shown[0], key=shown[1]) if shown else None
    gateway.worker.replica_context = replica_context(ReplicaTls(authorities=authority.file, pair=pair))


def test_both_sides_show_who_they_are(gateway: Any, call: Any, tmp_path: Path, authority: Authority) -> None:
    mine = authority.issue("gateway", "gateway.test")
    files = authority.issue("replica", "127.0.0.1")
    with served(tmp_path, "--tls-cert", files[0], "--tls-key", files[1], "--tls-client-ca", authority.file) as replica:
        believe(gateway, authority, mine)
        gateway.table(replica, secure=True)
        caller = call()
        for _ in range(3):
            caller.send(CALL)
            answer = caller.answer()
            assert (answer.status, answer.body) == (200, b'"x"')
        assert gateway.idle() == 1  # one connection, kept

        assert answers_without_a_certificate(replica.port, authority) == b""


def test_copies_for_a_mirror_go_the_same_way(
    gateway: Any, call: Any, tmp_path: Path, authority: Authority, table: Any
) -> None:
    files = authority.issue("replica", "127.0.0.1")
    with served(tmp_path, "--tls-cert", files[0], "--tls-key", files[1], "--tls-client-ca", authority.file) as replica:
        believe(gateway, authority, authority.issue("gateway", "gateway.test"))
        other = Secure(replica.port)
        mirroring = Mirroring(mirrors=(Mirror(source="v1", to="v2"),))
        versions = {"v1": (1, [replica]), "v2": (0, [other])}
        gateway.publish(table(versions, secure=True, mirroring=mirroring, names={other: "other"}))
        assert call(CALL).answer().status == 200
        copies = gateway.worker.routes.mirror_book.of("p", "m", "v2", "v1")
        ends = time.monotonic() + 10
        while copies.codes != {200: 1}:
            assert time.monotonic() < ends, copies
            time.sleep(0.01)


def answers_without_a_certificate(port: int, authority: Authority) -> bytes:
    """What a server sends to somebody who shows none: an alert at most, which is an error or the end, never an answer."""
    context = ssl.create_default_context(cafile=str(authority.file))
    with socket.create_connection(("127.0.0.1", port), 8) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(b"GET /livez HTTP/1.1\r\nhost: h\r\n\r\n")
                return secure.recv(100)
        except (ssl.SSLError, ConnectionError):
            return b""


@pytest.mark.parametrize("wrong", ["authority", "name", "nothing shown", "nobody believed"])
def test_who_cannot_show_it_gets_no_request(
    gateway: Any, call: Any, tmp_path: Path, authority: Authority, wrong: str
) -> None:
    other = Authority(tmp_path, "another authority")
    signing = other if wrong == "authority" else authority
    files = signing.issue("replica", "192.0.2.1" if wrong == "name" else "127.0.0.1")
    with served(tmp_path, "--tls-cert", files[0], "--tls-key", files[1], "--tls-client-ca", authority.file) as replica:
        if wrong != "nobody believed":
            shown = None if wrong == "nothing shown" else authority.issue("gateway", "gateway.test")
            believe(gateway, authority, shown)
        gateway.table(replica, secure=True)
        answer = call(CALL).answer()
        assert answer.status in {502, 503}
        if wrong in {"authority", "name"}:
            assert gateway.worker.metrics.edge.replicas_not_believed == 1


def test_a_server_says_at_once_what_is_wrong_with_its_files(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "echo_model.py").write_text(HANDLER)
    files = authority.issue("replica", "127.0.0.1")
    for options, said in (
        (["--tls-key", files[1]], "need --tls-cert"),
        (["--tls-cert", tmp_path / "none.pem"], "cannot read"),
        (["--tls-cert", files[0]], "cannot be used"),
        (["--tls-cert", files[0], "--tls-key", files[1], "--tls-client-ca", files[1]], "cannot be used"),
    ):
        command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "echo_model:Echo", "--port", "0", *options]
        done = subprocess.run(
            [str(word) for word in command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1, done.stdout
        assert said in done.stderr
