"""HTTPS at the gateway: real worker processes, certificates of a test authority."""

import shutil
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journeys.authority import Authority

BODY = b'{"x":1}'
CALL = b"POST /p/m/predict HTTP/1.1\r\nhost: h\r\ncontent-length: 7\r\n\r\n" + BODY
Files = tuple[Path, Path]


class Https:
    """A gateway process with certificates, and callers that trust the test authority."""

    def __init__(self, process: Any, authority: Authority) -> None:
        self.process = process
        self.authority = authority
        self.open: list[socket.socket] = []

    def connect(self, name: str | None = "gateway.test", **options: Any) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.check_hostname = name is not None
        context.set_alpn_protocols(["h2", "http/1.1"])
        for option, value in options.items():
            setattr(context, option, value)
        plain = socket.create_connection(("127.0.0.1", self.process.port), 8)
        self.open.append(plain)
        secure = context.wrap_socket(plain, server_hostname=name)
        self.open.append(secure)
        return secure

    def metric(self, name: str) -> float:
        with self.connect() as connection:
            connection.sendall(b"GET /_/metrics HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            page = read_all(connection).decode()
        lines = [line for line in page.splitlines() if line.startswith(f"modelway_gateway_{name}")]
        return float(lines[0].split(" ")[-1]) if lines else 0.0

    def metric_reaches(self, name: str, least: float) -> None:
        deadline = time.monotonic() + 15
        while self.metric(name) < least:
            assert time.monotonic() < deadline, f"{name} stays below {least}"
            time.sleep(0.1)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(1 << 16):
        data += piece
    return data


def answer_on(connection: socket.socket, call: bytes = CALL) -> bytes:
    connection.sendall(call)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        assert piece, data
        data += piece
    return data


def serial_of(connection: ssl.SSLSocket) -> Any:
    certificate = connection.getpeercert()
    assert certificate
    return certificate["serialNumber"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def https(process: Callable[..., Any], replica: Any, table: Any, authority: Authority) -> Any:
    made: list[Https] = []

    def start(*pairs: Files, **options: Any) -> Https:
        words = ",".join(f"CertificatePair(certificate=Path({str(c)!r}), key=Path({str(k)!r}))" for c, k in pairs)
        gateway = process(
            table({"v1": (1, [replica()])}),
            before="from modelway_platform.gateway.proxy.edge.edge import CertificatePair",
            settings=f", certificates=({words},)",
            **options,
        )
        made.append(Https(gateway, authority))
        return made[-1]

    yield start
    for each in made:
        for connection in each.open:
            connection.close()


def test_a_caller_that_trusts_the_authority_is_answered_again_and_again(https: Any, authority: Authority) -> None:
    gateway = https(authority.issue("one", "gateway.test"))
    connection = gateway.connect()
    assert connection.version() == "TLSv1.3"
    assert connection.selected_alpn_protocol() == "http/1.1"
    for _ in range(3):
        assert answer_on(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_old_protocols_and_weak_ciphers_are_refused(https: Any, authority: Authority) -> None:
    gateway = https(authority.issue("one", "gateway.test"))
    old = ssl.create_default_context(cafile=str(authority.file))
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", gateway.process.port), 8) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol"),
    ):
        old.wrap_socket(plain, server_hostname="gateway.test")
    modern = gateway.connect(maximum_version=ssl.TLSVersion.TLSv1_2)
    cipher = modern.cipher()
    assert cipher is not None
    assert cipher[0].startswith("ECDHE-")
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA")  # no authenticated encryption
    with (
        socket.create_connection(("127.0.0.1", gateway.process.port), 8) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="gateway.test")


def test_the_name_asked_for_chooses_the_certificate(https: Any, authority: Authority) -> None:
    gateway = https(authority.issue("one", "gateway.test"), authority.issue("two", "other.test", "*.models.test"))
    first = serial_of(gateway.connect("gateway.test"))
    second = serial_of(gateway.connect("other.test"))
    assert first != second
    assert serial_of(gateway.connect("eu.models.test")) == second
    assert serial_of(gateway.connect(None)) == first
    for unknown in ("nobody.test", "a.b.models.test"):
        with pytest.raises(ssl.SSLCertVerificationError):
            gateway.connect(unknown)


def test_a_new_certificate_is_taken_while_connections_go_on(https: Any, authority: Authority) -> None:
    files = authority.issue("one", "gateway.test", days=5)
    gateway = https(files)
    old = gateway.connect()
    before = serial_of(old)
    assert answer_on(old).startswith(b"HTTP/1.1 200")
    gateway.metric_reaches("certificate_expiry_timestamp_seconds", 1)
    soon = gateway.metric("certificate_expiry_timestamp_seconds")
    assert soon == pytest.approx(time.time() + 5 * 86400, abs=120)
    for source, target in zip(authority.issue("next", "gateway.test", days=20), files, strict=True):
        shutil.copyfile(source, target)
    gateway.metric_reaches("certificates_taken_total", 1)
    gateway.metric_reaches("certificate_expiry_timestamp_seconds", time.time() + 19 * 86400)
    assert serial_of(gateway.connect()) != before
    assert answer_on(old).startswith(b"HTTP/1.1 200")
    assert serial_of(old) == before


@pytest.mark.parametrize("damage", ["text", "missing", "other key", "expired"])
def test_a_bad_new_certificate_is_refused_and_the_good_one_stays(https: Any, authority: Authority, damage: str) -> None:
    files = authority.issue("one", "gateway.test")
    gateway = https(files)
    before = serial_of(gateway.connect())
    if damage == "text":
        files[0].write_text("not a certificate")
    elif damage == "missing":
        files[1].unlink()
    elif damage == "other key":
        shutil.copyfile(authority.issue("next", "gateway.test")[1], files[1])
    else:
        for source, target in zip(authority.issue("old", "gateway.test", days=-1), files, strict=True):
            shutil.copyfile(source, target)
    gateway.metric_reaches("certificates_refused_total", 1)
    assert serial_of(gateway.connect()) == before
    assert answer_on(gateway.connect()).startswith(b"HTTP/1.1 200")
    gateway.process.terminate()
    assert "certificate refused, the last good one stays" in gateway.process.errors()


def test_callers_that_speak_no_tls_are_ended_and_counted(https: Any, authority: Authority) -> None:
    gateway = https(authority.issue("one", "gateway.test"))
    plain = socket.create_connection(("127.0.0.1", gateway.process.port), 15)
    strange = socket.create_connection(("127.0.0.1", gateway.process.port), 15)
    gateway.open += [plain, strange]
    plain.sendall(CALL)
    assert not read_all(plain).startswith(b"HTTP")
    strange.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")  # a hello that says nothing
    assert not read_all(strange).startswith(b"HTTP")
    gateway.metric_reaches("handshakes_failed_total", 2)


def test_a_large_answer_reaches_a_slow_reader_whole_and_a_drain_ends_in_order(
    process: Callable[..., Any], replica: Any, table: Any, authority: Authority
) -> None:
    files = authority.issue("one", "gateway.test")
    size = 8 * 1024 * 1024
    large = replica(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size))
    gateway = process(
        table({"v1": (1, [large])}),
        before="from modelway_platform.gateway.proxy.edge.edge import CertificatePair",
        settings=f", certificates=(CertificatePair(certificate=Path({str(files[0])!r}), key=Path({str(files[1])!r})),)",
    )
    caller = Https(gateway, authority)
    with caller.connect() as connection:
        connection.sendall(CALL)
        received = 0
        first = connection.recv(1 << 14)
        received = len(first) - first.index(b"\r\n\r\n") - 4
        time.sleep(0.3)
        while received < size:
            piece = connection.recv(1 << 16)
            assert piece
            received += len(piece)
        assert received == size
    assert gateway.terminate() == 0
    for each in caller.open:
        each.close()


def test_a_request_refused_in_mid_body_is_still_told_why(https: Any, authority: Authority) -> None:
    gateway = https(authority.issue("one", "gateway.test"))
    connection = gateway.connect()
    connection.sendall(
        b"POST /p/m/predict HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n" + b"x" * 50_000
    )
    assert read_all(connection).startswith(b"HTTP/1.1 400 ")
