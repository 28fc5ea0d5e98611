"""Large and slow bodies: bounded memory, limits, early answers, and callers that leave."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Replica

POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n"
BLOCK = bytes(range(256)) * 4096
TOTAL = 200 * len(BLOCK)  # 200 MiB


def peak_memory(process: Process) -> int:
    """The most the process ever held, in bytes."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def drain(peer: Peer, size: int, hold: float = 0) -> None:
    """Read so many bytes of repeated blocks; `hold` seconds pass before the second megabyte."""
    got, begun = len(peer.unread), time.monotonic()
    peer.unread.clear()
    while got < size:
        if hold and got > len(BLOCK):
            time.sleep(max(0, begun + hold - time.monotonic()))
            hold = 0
        data = peer.socket.recv(1 << 20)
        assert data
        got += len(data)
    assert got == size


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_large_answer_streams_through_to_a_slow_caller(
    process: Callable[..., Process],
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    framing: str,
) -> None:
    sent = 0

    def script(peer: Peer) -> None:
        nonlocal sent
        peer.request()
        lines = {"length": b"Content-Length: %d" % TOTAL, "chunked": b"Transfer-Encoding: chunked", "close": b"X-A: b"}
        peer.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % lines[framing])
        for _ in range(200):
            peer.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if framing == "chunked" else BLOCK)
            sent += 1
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")

    worker = process(table({"v1": (1, [replica(script)])}))
    before = peak_memory(worker)
    caller = call(GET.replace(b"1.1", b"1.0"), port=worker.port)  # the body as it is
    caller.head()
    time.sleep(0.3)
    assert sent < 60  # held back by what the caller takes
    drain(caller, TOTAL)
    assert caller.ended()
    assert peak_memory(worker) - before < 16 << 20


def test_a_large_upload_streams_through_to_a_slow_replica(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    def script(peer: Peer) -> None:
        head = peer.head()
        drain(peer, int(head.header("content-length") or 0), 0.3)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    worker = process(table({"v1": (1, [replica(script)])}, idempotent=True))
    before = peak_memory(worker)
    caller = call(POST + b"Content-Length: %d\r\n\r\n" % TOTAL, port=worker.port)
    begun = time.monotonic()
    for turn in range(200):
        caller.send(BLOCK)
        if turn == 60:
            assert time.monotonic() - begun > 0.25  # held back by what the replica takes
    assert caller.answer().body == b"ok"
    assert peak_memory(worker) - before < 16 << 20


def test_a_kept_connection_holds_back_again(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """A replica that answered before it took all of a request does not make the next upload unbounded."""
    taking = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        taking.wait(8)
        peer.unread.clear()
        with suppress(OSError):
            while peer.socket.recv(1 << 20):
                pass

    only = replica(script, receive_buffer=4096)
    gateway.table(only)
    size = 8 << 20
    sender = call(POST + b"Content-Length: %d\r\n\r\n" % size)
    with suppress(OSError):
        sender.send(b"x" * size)
    with suppress(OSError):
        assert sender.answer().body == b"ok"
    assert gateway.idle() == 0
    taking.set()


def test_a_replica_that_never_reads_is_given_up(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    stop = threading.Event()

    def script(_: Peer) -> None:
        stop.wait(8)

    gateway.table(replica(script, receive_buffer=4096), timeout=0.3)
    caller = call(POST + b"Content-Length: %d\r\n\r\n" % (64 << 20))
    sender = threading.Thread(target=_send_quietly, args=(caller, b"x" * (64 << 20)))
    sender.start()
    begun = time.monotonic()
    answer = caller.answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    assert time.monotonic() - begun < 2
    caller.close()
    sender.join()
    stop.set()


def _send_quietly(peer: Peer, data: bytes) -> None:
    with suppress(OSError):
        peer.send(data)


@pytest.mark.parametrize("keep", [b"", b"Connection: close\r\n"])
def test_an_early_answer_reaches_a_caller_that_is_still_sending(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], keep: bytes
) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\n%bContent-Length: 2\r\n\r\nno" % keep)
        assert not peer.rest().strip(b"x")  # the gateway ends it

    only = replica(script)
    gateway.table(only)
    caller = call(POST + b"Content-Length: 1000000\r\n\r\nxxx")
    answer = caller.answer()
    assert (answer.status, answer.body, answer.header("connection")) == (403, b"no", "close")
    _send_quietly(caller, b"x" * 999_997)
    assert caller.ended()
    assert gateway.idle() == 0
    assert gateway.records()[0]["status"] == 403


LIMIT = 100_000


@pytest.mark.parametrize("framing", [b"Content-Length: %d" % (LIMIT + 1), b"Transfer-Encoding: chunked"])
def test_too_large(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], framing: bytes
) -> None:
    got: list[bytes] = []

    def script(peer: Peer) -> None:
        with suppress(OSError):
            while True:
                got.append(peer.rest())
                assert peer.more()

    gateway.table(replica(script), max_body_bytes=LIMIT)
    caller = call(POST + framing + b"\r\n\r\n")
    for _ in range(20):
        with suppress(OSError):
            caller.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
    answer = caller.answer()
    assert (answer.status, answer.error) == (413, "payload_too_large")
    assert len(b"".join(got)) <= LIMIT * 1.01
    record, *behind = gateway.records()
    assert {each["status"] for each in behind} <= {400}  # what came behind the stated length is no request
    assert record["bytes_in"] <= LIMIT + (256 << 10)


def test_exactly_the_limit_is_let_in(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, max_body_bytes=LIMIT)
    assert call(POST + b"Content-Length: %d\r\n\r\n" % LIMIT + b"x" * LIMIT).answer().status == 200
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (LIMIT, b"x" * LIMIT)
    assert call(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked).answer().status == 200
    assert [len(each.body) for each in only.requests] == [LIMIT, LIMIT]


def test_a_local_address_takes_no_body(gateway: Gateway, call: Callable[..., Peer]) -> None:
    caller = call(b"POST /_/livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx")
    assert caller.answer().status == 413


@pytest.mark.parametrize("script_begins", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"])
@pytest.mark.parametrize("request_bytes", [GET, POST + b"Content-Length: 10\r\n\r\nabc"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_caller_that_leaves_frees_the_replica(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    script_begins: bytes,
    request_bytes: bytes,
    leave: str,
) -> None:
    freed = threading.Event()
    begun = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(script_begins)
        begun.set()
        with suppress(OSError):
            assert peer.rest() in {b"", b"abc"}
        freed.set()

    gateway.table(replica(script))
    caller = call(request_bytes)
    assert begun.wait(5)
    if script_begins:
        caller.head()
    (caller.close if leave == "close" else caller.reset)()
    assert freed.wait(2)
    (record,) = gateway.records()
    assert (record["status"], record["code"]) == (499, "client_left")
    (known,) = gateway.worker.routes.replicas.values()
    assert known.failures == 0  # not the replica's fault


def test_a_caller_that_leaves_while_connecting_wastes_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only)

    def at_once() -> None:
        call(GET).close()
        time.sleep(0.02)

    gateway.call(at_once)
    assert call(GET).answer().status == 200
    assert not [each for each in only.requests if each.header("x-request-id") is None]


def test_many_tiny_chunks_cost_no_more_than_their_number(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, idempotent=True)
    caller = call(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    begun = time.monotonic()
    for _ in range(4000):
        caller.send(b"1\r\nx\r\n" * 5)
    caller.send(b"0\r\n\r\n")
    assert caller.answer().status == 200
    assert len(only.requests[0].body) == 20_000
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [70_000, 150_000, 600_000])
def test_a_connection_goes_on_behind_a_large_body(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], framing: str, size: int
) -> None:
    """The body of the first request waits for a connection to the replica, those of the others do not."""
    only = replica()
    gateway.table(only)
    body = b"x" * size
    request = POST + (
        b"Content-Length: %d\r\n\r\n%b" % (size, body)
        if framing == "length"
        else b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    )
    caller = call()
    for _ in range(4):
        caller.send(request)
        assert caller.answer().status == 200
    caller.send(request * 3)
    for _ in range(3):
        assert caller.answer().status == 200
    assert [each.body for each in only.requests] == [body] * 7
