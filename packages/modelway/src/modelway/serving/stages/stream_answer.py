"""A stream on the wire: server-sent events for who accepts them, a line of JSON per piece for everybody else."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from modelway.errors import ModelwayError
from modelway.http1 import Request

EVENTS = b"text/event-stream"
LINES = b"application/x-ndjson"
_UNBUFFERED = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"


class Wire(Protocol):
    """The part of a connection a stream needs."""

    def start_stream(self, status: int, content_type: bytes, headers: bytes = b"") -> None: ...

    def send_chunk(self, data: bytes) -> None: ...

    def end_stream(self) -> None: ...


class StreamAnswer:
    """Writes the pieces of one answer. The status goes with the first piece, so what fails before it has its own.

    Args:
        wire: The connection.
        events: Server-sent events instead of lines.
        headers: Raw header lines.
        request_id: For an error after the first piece, which becomes an event or line of its own.
        ended: Told the status that counts, and the error's code.
    """

    __slots__ = ("_ended", "_events", "_headers", "_request_id", "_started", "_wire")

    def __init__(
        self, wire: Wire, *, events: bool, headers: bytes, request_id: str, ended: Callable[[int, str], None]
    ) -> None:
        self._wire = wire
        self._events = events
        self._headers = headers
        self._request_id = request_id
        self._ended = ended
        self._started = False

    def pieces(self, bodies: list[bytes], /) -> None:
        self._start()
        if self._events:
            self._wire.send_chunk(b"".join([b"data: %b\n\n" % body for body in bodies]))
        else:
            self._wire.send_chunk(b"\n".join([*bodies, b""]))

    def ended(self, error: ModelwayError | None, /) -> None:
        self._start()
        self._ended(200 if error is None else error.http, "" if error is None else error.error_code)
        if error is not None:
            body = msgspec.json.encode(error.as_json(self._request_id), enc_hook=str)
            self._wire.send_chunk(b"event: error\ndata: %b\n\n" % body if self._events else body + b"\n")
        self._wire.end_stream()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._wire.start_stream(200, EVENTS if self._events else LINES, self._headers + _UNBUFFERED)


def wanted_form(request: Request) -> bytes:
    """`EVENTS`, `LINES`, or empty for a caller who accepts nothing but one JSON document."""
    accept = (request.header(b"accept") or b"").lower()
    if EVENTS in accept:
        return EVENTS
    return b"" if accept.partition(b";")[0].strip() == b"application/json" else LINES
