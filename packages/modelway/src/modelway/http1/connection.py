"""One caller's connection: bytes in, requests out, answers back in order.

A subclass gets hooks (`request_received`, `body_received`, `request_completed`, `data_parsed`, `client_left`) and answers with
`respond` or a stream. One request is outstanding at a time; pipelined ones wait, and while one waits nothing more is read.
No coroutine, future or task is made per request (docs/decisions/0002).

A caller who ends its half of the connection counts as gone: that is all one sees of a caller who gave up, and work for those
is work taken from others.
"""

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, cast

import httptools

from modelway.http1.answers import CONTINUE
from modelway.http1.hooks import HookedConnection
from modelway.http1.phases import ANSWER, BODY, CLOSED, HEAD, IDLE, LINGER
from modelway.http1.request import Request
from modelway.http1.request_head import RefusedHeadError, accept, check_size
from modelway.http1.unread import has_unread
from modelway.http1.upgrade_offers import parser_of_body
from modelway.http1.waiting import Waiting

if TYPE_CHECKING:
    from modelway.http1.listener import Listener

_UNKNOWN = -1
# So many heads not seen before, one after the other, and this caller's are taken to differ each time (a request id does it).
_MAX_UNKNOWN_HEADS = 16
_STOPPED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class ServerConnection(HookedConnection):
    """The engine's half of a connection; see the module for the hooks a subclass fills in."""

    __slots__ = (
        "_address",
        "_body_began",
        "_body_bytes_before",
        "_body_skipped",
        "_early",
        "_framing_bytes",
        "_fresh",
        "_head_bytes",
        "_headers",
        "_next_running",
        "_parser",
        "_segment_bytes",
        "_target",
        "_trailing_bytes",
        "_unknown_heads",
        "_upgrading",
        "body_bytes",
    )

    def __init__(self, listener: "Listener") -> None:
        super().__init__(listener)
        self._parser = httptools.HttpRequestParser(self)
        self._address = ""
        self._segment_bytes = 0
        self._unknown_heads = 0
        self._fresh = b""  # the segment being read, until its first head is in
        self._head_bytes = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body_skipped = False
        self._body_began = 0.0
        self._framing_bytes = 0
        self._trailing_bytes = 0
        self._body_bytes_before = 0
        self._next_running = False
        self._upgrading = False
        self._early = b""
        self.body_bytes = 0  # of the outstanding request, so far

    # A hook with a usual way

    def whole_request_received(self, request: Request, body: bytes) -> None:
        """A request that came in one piece, with a head seen before: the three hooks above, unless done in one go."""
        self.request_complete = False
        self.phase = BODY
        self.request_received(request)
        if body and self._rejection is None and self.request is request:
            self.body_received(body)
        if self.request is request:
            self._complete()
        if self._rejection is None:
            self.data_parsed()

    # Another protocol instead of HTTP (RFC 9110, section 7.8)

    def accept_upgrade(self) -> bool:
        """Within `request_received`, for a request with an offer to upgrade and no body: nothing more is read as HTTP.

        Either `take_over` follows, or an answer, which ends the connection. False where requests before it still wait.
        """
        if self._next_running or self._waiting:
            return False
        self._upgrading = True
        self._keep_alive = False
        return True

    def take_over(self) -> tuple[asyncio.Transport, bytes]:
        """Leave the connection to another protocol: its transport, and what the caller sent behind the request.

        It still counts as one of the listener's until `taken_ended`.
        """
        early, self._early = self._early, b""
        self._listener.stalled.pop(self, None)
        self.phase = CLOSED
        self.deadline = inf
        self.request = None
        return self._transport, early

    def taken_ended(self) -> None:
        """The connection that was taken over is no more."""
        self._listener.forget(self, self._address)
        self._parser = cast("httptools.HttpRequestParser", None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        listener = self._listener
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = listener.clock + listener.limits.head_seconds
        self._address = self.client
        if not listener.admits(self, self._address):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.forget(self, self._address)
        self._listener.stalled.pop(self, None)
        self._waiting = None
        self._leave()
        self._parser = cast("httptools.HttpRequestParser", None)  # breaks the cycle between parser and connection

    def eof_received(self) -> None:
        if self.phase < LINGER:
            self._waiting = None
            self._leave()
            self._begin_linger()

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase == IDLE and self._unknown_heads < _MAX_UNKNOWN_HEADS:
            if self._take_known(data):
                return
            self._unknown_heads += 1
            self._fresh = data
        elif phase >= LINGER:
            return
        self._segment_bytes = len(data)
        self._parsing = True
        stopped: Exception | None = None
        try:
            self._parser.feed_data(data)
        except _STOPPED as error:
            stopped = error
        if stopped is not None:  # outside of `except`, which would become the context of errors to come
            self._parser_stopped(stopped, data)
            stopped = None  # its traceback knows this frame
        self._parsing = False
        self._fresh = b""
        if self._head_open or self.phase == BODY:
            self._more_to_come()
        if self._rejection is not None:
            self._answer_rejection()
        else:
            self.data_parsed()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._waiting and self.request is None:
            self._take_waiting()

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self.phase >= LINGER:
            raise RefusedHeadError(400, "invalid_request", "nothing may follow the last request of a connection")
        self._head_open = True
        self._head_bytes = _UNKNOWN
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_open:
            self._headers.append((name.lower(), value))
        elif name.lower() == b"connection":  # other trailers are read and dropped; the parser heeds this one
            self._closed_by_trailer()

    def on_headers_complete(self) -> None:
        self._head_open = False
        parser = self._parser
        limits = self._listener.limits
        if self._head_bytes + self._segment_bytes > limits.max_target_bytes:
            check_size(self._target, self._headers, limits)
        request = accept(parser, self._target, self._headers, limits)
        if self._fresh:
            self._listener.known_heads.remember(self._fresh, request)
            self._fresh = b""
        if b"upgrade" in request.fields and parser.should_upgrade():
            self._body_skipped = request.content_length != 0
        if self.request is not None or self.write_paused:
            self._wait_in_line(Waiting(request))
        else:
            self._begin(request)

    def on_body(self, body: bytes) -> None:
        if self._waiting:
            self._waiting[-1].body.append(body)
        elif self.request is not None:
            self.body_bytes += len(body)
            if self._rejection is None:
                self.body_received(body)

    def on_message_complete(self) -> None:
        if self._body_skipped:
            return
        if self._waiting:
            self._waiting[-1].complete = True
        elif self.request is not None:
            self._complete()

    def _closed_by_trailer(self) -> None:
        request = self._waiting[-1].request if self._waiting else self.request
        if request is not None:
            request.keep_alive = False
            if request is self.request:
                self._keep_alive = False

    # Called by the listener

    def deadline_passed(self) -> None:
        """Called by the listener's clock."""
        limits = self._listener.limits
        phase = self.phase
        self.deadline = self._listener.clock + limits.linger_seconds  # in case nothing below sets another
        if phase == IDLE:
            self._close()
        elif phase >= LINGER:
            self._linger_passed()
        elif phase == ANSWER:
            self.deadline = inf
            if not self.write_paused:  # else the stall clock decides
                self.answer_overdue()
        elif phase == BODY and not self._transport.is_reading():
            self._body_began = self._listener.clock  # we made the caller wait, not the caller us
            self.deadline = self._listener.clock + limits.body_idle_seconds
        else:
            self._fail(408, "request_timeout", "the request did not arrive in time")

    def close_if_idle(self) -> None:
        """Part of a drain: a connection without a request has nothing to wait for.

        Closing would reset away what is on its way. So one with bytes not read yet stays, and so does, for a moment, one
        that just connected: its first request follows, and only few callers send that again by themselves.
        """
        if self.phase != IDLE or has_unread(self._transport):
            return
        if self.request_complete:
            self._close()
        else:
            first_by = self._listener.clock + self._listener.limits.first_request_seconds
            self.deadline = min(self.deadline, first_by)

    # Inside

    def _take_known(self, data: bytes) -> bool:
        """A whole request with a head seen before, which is most of them, goes past the parser."""
        body_begins = data.find(b"\r\n\r\n") + 4
        request = self._listener.known_heads.recall(data[:body_begins])
        body_bytes = len(data) - body_begins
        if request is None or request.content_length != body_bytes or self.write_paused:
            return False
        self._unknown_heads = 0
        self.request = request
        self.request_complete = True
        self._keep_alive = True
        self._rejection = None
        self.body_bytes = body_bytes
        self._framing_bytes = _UNKNOWN
        self.phase = ANSWER
        self.deadline = inf
        self._parsing = True
        try:
            self.whole_request_received(request, data[body_begins:])
        except Exception as error:  # noqa: BLE001 (as where the parser calls)
            self._broken(error)
        self._parsing = False
        if self._rejection is not None:
            self._answer_rejection()
        return True

    def _begin(self, request: Request) -> None:
        self.request = request
        self.request_complete = False
        self._keep_alive = request.keep_alive
        self._rejection = None
        self.body_bytes = 0
        self._framing_bytes = _UNKNOWN
        self.phase = BODY
        self.request_received(request)
        if request.expects_continue and not self._next_running:
            self._invite_body()

    def _invite_body(self) -> None:
        if self.request is not None and self._rejection is None and not self.answer_started:
            self._transport.write(CONTINUE)

    def _complete(self) -> None:
        self.request_complete = True
        if self.phase == BODY:
            self.phase = ANSWER
            self.deadline = inf
        if self._rejection is None:
            self.request_completed()

    def _wait_in_line(self, waiting: Waiting) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(waiting)
        self._transport.pause_reading()
        if self.phase <= HEAD:  # waits for the caller to take earlier answers: the stall clock decides
            self.deadline = inf

    def _take_waiting(self) -> None:
        """Run waiting requests in a loop, not by recursion: thousands may wait in one segment."""
        if self._next_running:
            return
        self._next_running = True
        try:
            while self._waiting and self.request is None and not self.write_paused and self._can_go_on():
                self._run(self._waiting.popleft())
        except Exception as error:  # noqa: BLE001 (who answered the request before must not get this one's exception)
            self._broken(error)
        self._next_running = False
        if not self._waiting and self._can_go_on():
            self._transport.resume_reading()

    def _can_go_on(self) -> bool:
        return self.phase < LINGER and not self._transport.is_closing()

    def _run(self, waiting: Waiting) -> None:
        request = waiting.request
        parsing, self._parsing = self._parsing, True  # a rejection waits until the request is known to be whole
        if request is not None:
            self._begin(request)
            for piece in waiting.body:
                if self._rejection is None and self.request is request:
                    self.body_bytes += len(piece)
                    self.body_received(piece)
            if self.request is request:
                if waiting.complete:
                    self._complete()
                else:
                    if request.expects_continue and not waiting.body:
                        self._invite_body()
                    self._segment_bytes = 0
                    self._more_to_come()
        self._parsing = parsing
        if self._rejection is not None:
            self._answer_rejection()
        else:
            self.data_parsed()
        if waiting.failure is not None:
            self._fail(*waiting.failure)

    # What is not all there, or not right

    def _more_to_come(self) -> None:
        """A segment ended within a head or a body: how much was it, and by when must the rest be here?"""
        limits = self._listener.limits
        clock = self._listener.clock
        if self._head_open:
            if self.phase == IDLE:
                self.phase = HEAD
                self.deadline = clock + limits.head_seconds
            known = self._head_bytes != _UNKNOWN
            self._head_bytes = self._head_bytes + self._segment_bytes if known else 0
            try:
                check_size(self._target, self._headers, limits, self._head_bytes)
            except RefusedHeadError as refused:
                self._fail(refused.status, refused.code, refused.message)
            return
        received = self.body_bytes - self._body_bytes_before
        self._body_bytes_before = self.body_bytes
        if self._framing_bytes == _UNKNOWN:
            self._body_began = clock
            self._framing_bytes = self._trailing_bytes = 0
        else:
            framing = self._segment_bytes - received
            self._framing_bytes += framing
            # Since the last byte of body: a chunk extension or a trailer that goes on and on.
            self._trailing_bytes = 0 if received else self._trailing_bytes + framing
        allowed = limits.max_framing_bytes + self.body_bytes * limits.framing_per_body_byte
        if self._framing_bytes > allowed or self._trailing_bytes > limits.max_framing_bytes:
            self._fail(413, "payload_too_large", "too much chunk framing around too little body")
            return
        self.deadline = min(
            clock + limits.body_idle_seconds,
            self._body_began + limits.body_idle_seconds + self.body_bytes / limits.min_bytes_per_second,
        )

    def _parser_stopped(self, error: Exception, data: bytes) -> None:
        """Go on behind an offer to upgrade; answer anything else and close."""
        rest = memoryview(data)
        if self._upgrading and isinstance(error, httptools.HttpParserUpgrade):
            self._early = data[cast("int", error.args[0]) :]
            self._transport.pause_reading()
            return
        while isinstance(error, httptools.HttpParserUpgrade) and self.phase < LINGER:
            rest = rest[cast("int", error.args[0]) :]
            newest = self._waiting[-1].request if self._waiting else self.request
            if self._body_skipped and newest is not None:
                self._body_skipped = False
                self._parser = parser_of_body(self, newest)
            else:
                self._parser = httptools.HttpRequestParser(self)
            another = _feed(self._parser, rest)
            if another is None:
                return
            error = another
        if self.phase >= LINGER:
            return
        cause = error.__context__
        if isinstance(cause, RefusedHeadError):
            self._fail(cause.status, cause.code, cause.message)
        elif isinstance(error, httptools.HttpParserCallbackError) and isinstance(cause, Exception):
            self._broken(cause)
        else:
            self._fail(400, "invalid_request", "this is not HTTP/1.1 as this server accepts it")

    def _fail(self, status: int, code: str, message: str) -> None:
        """Answer what cannot be read any further, then close; requests before it get their answers first."""
        self._head_open = False
        if self.phase >= LINGER:
            return
        if self._waiting or (self.request_complete if self.request is not None else self.write_paused):
            self._fail_in_line(status, code, message)
        elif self._rejection is not None:
            self._answer_rejection()
        elif self.answer_started:
            self.abort()
        else:
            if self.request is not None:
                self.request_failed(status, code)
            else:
                self.head_refused(status, code)
            self._write_last(status, code, message)

    def _fail_in_line(self, status: int, code: str, message: str) -> None:
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.complete:
            last = Waiting(None)
            self._wait_in_line(last)
        last.failure = (status, code, message)

    def _broken(self, error: Exception) -> None:
        """A hook raised: the caller gets what every caller gets for a bug of ours, the event loop the exception."""
        context = {
            "message": "a request's hook failed",
            "exception": error,
            "protocol": self,
            "transport": self._transport,
        }
        asyncio.get_running_loop().call_exception_handler(context)
        self._waiting = None
        self._rejection = None
        if self.phase >= LINGER:
            return
        if self.request is not None:
            self.client_left()
        if self.answer_started:
            self.abort()
        else:
            self._write_last(500, "internal", "the server failed on this request")


def _feed(parser: httptools.HttpRequestParser, data: memoryview) -> Exception | None:
    try:
        parser.feed_data(data)
    except _STOPPED as error:
        return error
    return None
