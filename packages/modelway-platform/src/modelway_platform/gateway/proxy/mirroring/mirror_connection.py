"""A connection to a replica that carries copies, one at a time: its answer is read to the end and kept within a bound."""

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.mirroring.live_mirrors import MirrorReplica
    from modelway_platform.gateway.proxy.mirroring.mirror_copy import MirrorCopy

# Sooner than replicas close idle connections, so that no copy meets a closing one: a copy is never sent twice.
IDLE_SECONDS = 5.0
MAX_HEAD_BYTES = 64 * 1024
# An answer that goes on beyond this is given up with its connection.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_STOPPED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class MirrorConnection(asyncio.Protocol):
    """Between a `MirrorCopy` and a replica."""

    __slots__ = (
        "_body",
        "_bytes",
        "_copy",
        "_ended",
        "_head_in",
        "_head_only",
        "_headers",
        "_keeps_alive",
        "_parser",
        "_received",
        "_replica",
        "_transport",
        "idle_since",
    )

    def __init__(self, replica: "MirrorReplica") -> None:
        self._replica = replica
        self._copy: MirrorCopy | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.idle_since = 0.0
        self._begin()

    def carry(self, copy: "MirrorCopy") -> None:
        """Send it."""
        self._copy = copy
        self._begin()
        self._head_only = copy.head_only
        self._transport.write(copy.request)

    @property
    def is_open(self) -> bool:
        """Whether a copy can be sent."""
        return not self._transport.is_closing()

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        self._copy = None
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        copy, self._copy = self._copy, None
        parser, self._parser = self._parser, None  # breaks the cycle between parser and connection
        if self in self._replica.idle:
            self._replica.idle.remove(self)
        if copy is None:
            return
        if exc is None and parser is not None and self._ends_by_closing(parser):
            copy.answered(parser.get_status_code(), self._headers, self._body, self._bytes)
        else:
            copy.failed(502, b"replica_failed")

    def data_received(self, data: bytes) -> None:
        copy, parser = self._copy, self._parser
        if copy is None or parser is None:
            self._transport.abort()  # nobody asked for this
            return
        single_use = False
        self._received += len(data)
        try:
            parser.feed_data(data)
        except _STOPPED:
            single_use = True
        if self._head_only and self._head_in and not self._ended:  # the parser waits for a body that never comes
            self._ended = single_use = True
        if self._ended:
            self._copy = None
            single_use = single_use or not self._keeps_alive or self._replica.removed
            status, headers, body, size = parser.get_status_code(), self._headers, self._body, self._bytes
            if single_use:
                self._transport.abort()
            else:
                self.idle_since = copy.clock
                self._replica.idle.append(self)
            copy.answered(status, headers, body, size)
        elif single_use or self._bytes > MAX_ANSWER_BYTES or (not self._bytes and self._received > MAX_HEAD_BYTES):
            self.drop()
            copy.failed(502, b"replica_failed")

    # Parser callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += (name.lower(), value)

    def on_headers_complete(self) -> None:
        self._head_in = True

    def on_body(self, body: bytes) -> None:
        self._bytes += len(body)
        copy = self._copy
        if copy is not None and self._bytes <= copy.kept_bytes:
            self._body.append(body)

    def on_message_complete(self) -> None:
        parser = self._parser
        if parser is not None and parser.get_status_code() >= 200:
            self._ended = True
            self._keeps_alive = parser.should_keep_alive()
        else:
            self._headers = []  # of an interim answer
            self._head_in = False

    # Inside

    def _begin(self) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._headers: list[bytes] = []
        self._body: list[bytes] = []
        self._bytes = 0
        self._received = 0
        self._keeps_alive = False
        self._head_in = False
        self._ended = False
        self._head_only = False

    def _ends_by_closing(self, parser: "httptools.HttpResponseParser") -> bool:
        """Whether the answer's head is in and nothing but the connection's end could end it."""
        names = self._headers[::2]
        return self._head_in and b"content-length" not in names and b"transfer-encoding" not in names


def close_idle(replica: "MirrorReplica", clock: float) -> None:
    """Close connections unused for `IDLE_SECONDS`."""
    kept: list[MirrorConnection] = []
    for connection in replica.idle:
        if clock - connection.idle_since > IDLE_SECONDS:
            connection.close()
        else:
            kept.append(connection)
    replica.idle[:] = kept
