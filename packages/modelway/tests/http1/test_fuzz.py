"""However bytes are cut and whatever they are: the same result, a well-formed one, and the same process afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelway.http1 import BufferedConnection, Limits, Listener, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

BODIES = st.binary(max_size=40)
TARGETS = st.sampled_from([b"/a", b"/hold", b"/a?b=c", b"http://x/a", b"*"])
LINES = st.lists(
    st.sampled_from(
        [
            b"A: b",
            b"Empty:",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Connection: upgrade\r\nUpgrade: h2c",
            b"Host: y",
            b"Transfer-Encoding: chunked",
            b"Content-Length: 3",
            b"X-Request-Id: 1",
            b"Transfer-Encoding : chunked",
            b" folded",
        ]
    ),
    max_size=3,
).flatmap(st.permutations)
EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b" "])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT"]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"2.0"]))
    head = b"%b %b HTTP/%b\r\nHost: x\r\n" % (method, draw(TARGETS), version)
    lines = b"".join(line + b"\r\n" for line in draw(st.one_of(st.just([]), LINES)))
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    if kind == "none":
        return head + lines + b"\r\n"
    if kind == "length":
        body = draw(BODIES)
        return head + lines + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    pieces = draw(st.lists(st.binary(min_size=1, max_size=10), max_size=4))
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(each), draw(EXTENSIONS), each) for each in pieces)
    trailer = draw(st.sampled_from([b"", b"A: b\r\n", b"Connection: close\r\n", b"Content-Length: 3\r\n"]))
    return head + lines + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Several requests; some bytes of them changed, dropped, doubled or put in."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        upto = min(len(data), at + draw(st.integers(0, 4)))
        new = draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"0", b":", b"\x00"]))
        )
        data = data[:at] + new + data[upto:]
    return data


class Wire(asyncio.Transport):
    """A transport that keeps what is written and hands over what is read as soon as that is wanted."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__()
        self.pieces = deque(pieces)
        self.written = bytearray()
        self.reading = True
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        self.written += data

    def write_eof(self) -> None:
        self.ended = self.ended or "eof"

    def close(self) -> None:
        self.ended = self.ended or "eof"

    def abort(self) -> None:
        self.ended = "abort"

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0


class Recorder(BufferedConnection):
    """Answers what it got; `/hold` only when told to."""

    __slots__ = ("held", "seen")

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self.held: list[bytes] = []
        self.seen: list[str] = []

    def handle(self, request: Request, body: bytes) -> None:
        self.seen.append(f"{request.method!r} {request.target!r} {body!r}")
        if request.path == b"/hold":
            self.held.append(body)
        else:
            self.respond(200, body)

    def client_left(self) -> None:
        self.seen.append("left")


def result_of(pieces: list[bytes], listener: Listener | None = None) -> tuple[bytes, list[str], str]:
    """What a connection writes and hands over when `pieces` arrive one after the other."""
    listener = listener or Listener(Limits())
    connection = Recorder(listener)
    wire = Wire(pieces)
    connection.connection_made(wire)
    while True:
        if wire.pieces and wire.reading:
            connection.data_received(wire.pieces.popleft())
        elif connection.held:
            connection.respond(200, connection.held.pop(0))
        else:
            break
    assert not (wire.pieces and not wire.ended), "stopped reading for good"
    connection.connection_lost(None)
    return bytes(wire.written), connection.seen, wire.ended


@settings(max_examples=400, deadline=None)
@given(mutated(), st.data())
@example(b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabGET /a HTTP/1.1\r\nHost: x\r\n\r\n", None)
def test_cuts_make_no_difference(data: bytes, drawn: st.DataObject | None) -> None:
    whole = result_of([data])
    assert result_of([data[at : at + 1] for at in range(len(data))]) == whole
    for at in range(1, len(data)) if drawn is None else (drawn.draw(st.integers(0, len(data))) for _ in range(20)):
        assert result_of([piece for piece in (data[:at], data[at:]) if piece]) == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(requests(), max_size=6), mutated())
def test_heads_seen_before_make_no_difference(pieces: list[bytes], odd: bytes) -> None:
    """Each request in a segment of its own, which is when the parser is passed by."""
    listener = Listener(Limits())
    segments = [*pieces, odd, *pieces]
    first = result_of([b"".join(segments)])
    assert [result_of(segments, listener) for _ in range(4)] == [first] * 4


STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(mutated(), st.binary(max_size=200), st.lists(mutated(), max_size=50).map(b"".join)))
def fuzz(server: Server, call: Callable[..., Caller], data: bytes) -> None:
    caller = call()
    began = time.monotonic()
    try:
        caller.send(data.replace(b"/hold", b"/later"))
        caller.socket.shutdown(1)
        received = caller.rest()
    except OSError:
        received = b""  # refused so early that the rest of what we sent reset it; lingering is tested elsewhere
    caller.close()
    assert time.monotonic() - began < 1
    assert all(int(status) in {200, 400, 417, 501, 505} for status in cast("list[bytes]", STATUS.findall(received)))


def test_survives_anything(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    process = os.getpid()
    fuzz(server, call)
    caller = call()
    caller.send(b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.answer().body == b"/after"
    caller.close()
    server.wait_for(lambda: server.connections == 0)
    assert not server.events.loop_errors
    assert os.getpid() == process
