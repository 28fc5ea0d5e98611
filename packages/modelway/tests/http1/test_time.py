"""Every phase has a deadline, a caller that makes progress is not cut off, and one that only pretends to is."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from modelway.http1 import BufferedConnection, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def drip(caller: Caller, data: bytes, every: float) -> float:
    """Send `data` byte by byte until the server ends it; returns after how many seconds."""
    began = time.monotonic()
    caller.socket.settimeout(every)
    with suppress(OSError):
        for at in range(len(data)):
            caller.send(data[at : at + 1])
            try:
                if caller.socket.recv(1 << 16):
                    break
            except TimeoutError:
                continue
    return time.monotonic() - began


def test_nothing_sent(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=0.05)
    assert call().ended()


def test_idle_between_requests(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=5, keep_alive_seconds=0.05)
    caller = call()
    caller.send(GET % b"/a")
    assert caller.answer().status == 200
    assert caller.ended()


@pytest.mark.parametrize("data", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", BODY, BODY + b"x" * 999])
def test_unfinished_request(server: Server, call: Callable[..., Caller], data: bytes) -> None:
    server.start(head_seconds=0.05, body_idle_seconds=0.05)
    caller = call()
    caller.send(data)
    answer = caller.answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert caller.ended()
    assert server.events.count("left") == (1 if data.startswith(BODY) else 0)


def test_unfinished_request_behind_others(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=0.05, body_idle_seconds=0.05)
    for data in (b"G", BODY):
        caller = call()
        caller.send(GET % b"/hold" + GET % b"/later" + data)
        server.wait_for(lambda: bool(server.events.held))
        time.sleep(0.1)
        server.release()
        assert [caller.answer().body for _ in range(2)] == [b"held:", b"later:"]
        assert caller.answer().status == 408
        assert caller.ended()


def test_slow_head_is_not_kept_alive_by_drips(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=0.2)
    assert drip(call(), b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000, 0.02) < 1


def test_slow_body_is_not_kept_alive_by_drips(server: Server, call: Callable[..., Caller]) -> None:
    server.start(body_idle_seconds=0.2, min_bytes_per_second=1000)
    for head, drips in (
        (BODY, b"x" * 1000),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
    ):
        caller = call()
        caller.send(head)
        assert drip(caller, drips, 0.02) < 1


def test_blank_lines_do_not_keep_alive(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=0.2)
    assert drip(call(), b"\r\n" * 1000, 0.02) < 1


def test_steady_body_may_take_long(server: Server, call: Callable[..., Caller]) -> None:
    server.start(body_idle_seconds=0.1, min_bytes_per_second=100)
    caller = call()
    caller.send(BODY)
    for _ in range(20):
        caller.send(b"x" * 50)
        time.sleep(0.02)
    assert caller.answer().body == b"x" * 1000


def test_body_the_server_does_not_read_is_not_overdue(server: Server, call: Callable[..., Caller]) -> None:
    """A proxy pauses its caller while a replica is slow: that is not the caller's fault."""
    server.start(body_idle_seconds=0.1)
    caller = call()
    caller.send(BODY + b"x")
    server.wait_for(lambda: bool(server.events.seen))
    server.call(server.transport.pause_reading)
    caller.send(b"x" * 999)
    time.sleep(0.3)
    server.call(server.transport.resume_reading)
    assert caller.answer().body == b"x" * 1000


def test_outstanding_answer_has_no_deadline_of_the_engine(server: Server, call: Callable[..., Caller]) -> None:
    server.start(head_seconds=0.05, body_idle_seconds=0.05, keep_alive_seconds=0.05, write_stall_seconds=0.05)
    caller = call()
    caller.send(GET % b"/hold")
    server.wait_for(lambda: bool(server.events.held))
    time.sleep(0.2)
    server.release()
    assert caller.answer().body == b"held:"


def test_answer_never_taken(server: Server, call: Callable[..., Caller]) -> None:
    server.start(write_stall_seconds=0.1, keep_alive_seconds=60)
    for data in (
        GET % b"/big?50000000",
        b"GET /big?50000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        GET % b"/stream?1000000",
        (GET % b"/big?10000000") * 50,
    ):
        caller = call(receive_buffer=4096)
        caller.send(data)
        server.wait_for(lambda: server.connections == 1)
        server.wait_for(lambda: server.connections == 0)
        caller.close()


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
def test_answer_taken_in_drips(server: Server, call: Callable[..., Caller], ending: bytes) -> None:
    server.start(write_stall_seconds=0.2, linger_seconds=0.1, min_bytes_per_second=1_000_000)
    caller = call(receive_buffer=4096)
    caller.send(b"GET /big?50000000 HTTP/1.1\r\nHost: x\r\n%b\r\n" % ending)
    server.wait_for(lambda: server.connections == 1)
    began = time.monotonic()
    while server.connections:
        caller.socket.recv(1000)
        time.sleep(0.01)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
def test_answer_taken_slowly_but_steadily_arrives_whole(
    server: Server, call: Callable[..., Caller], ending: bytes
) -> None:
    server.start(write_stall_seconds=0.5, linger_seconds=0.05, keep_alive_seconds=0.1)
    caller = call(receive_buffer=1 << 18)
    caller.send(b"GET /big?20000000 HTTP/1.1\r\nHost: x\r\n%b\r\n" % ending)
    began = time.monotonic()
    while time.monotonic() < began + 1:
        caller.more()
        time.sleep(0.02)
    assert len(caller.unread) < 15_000_000
    assert caller.answer().body == b"x" * 20_000_000


def test_slow_reader_does_not_fill_memory(server: Server, call: Callable[..., Caller]) -> None:
    """Further requests are not even begun while the caller takes nothing of the answers before."""
    server.start(write_stall_seconds=60)
    caller = call(receive_buffer=4096)
    caller.send((GET % b"/big?1000000") * 100)
    server.wait_for(lambda: bool(server.events.seen))
    time.sleep(0.2)
    assert server.events.count("GET /big") < 20
    assert server.call(server.transport.get_write_buffer_size) < 3_000_000
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    for _ in range(100):
        assert len(caller.answer().body) == 1_000_000
    caller.send(GET % b"/after")
    assert caller.answer().body == b"/after"


def test_lingering_ends(server: Server, call: Callable[..., Caller]) -> None:
    """Whoever does not end its side after a refusal, or goes on sending, is dropped."""
    server.start(linger_seconds=0.1)
    caller = call()
    caller.send(b"\x00\x01\r\n\r\n")
    assert caller.answer().status == 400
    server.wait_for(lambda: server.connections == 0)
    caller = call()
    began = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - began < 3:
            caller.send(b"\x00" * 10_000)
    assert time.monotonic() - began < 2
    assert server.connections == 0


class BrokenApp(BufferedConnection):
    """Its own clock hook raises."""

    def handle(self, request: Request, body: bytes) -> None:
        self.deadline = 0.0

    def answer_overdue(self) -> None:
        raise RuntimeError("a bug")


def test_a_failing_hook_does_not_stop_the_clock(server: Server, call: Callable[..., Caller]) -> None:
    server.start(BrokenApp, head_seconds=0.1)
    caller = call()
    caller.send(GET % b"/a")
    server.wait_for(lambda: bool(server.events.loop_errors))
    assert call().ended()
    assert [str(each["exception"]) for each in server.events.loop_errors] == ["a bug"]
