"""Server-sent events through the gateway: each before the next is made, no faster than they are read, not longer than wanted."""

import socket
import threading
import time
from typing import Any

import pytest

CALL = b"POST /p/m/events HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\ncontent-length: 2\r\n\r\n{}"
PIECES = 20
PIECE = b"data: " + b"x" * 65_536 + b"\n\n"


def event(number: int) -> bytes:
    return b"id: %d\ndata: {}\n\n" % number


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("framing", ["chunked", "until the end"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_each_event_is_received_before_the_next_is_made(
    gateway: Any, replica: Any, call: Any, framing: str, version: bytes
) -> None:
    received = [threading.Event() for _ in range(PIECES)]

    def script(peer: Any) -> None:
        peer.request()
        chunked = framing == "chunked"
        line = b"transfer-encoding: chunked\r\n" if chunked else b"connection: close\r\n"
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + line + b"\r\n")
        for number in range(PIECES):
            peer.send(chunk(event(number)) if chunked else event(number))
            assert received[number].wait(8), f"event {number} is held back until there are more"
        if chunked:
            peer.send(b"0\r\n\r\n")

    gateway.table(replica(script))
    caller = call(CALL.replace(b"HTTP/1.1", b"HTTP/" + version))
    assert caller.head().header("content-type") == "text/event-stream"
    for number in range(PIECES):
        wanted = event(number) if version == b"1.0" else chunk(event(number))
        assert caller.take(len(wanted)) == wanted
        received[number].set()
    assert caller.rest() == b"" if version == b"1.0" else caller.take(5) == b"0\r\n\r\n"


def test_a_caller_that_reads_slowly_holds_the_model_back(gateway: Any, replica: Any, call: Any) -> None:
    sent = 0
    piece = chunk(PIECE)

    def script(peer: Any) -> None:
        nonlocal sent
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(1000):
            peer.send(piece)
            sent += 1
        peer.send(b"0\r\n\r\n")

    gateway.table(replica(script, receive_buffer=16_384))
    caller = call(CALL, receive_buffer=16_384)
    head = caller.head()
    before = -1
    while before != sent:  # until nothing moves any more
        before = sent
        time.sleep(0.3)
    assert sent < 500
    assert caller._message(head).body == PIECE * 1000


@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_caller_that_leaves_ends_the_stream_in_the_model(gateway: Any, replica: Any, call: Any, way: str) -> None:
    ended = threading.Event()

    def script(peer: Any) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                peer.send(chunk(event(0)))
                time.sleep(0.02)
        finally:
            ended.set()

    gateway.table(replica(script))
    caller = call(CALL)
    caller.take(300)
    if way == "end":
        caller.socket.shutdown(socket.SHUT_WR)
    else:
        caller.reset()
    assert ended.wait(5)
    deadline = time.monotonic() + 5
    while not gateway.records():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [record["status"] for record in gateway.records()] == [499]
