"""What this engine accepts means the same to another reader: h11, which nobody here wrote."""

import asyncio
import itertools
import re
from typing import Any

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelway.http1 import Limits, Listener, Request, ServerConnection

AFTER = b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Reader(ServerConnection):
    """Answers everything and remembers what it was asked: (method, target, headers, body)."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self.asked: list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]] = []
        self._body = b""
        self._asked_now: Request | None = None

    def request_received(self, request: Request) -> None:
        self._body = b""
        self._asked_now = request

    def body_received(self, data: bytes) -> None:
        self._body += data

    def request_completed(self) -> None:
        request = self._asked_now
        assert request is not None
        headers = [
            # A coding's name has no case (RFC 9112, section 7), and h11 gives it small.
            (name, value.strip(b" \t").lower() if name == b"transfer-encoding" else value.strip(b" \t"))
            for name, value in request.headers
        ]
        self.asked.append((request.method, request.target, headers, self._body))
        self.respond(200, b"{}")


def ours(data: bytes, cuts: tuple[int, ...]) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]]:
    connection = Reader(Listener(Limits()))
    connection.connection_made(Wire())
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        connection.data_received(data[begin:end])
    return connection.asked


def theirs(data: bytes, count: int) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]]:
    """The first `count` requests as h11 reads them."""
    connection: Any = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    asked: list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]] = []
    while len(asked) < count:
        event: Any = connection.next_event()
        assert type(event) is h11.Request, event
        body = b""
        while type(piece := connection.next_event()) is h11.Data:
            body += bytes(piece.data)
        assert type(piece) is h11.EndOfMessage, piece
        headers = [(bytes(name), bytes(value)) for name, value in event.headers]
        asked.append((bytes(event.method), bytes(event.target), headers, body))
        if event.http_version == b"1.0":
            break  # h11 keeps no connection of that version
        if len(asked) < count:
            if connection.they_are_waiting_for_100_continue:
                connection.send(h11.InformationalResponse(status_code=100, headers=[]))
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
    return asked


def origin(target: bytes) -> bytes:
    """h11 leaves absolute targets as they are; we cut off what is before the path (RFC 9112, section 3.2.2)."""
    for scheme in (b"http://", b"https://"):
        if target.lower().startswith(scheme):
            rest = target[len(scheme) :]
            at = min((rest.find(mark) for mark in (b"/", b"?") if mark in rest), default=len(rest))
            return rest[at:] if rest[at : at + 1] == b"/" else b"/" + rest[at:]
    return target


TOKENS = st.sampled_from(
    [
        *(b"GET", b"POST", b"HEAD", b"OPTIONS", b" ", b"  ", b"\t", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\r\n"),
        *(b"/a", b"*", b"http://y/a", b"?q", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b":", b": ", b" :", b",", b";"),
        *(b"Host", b"host: x", b"Host: y", b"Content-Length", b"Content-Length: 5", b"content-length: 5, 5", b"+5"),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"transfer-encoding", b"chunked"),
        *(b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue", b"Upgrade: h2c", b"0", b"5"),
        *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"5;a=b\r\nhello\r\n", b"hello", b"\x00", b"\x0b", b"\xff", b'"', b"A: b"),
    ]
)
LINES = st.lists(
    st.sampled_from(
        [
            *(
                b"Host: x",
                b"Content-Length: 5",
                b"Content-Length: 0",
                b"Transfer-Encoding: chunked",
                b"A: b",
                b"A:",
                b"A: \xe4",
            ),
            *(b"Connection: close", b"Connection: keep-alive, A", b"Connection: upgrade", b"Upgrade: websocket"),
            *(b"Expect: 100-continue", b"Content-Length : 5", b"Transfer-Encoding:chunked ", b"A: b\rC: d", b" folded"),
            *(b"Content-Length: 5,5", b"content-length: 05", b"Transfer-Encoding: Chunked", b"X_Y: z", b"Trailer: A"),
        ]
    ),
    max_size=5,
)
FIRST = st.sampled_from(
    [
        *(
            b"GET /a HTTP/1.1",
            b"POST /a?b HTTP/1.1",
            b"HEAD / HTTP/1.1",
            b"POST /a HTTP/1.0",
            b"GET http://y/a HTTP/1.1",
        ),
        *(
            b"OPTIONS * HTTP/1.1",
            b"GET  /a HTTP/1.1",
            b"GET /a  HTTP/1.1",
            b"POST https://y?z HTTP/1.1",
            b"GET /a\tHTTP/1.1",
        ),
    ]
)
BODIES = st.sampled_from(
    [
        b"",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5;a\r\nhello\r\n0\r\nA: b\r\n\r\n",
        b"0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"x",
    ]
)


def written(first: bytes, lines: list[bytes], body: bytes) -> bytes:
    return b"\r\n".join((first, b"Host: x", *lines, b"", b"")) + body


WELL_FORMED = st.builds(written, FIRST, LINES, BODIES)
ANYTHING = st.lists(TOKENS, min_size=1, max_size=24).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=4).map(tuple)


@given(st.one_of(WELL_FORMED, WELL_FORMED, ANYTHING), CUTS)
@example(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ())
@example(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 05\r\n\r\nhello", (60,))
@settings(max_examples=1500, deadline=None)
def test_what_is_accepted_here_means_the_same_there(data: bytes, cuts: tuple[int, ...]) -> None:
    asked = ours(data + AFTER, cuts)
    if not asked:
        return
    # Where a request begins, llhttp takes several spaces around the target and several empty lines before it, h11 does not
    # (RFC 9112, sections 2.2 and 3: a recipient may). Neither changes what is meant, and a replica gets neither from us.
    plain = re.sub(rb"(?m)^(GET|POST|HEAD|OPTIONS) +(\S+) +(?=HTTP/1)", rb"\1 \2 ", (data + AFTER).lstrip(b"\r\n"))
    try:
        read = theirs(plain, len(asked))
    except h11.RemoteProtocolError as error:
        pytest.fail(f"we read {asked}, h11 refuses: {error}")
    assert [(method, origin(target), headers, body) for method, target, headers, body in read] == asked[: len(read)]


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_the_comparison_sees_requests_of_both_framings(line: bytes) -> None:
    body = b"hello" if line.startswith(b"Content") else b"5\r\nhello\r\n0\r\n\r\n"
    data = b"POST /a HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n" + body + AFTER
    assert [each[3] for each in ours(data, ())] == [b"hello", b""]
    assert theirs(data, 2) == ours(data, (20, 40))
