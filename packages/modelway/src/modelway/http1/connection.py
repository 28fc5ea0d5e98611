"""One caller's connection: bytes in, requests out, answers back in order.

A subclass gets hooks (`request_received`, `body_received`, `request_completed`, `data_parsed`, `client_left`) and answers with
`respond` or a stream. One request is outstanding at a time; pipelined ones wait, and while one waits nothing more is read.
No coroutine, future or task is made per request (docs/decisions/0002).
"""

import asyncio
from collections import deque
from enum import IntEnum
from math import inf
from typing import TYPE_CHECKING, cast

import httptools

from modelway.http1.answers import CONTINUE, JSON, error_body, status_line
from modelway.http1.request import Request
from modelway.http1.request_head import RefusedHeadError, accept

if TYPE_CHECKING:
    from modelway.http1.listener import Listener


class Phase(IntEnum):
    """What a connection is waiting for; decides what a passed deadline means."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    ANSWER = 3
    LINGER = 4
    CLOSED = 5


class _Waiting:
    """A pipelined request that has to wait for the answer to the one before it."""

    __slots__ = ("body", "complete", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.complete = False


class ServerConnection(asyncio.Protocol):
    """The engine's half of a connection; see the module for the hooks a subclass fills in."""

    __slots__ = (
        "_chunked_answer",
        "_head_bytes",
        "_head_open",
        "_headers",
        "_keep_alive",
        "_listener",
        "_next_running",
        "_parser",
        "_parsing",
        "_rejection",
        "_target",
        "_transport",
        "_waiting",
        "answer_started",
        "deadline",
        "phase",
        "request",
        "request_complete",
    )

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpRequestParser(self)
        self._parsing = False
        self._head_open = False
        self._head_bytes = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._waiting: deque[_Waiting] | None = None
        self._next_running = False
        self._rejection: tuple[int, bytes, bytes] | None = None
        self._keep_alive = True
        self._chunked_answer = False
        self.request: Request | None = None
        self.request_complete = False
        self.answer_started = False
        self.phase = Phase.IDLE
        self.deadline = inf

    # Hooks

    def request_received(self, request: Request) -> None:
        """The head is in and accepted; the body, if any, follows."""

    def body_received(self, data: bytes) -> None:
        """A piece of the body, without its framing."""

    def request_completed(self) -> None:
        """The body is in."""

    def data_parsed(self) -> None:
        """All that had arrived has been handed over: the moment to write once."""

    def client_left(self) -> None:
        """The caller is gone while an answer is outstanding: stop working on it."""

    def answer_overdue(self) -> None:
        """`deadline` passed while an answer is outstanding; only where a subclass set one."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = self._listener.clock + self._listener.limits.head_seconds
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        outstanding = self.phase in (Phase.BODY, Phase.ANSWER)
        self.phase = Phase.CLOSED
        self.deadline = inf
        self._waiting = None
        if outstanding:
            self.client_left()
        self.request = None
        self._parser = cast("httptools.HttpRequestParser", None)  # breaks the cycle between parser and connection

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase >= Phase.LINGER:
            return
        if phase == Phase.IDLE:
            self.phase = Phase.HEAD
            self.deadline = self._listener.clock + self._listener.limits.head_seconds
        elif phase == Phase.BODY:
            self.deadline = self._listener.clock + self._listener.limits.body_idle_seconds
        self._parsing = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._parser_stopped(error, data)
        self._parsing = False
        if self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > self._listener.limits.max_head_bytes:
                self._fail(431, "head_too_large", "the request's head is too large")
        if self._rejection is not None:
            self._answer_rejection()
        else:
            self.data_parsed()

    def pause_writing(self) -> None:
        self.deadline = self._listener.clock + self._listener.limits.write_stall_seconds

    def resume_writing(self) -> None:
        self.deadline = inf

    # Parser callbacks

    def on_message_begin(self) -> None:
        self._head_open = True
        self._head_bytes = 0
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_open:  # trailers are read and dropped
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._head_open = False
        request = accept(self._parser, self._target, self._headers, self._listener.limits)
        if self.request is not None:
            self._wait_in_line(request)
        else:
            self._begin(request)

    def on_body(self, body: bytes) -> None:
        if self._waiting:
            self._waiting[-1].body.append(body)
        elif self._rejection is None:
            self.body_received(body)

    def on_message_complete(self) -> None:
        if self._waiting:
            self._waiting[-1].complete = True
        else:
            self._complete()

    # Answering

    def respond(self, status: int, body: bytes = b"", content_type: bytes = JSON, headers: bytes = b"") -> None:
        """Answer the outstanding request at once; does nothing when the caller is gone or was answered.

        Args:
            status: HTTP status.
            body: The whole body; sent without itself for HEAD.
            content_type: Its media type.
            headers: Further raw header lines, each ending in CRLF.
        """
        request = self.request
        if request is None or self.answer_started or self.phase >= Phase.LINGER:
            return
        self.answer_started = True
        self._transport.write(
            b"".join(
                (
                    status_line(status),
                    b"content-type: ",
                    content_type,
                    b"\r\ncontent-length: %d\r\n" % len(body),
                    self._listener.date_line,
                    headers,
                    self._connection_line(),
                    b"\r\n",
                    body if request.method != b"HEAD" else b"",
                )
            )
        )
        self.finish_answer()

    def reject(self, status: int, code: str, message: str, hint: str = "", headers: bytes = b"") -> None:
        """Answer with an error once what has arrived is parsed, so that a request that is all in keeps its connection."""
        request_id = self.request.header(b"x-request-id") if self.request is not None else None
        self.reject_with(status, error_body(code, message, hint, _printable(request_id)), headers)

    def reject_with(self, status: int, body: bytes, headers: bytes = b"") -> None:
        """As `reject`, with a JSON body of one's own."""
        self._rejection = (status, body, headers)
        if not self._parsing:
            self._answer_rejection()

    def start_stream(self, status: int, content_type: bytes, headers: bytes = b"") -> None:
        """Begin an answer of unknown length: chunked, or up to the connection's end for HTTP/1.0."""
        request = self.request
        if request is None or self.answer_started or self.phase >= Phase.LINGER:
            return
        self.answer_started = True
        self._chunked_answer = request.minor == 1
        if not self._chunked_answer:
            self._keep_alive = False
        framing = b"transfer-encoding: chunked\r\n" if self._chunked_answer else b""
        self._transport.write(
            b"".join(
                (
                    status_line(status),
                    b"content-type: ",
                    content_type,
                    b"\r\n",
                    framing,
                    self._listener.date_line,
                    headers,
                    self._connection_line(),
                    b"\r\n",
                )
            )
        )

    def send_chunk(self, data: bytes) -> None:
        """Send a piece of a stream; empty pieces are left out, as an empty chunk would end it."""
        if data and self.request is not None and self.phase < Phase.LINGER:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_answer else data)

    def end_stream(self) -> None:
        """End the stream begun by `start_stream`."""
        if self.request is None or self.phase >= Phase.LINGER:
            return
        if self._chunked_answer:
            self._transport.write(b"0\r\n\r\n")
        self.finish_answer()

    def finish_answer(self) -> None:
        """The answer is written: take the next waiting request, or wait for one, or close."""
        if not (self._keep_alive and self.request_complete) or self._listener.draining:
            self._close_after_writing()
            return
        self.request = None
        self.answer_started = False
        self.phase = Phase.HEAD if self._head_open else Phase.IDLE
        limits = self._listener.limits
        self.deadline = self._listener.clock + (limits.head_seconds if self._head_open else limits.keep_alive_seconds)
        if self._waiting and not self._next_running:
            self._take_waiting()

    def abort(self) -> None:
        """Drop the connection now, unsent bytes included."""
        self._transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether an answer can still reach the caller."""
        return self.phase < Phase.LINGER

    @property
    def client(self) -> str:
        """The caller's address, for logs; empty when unknown."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    # Inside

    def deadline_passed(self) -> None:
        """Called by the listener's clock."""
        self.deadline = inf
        match self.phase:
            case Phase.IDLE:
                self._transport.close()
            case Phase.HEAD | Phase.BODY:
                if self.answer_started:
                    self._transport.abort()
                else:
                    self._fail(408, "request_timeout", "the request did not arrive in time")
            case Phase.ANSWER:
                if self.answer_started:
                    self._transport.abort()
                else:
                    self.answer_overdue()
            case _:
                self._transport.abort()

    def close_if_idle(self) -> None:
        """Part of a drain: a connection without a request has nothing to wait for."""
        if self.phase == Phase.IDLE:
            self._transport.close()

    def _begin(self, request: Request) -> None:
        self.request = request
        self.request_complete = False
        self._keep_alive = request.keep_alive
        self._rejection = None
        self.phase = Phase.BODY
        self.deadline = self._listener.clock + self._listener.limits.body_idle_seconds
        self.request_received(request)
        if request.expects_continue and self._rejection is None and not self.answer_started and self._parsing:
            self._transport.write(CONTINUE)

    def _complete(self) -> None:
        self.request_complete = True
        if self.phase == Phase.BODY:
            self.phase = Phase.ANSWER
            self.deadline = inf
        if self._rejection is None:
            self.request_completed()

    def _wait_in_line(self, request: Request) -> None:
        if self._waiting is None:
            self._waiting = deque()
        if not self._waiting:
            self._transport.pause_reading()
        self._waiting.append(_Waiting(request))

    def _take_waiting(self) -> None:
        """Run waiting requests in a loop, not by recursion: thousands may wait in one segment."""
        self._next_running = True
        while self._waiting and self.request is None and self.phase < Phase.LINGER:
            waiting = self._waiting.popleft()
            self._begin(waiting.request)
            for piece in waiting.body:
                if self._rejection is None:
                    self.body_received(piece)
            if waiting.complete:
                self._complete()
            if self._rejection is not None:
                self._answer_rejection()
            else:
                self.data_parsed()
        self._next_running = False
        if not self._waiting and self.phase < Phase.LINGER:
            self._transport.resume_reading()

    def _connection_line(self) -> bytes:
        request = self.request
        if self._listener.draining or not self.request_complete:
            self._keep_alive = False
        if not self._keep_alive:
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if request is not None and request.minor == 0 else b""

    def _answer_rejection(self) -> None:
        rejection = self._rejection
        self._rejection = None
        if rejection is not None:
            status, body, headers = rejection
            self.respond(status, body, headers=headers)

    def _parser_stopped(self, error: httptools.HttpParserError, data: bytes) -> None:
        """Go on behind an offer to upgrade, which is ignored (RFC 9110, section 7.8); answer anything else and close."""
        rest = memoryview(data)
        while isinstance(error, httptools.HttpParserUpgrade) and self.phase < Phase.LINGER:
            rest = rest[cast("int", error.args[0]) :]
            self._parser = httptools.HttpRequestParser(self)
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserError as another:
                error = another
            else:
                return
        cause = error.__context__
        if isinstance(cause, RefusedHeadError):
            self._fail(cause.status, cause.code, cause.message)
        elif isinstance(error, httptools.HttpParserCallbackError):
            self._transport.abort()
            raise error
        else:
            self._fail(400, "invalid_request", "this is not HTTP/1.1 as this server accepts it")

    def _fail(self, status: int, code: str, message: str) -> None:
        """Answer what cannot be read any further, then close."""
        if self.phase >= Phase.LINGER:
            return
        if self.request is not None and self.request_complete:
            self._read_no_further()
            return
        if self.answer_started:
            self._transport.abort()
            return
        if self.request is not None:
            self.client_left()
        body = error_body(code, message)
        self._transport.write(
            b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b"
            % (status_line(status), len(body), self._listener.date_line, body)
        )
        self._close_after_writing()

    def _read_no_further(self) -> None:
        """What follows a complete request is unreadable: that request still gets its answer, the last on this connection."""
        self._keep_alive = False
        self._head_open = False
        self._waiting = None
        self._transport.pause_reading()

    def _close_after_writing(self) -> None:
        """End our side and read on for a moment: closing with unread bytes would reset the answer away (RFC 9112, 9.6)."""
        self.request = None
        self._rejection = None
        self._head_open = False
        self.phase = Phase.LINGER
        self.deadline = self._listener.clock + self._listener.limits.linger_seconds
        if self._transport.is_closing():
            return
        if self.request_complete and not self._waiting:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()


def _printable(value: bytes | None) -> str:
    return value.decode("latin-1")[:128] if value is not None else ""
