"""Every size has a bound, and the refusal arrives."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Caller, Server

AFTER = b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"GET /%b HTTP/1.1\r\nHost: x\r\n%b\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def sent_in(caller: Caller, data: bytes, pieces: int) -> Answer:
    size = max(1, len(data) // pieces)
    with suppress(OSError):  # refused before the end
        for at in range(0, len(data), size):
            caller.send(data[at : at + size])
            if pieces > 1:
                time.sleep(0.0005)
    return caller.answer()


@pytest.mark.parametrize("pieces", [1, 50])
@pytest.mark.parametrize(
    ("size", "status"),
    [
        ((8 * 1024 - 1, 0), 200),
        ((8 * 1024, 0), 414),
        ((60 * 1024, 0), 414),
        ((0, 10), 200),
        ((0, 99), 200),
        ((0, 100), 431),
        ((0, 10_000), 431),
    ],
)
def test_heads(server: Server, call: Callable[..., Caller], size: tuple[int, int], status: int, pieces: int) -> None:
    target, headers = size
    server.start()
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(headers))
    caller = call()
    answer = sent_in(caller, HEAD % (b"a" * target, lines), pieces)
    assert answer.status == status
    if status == 200:
        caller.send(AFTER)
        assert caller.answer().body == b"/after"
    else:
        assert caller.ended()


@pytest.mark.parametrize("pieces", [1, 50])
@pytest.mark.parametrize(("size", "status"), [(31 * 1024, 200), (32 * 1024, 431), (1 << 20, 431)])
def test_one_long_header(server: Server, call: Callable[..., Caller], size: int, status: int, pieces: int) -> None:
    server.start()
    assert sent_in(call(), HEAD % (b"", b"X: " + b"y" * size + b"\r\n"), pieces).status == status


def test_unfinished_head_is_bounded(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    for line in (b"X: " + b"y" * (1 << 20), b"y" * (1 << 20), b"X: y\r\n" * 200_000):
        assert sent_in(call(), b"GET / HTTP/1.1\r\nHost: x\r\n" + line, 50).status == 431


def test_long_run_of_small_requests_is_no_long_head(server: Server, call: Callable[..., Caller]) -> None:
    """The size of a segment says nothing about the head that begins at its end."""
    server.start()
    caller = call()
    caller.send(AFTER * 4000 + AFTER[:20])
    for _ in range(4000):
        assert caller.answer().body == b"/after"
    caller.send(AFTER[20:])
    assert caller.answer().body == b"/after"


@pytest.mark.parametrize("pieces", [1, 50])
@pytest.mark.parametrize(("size", "status"), [(100_000, 200), (100_001, 413), (1_000_000, 413)])
def test_bodies(server: Server, call: Callable[..., Caller], size: int, status: int, pieces: int) -> None:
    server.start(max_body_bytes=100_000)
    body = b"x" * size
    chunk = 1000
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + chunk]), body[at : at + chunk]) for at in range(0, size, chunk)
    )
    for data in (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (size, body),
        CHUNKED + chunks + b"0\r\n\r\n",
    ):
        answer = sent_in(call(), data, pieces)
        assert answer.status == status
        assert status != 200 or answer.body == body


def test_announced_size_is_refused_at_once(server: Server, call: Callable[..., Caller]) -> None:
    server.start(max_body_bytes=1000)
    for length in (1001, 10**17):
        caller = call()
        caller.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        assert caller.answer().status == 413
        assert caller.ended()
    caller = call()
    caller.send(CHUNKED + b"ffffffffffffffff\r\n" + b"x" * 1001)
    assert caller.answer().status == 413


def test_refusal_arrives_while_the_caller_still_writes(server: Server, call: Callable[..., Caller]) -> None:
    """Closing with unread bytes would reset the connection and with it the answer."""
    server.start(max_body_bytes=1000, linger_seconds=2)
    caller = call()
    caller.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
    caller.send(b"x" * 4_000_000)
    assert caller.answer().status == 413
    assert caller.ended()


@pytest.mark.parametrize(
    "piece",
    [
        b"1;" + b"e" * 1000 + b"\r\nx\r\n",  # a large extension on each byte
        b"0" * 1000,  # a size that never ends
        b"1;" + b"e" * 1000,  # an extension that never ends
        b"0\r\nX: " + b"y" * 1000,  # trailers that never end
    ],
)
def test_framing_is_bounded(server: Server, call: Callable[..., Caller], piece: bytes) -> None:
    server.start()
    caller = call()
    caller.send(CHUNKED)
    with suppress(OSError):
        for _ in range(2000):
            caller.send(piece)
    assert caller.answer().status in {400, 413}
    assert caller.ended()


def test_trailers_behind_a_large_body_are_bounded(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(CHUNKED + b"400000\r\n" + b"x" * 0x400000 + b"\r\n0\r\nX: ")
    with suppress(OSError):
        for _ in range(200):
            caller.send(b"y" * 10_000)
            time.sleep(0.0005)
    assert caller.answer().status == 413


def test_tiny_chunks_are_fine(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(CHUNKED + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n")
    assert caller.answer().body == b"x" * 200_000


def test_connections_are_bounded(server: Server, call: Callable[..., Caller]) -> None:
    server.start(max_connections=10)
    callers = [call() for _ in range(10)]
    server.wait_for(lambda: server.connections == 10)
    assert call().ended()
    for each in callers:
        each.send(AFTER)
        assert each.answer().body == b"/after"
    callers[0].close()
    server.wait_for(lambda: server.connections == 9)
    caller = call()
    caller.send(AFTER)
    assert caller.answer().body == b"/after"
