"""The answering half of a connection: whole answers, streams, a caller that reads slowly or not at all, and the end."""

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, cast

from modelway.http1.answers import JSON, NO_CONTENT, NOT_MODIFIED, error_body, start_of_answer, status_line
from modelway.http1.phases import ANSWER, BODY, CLOSED, HEAD, IDLE, LINGER
from modelway.http1.request import Request
from modelway.http1.unsent import bytes_not_taken, forget_unsent
from modelway.http1.waiting import Waiting

if TYPE_CHECKING:
    from modelway.http1.listener import Listener


_WRITTEN_APART = 64 * 1024  # copying a body this large behind its head costs more than a second write


class AnsweringConnection(asyncio.Protocol):
    """What a connection knows about the request that is outstanding, and how that one is answered."""

    __slots__ = (
        "_bodiless",
        "_chunked_answer",
        "_head_open",
        "_keep_alive",
        "_listener",
        "_parsing",
        "_rejection",
        "_transport",
        "_unsent",
        "_waiting",
        "answer_started",
        "deadline",
        "phase",
        "request",
        "request_complete",
        "write_paused",
    )

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parsing = False
        self._head_open = False
        self._rejection: tuple[int, bytes, bytes] | None = None
        self._keep_alive = True
        self._chunked_answer = False
        self._bodiless = False
        self._unsent: float = 0
        self._waiting: deque[Waiting] | None = None
        self.request: Request | None = None
        self.request_complete = False
        self.answer_started = False
        self.write_paused = False
        self.phase: int = IDLE
        self.deadline = inf

    def client_left(self) -> None:
        """The caller is gone while a request or its answer is outstanding: stop working on it. Called once per request."""

    # asyncio.Protocol: a caller that reads more slowly than we write

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.phase >= LINGER:
            return  # `_linger_passed` looks after it
        # The first look, soon, only sees what there is: at first the system's buffers take some, whoever reads.
        self._unsent = inf
        self._listener.stalled[self] = self._listener.clock + self._listener.limits.write_stall_seconds / 8
        if self.phase == ANSWER:
            self.deadline = inf

    def resume_writing(self) -> None:
        self.write_paused = False
        self._listener.stalled.pop(self, None)

    def stall_passed(self) -> None:
        """Called by the listener's clock while writing is paused: a caller that takes something may take longer."""
        if self._has_taken_enough():
            self._listener.stalled[self] = self._listener.clock + self._listener.limits.write_stall_seconds
        else:
            self.reset()

    # Answering

    def respond(self, status: int, body: bytes = b"", content_type: bytes = JSON, headers: bytes = b"") -> None:
        """Answer the outstanding request at once; does nothing when the caller is gone or was answered.

        Args:
            status: HTTP status, 200 or above.
            body: The whole body; left out where HTTP has none (HEAD, 204, 304).
            content_type: Its media type.
            headers: Further raw header lines, each ending in CRLF.
        """
        request = self.request
        if request is None or self.answer_started or self.phase >= LINGER:
            return
        self.answer_started = True
        if status == NO_CONTENT or status == NOT_MODIFIED:  # noqa: PLR1714, SIM109 (faster than a tuple)
            self._transport.write(
                b"%b%b%b%b\r\n" % (status_line(status), self._listener.date_line, headers, self._connection_line())
            )
        else:
            size = len(body)
            if request.method == b"HEAD":
                body = b""
            apart = size > _WRITTEN_APART
            self._transport.write(
                b"%b%d\r\n%b%b%b\r\n%b"
                % (
                    start_of_answer(status, content_type),
                    size,
                    self._listener.date_line,
                    headers,
                    self._connection_line(),
                    b"" if apart else body,
                )
            )
            if apart:
                self._transport.write(body)
        self.finish_answer()

    def reject(self, status: int, code: str, message: str, hint: str = "", headers: bytes = b"") -> None:
        """Answer with an error in the one JSON form; see `reject_with`."""
        request_id = self.request.header(b"x-request-id") if self.request is not None else None
        self.reject_with(status, error_body(code, message, hint, _printable(request_id)), headers)

    def reject_with(self, status: int, body: bytes, headers: bytes = b"") -> None:
        """Answer with an error once what has arrived is parsed, so that a request that is all in keeps its connection."""
        self._rejection = (status, body, headers)
        if not self._parsing:
            self._answer_rejection()

    def start_stream(self, status: int, content_type: bytes, headers: bytes = b"") -> None:
        """Begin an answer of unknown length: chunked, or up to the connection's end for HTTP/1.0.

        Heed `write_paused` (or override `pause_writing` and `resume_writing`): what is sent to a caller who does not read
        is kept in memory.
        """
        request = self.request
        if request is None or self.answer_started or self.phase >= LINGER:
            return
        self.answer_started = True
        self._bodiless = request.method == b"HEAD" or status == NO_CONTENT or status == NOT_MODIFIED  # noqa: PLR1714
        self._chunked_answer = request.minor == 1 and not self._bodiless
        if request.minor == 0 and not self._bodiless:
            self._keep_alive = False
        framing = b"transfer-encoding: chunked\r\n" if self._chunked_answer else b""
        self._transport.write(
            b"%bcontent-type: %b\r\n%b%b%b%b\r\n"
            % (
                status_line(status),
                content_type,
                framing,
                self._listener.date_line,
                headers,
                self._connection_line(),
            )
        )

    def send_chunk(self, data: bytes) -> None:
        """Send a piece of a stream; empty pieces are left out, as an empty chunk would end it."""
        if not data or self._bodiless or not self.answer_started or self.request is None or self.phase >= LINGER:
            return
        if self.write_paused:
            self._unsent += len(data)  # else what is added here would hide what the caller takes
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_answer else data)

    def end_stream(self) -> None:
        """End the stream begun by `start_stream`."""
        if self.request is None or not self.answer_started or self.phase >= LINGER:
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
        self._bodiless = False
        limits = self._listener.limits
        if self._head_open:
            self.phase = HEAD
            self.deadline = self._listener.clock + limits.head_seconds
        else:
            self.phase = IDLE
            self.deadline = self._listener.clock + limits.keep_alive_seconds
        if self._waiting:
            self._take_waiting()

    def abort(self) -> None:
        """Drop the connection now, unsent bytes included."""
        self._transport.abort()

    def reset(self) -> None:
        """As `abort`, and the system forgets what it still had to send: else it would go on trying, for minutes and megabytes."""
        forget_unsent(self._transport)
        self.abort()

    @property
    def is_open(self) -> bool:
        """Whether an answer can still reach the caller."""
        return self.phase < LINGER

    @property
    def is_answered(self) -> bool:
        """Whether all that was asked is answered, and all of that is written."""
        return self.phase >= LINGER and not self._transport.get_write_buffer_size()

    @property
    def client(self) -> str:
        """The caller's address, for logs; empty when unknown."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    # Inside

    def _take_waiting(self) -> None:
        """Begin the requests that wait in line."""

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

    def _write_last(self, status: int, code: str, message: str) -> None:
        """An error that ends the connection, whether or not there is a request it could answer."""
        body = error_body(code, message)
        self._transport.write(
            b"%b%d\r\n%bconnection: close\r\n\r\n%b"
            % (start_of_answer(status, JSON), len(body), self._listener.date_line, body)
        )
        self._close_after_writing()

    def _close_after_writing(self) -> None:
        """End our side and read on for a moment: closing with unread bytes would reset the answer away (RFC 9112, 9.6)."""
        nothing_follows = self.request is not None and not self.request.keep_alive and self.request_complete
        self.request = None
        self._rejection = None
        self._head_open = False
        if nothing_follows or not self._transport.can_write_eof():
            self._close()
            return
        self._begin_linger()
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._transport.resume_reading()

    def _close(self) -> None:
        """End both sides once all is written."""
        self._begin_linger()
        self._transport.close()

    def _begin_linger(self) -> None:
        self.phase = LINGER
        self._listener.stalled.pop(self, None)
        self.deadline = self._listener.clock + self._listener.limits.linger_seconds
        self._unsent = inf

    def _linger_passed(self) -> None:
        """Wait on only for a caller that still takes what was written."""
        if self._has_taken_enough() and self._unsent:
            self.deadline = self._listener.clock + self._listener.limits.write_stall_seconds
        elif self._unsent:
            self.reset()
        else:
            self.abort()  # all is taken, though perhaps not read yet: a reset could take it away again

    def _has_taken_enough(self) -> bool:
        limits = self._listener.limits
        unsent = bytes_not_taken(self._transport)
        taken = self._unsent - unsent
        self._unsent = unsent
        return taken >= limits.min_bytes_per_second * limits.write_stall_seconds

    def _leave(self) -> None:
        """The caller is gone: say so once if something was outstanding."""
        outstanding = self.phase in (BODY, ANSWER)
        self.phase = CLOSED
        self.deadline = inf
        if outstanding:
            self.client_left()
        self.request = None


def _printable(value: bytes | None) -> str:
    return value.decode("latin-1")[:128] if value is not None else ""
