"""One connection to a replica: requests out, its answer back to whoever waits, in pieces as they come."""

import asyncio
from typing import cast

import httptools

from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.heads import Headers, answer_head
from modelway_platform.gateway.proxy.live_routes import LiveReplica

_BODILESS_STATUSES = frozenset({204, 304})


class ReplicaConnection(asyncio.Protocol):
    """Carries one exchange at a time and waits in its replica's idle stack between two."""

    __slots__ = (
        "_ended",
        "_extra",
        "_headers",
        "_interim",
        "_out",
        "_parser",
        "_rechunked",
        "_status",
        "_transport",
        "_until_close",
        "exchange",
        "idle_since",
        "replica",
    )

    def __init__(self, replica: LiveReplica) -> None:
        self.replica = replica
        self.exchange: Exchange | None = None
        self.idle_since = 0.0
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._out: list[bytes] = []
        self._status = 0
        self._interim = False
        self._rechunked = False
        self._until_close = False
        self._ended = False
        self._extra = False

    def carry(self, exchange: Exchange) -> None:
        """Take an exchange on: write what is pending of its request, hand back what is answered."""
        self.exchange = exchange
        exchange.connection = self
        self._ended = self._extra = self._until_close = False
        self._status = 0
        self._transport.write(exchange.take_pending())

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def drop(self) -> None:
        """Let go of the exchange and the connection: nobody wants this answer any more."""
        self.exchange = None
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether another request can be written."""
        return not self._transport.is_closing()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        exchange = self.exchange
        self.exchange = None
        self._parser = cast("httptools.HttpResponseParser", None)  # breaks the cycle between parser and connection
        if exchange is None:
            if self in self.replica.idle:
                self.replica.idle.remove(self)
        elif self._until_close and exc is None:
            exchange.connection = None
            if self._rechunked:
                exchange.caller.relay(b"0\r\n\r\n")
            exchange.caller.answered(exchange, self._status)
        else:
            exchange.caller.connection_failed(exchange, self.replica)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._extra = True
            if not self._ended:
                self.exchange = None
                self._transport.abort()
                exchange.caller.connection_failed(exchange, self.replica)
                return
        if self._out:
            out = self._out
            self._out = []
            exchange.caller.relay(out[0] if len(out) == 1 else b"".join(out))
        if self._ended:
            self._release(exchange)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.caller.pause_request()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.caller.resume_request()

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self._ended:
            self._extra = True
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        exchange = self.exchange
        status = self._parser.get_status_code()
        if exchange is None or self._extra:
            return
        if status < 200:
            self._interim = True
            return
        self._status = status
        head_only = exchange.request.method == b"HEAD"
        length_known = status in _BODILESS_STATUSES
        chunked = False
        for name, _ in self._headers:
            lower = name.lower()
            if lower == b"content-length":
                length_known = True
            elif lower == b"transfer-encoding":
                chunked = True
        self._until_close = not length_known and not chunked and not head_only
        self._rechunked = not length_known and not head_only and exchange.request.minor == 1
        caller = exchange.caller
        line = caller.answer_begins(known_end=length_known or self._rechunked or head_only)
        self._out.append(answer_head(exchange, status, self._headers, rechunked=self._rechunked, connection_line=line))
        if head_only:
            # The parser waits for a body that HEAD never has: end here, and do not use this connection again.
            self._ended = self._extra = True

    def on_body(self, body: bytes) -> None:
        exchange = self.exchange
        if exchange is None or self._extra:
            return
        exchange.bytes_out += len(body)
        self._out.append(b"%x\r\n%b\r\n" % (len(body), body) if self._rechunked else body)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        if self._ended:
            return
        self._ended = True
        if not self._parser.should_keep_alive():
            self._extra = True
        if self._rechunked:
            self._out.append(b"0\r\n\r\n")

    def _release(self, exchange: Exchange) -> None:
        """The answer is relayed: back to the idle stack, unless anything about this connection is doubtful."""
        self.exchange = None
        exchange.connection = None
        replica = self.replica
        if replica.failures:
            replica.failures = 0
            replica.down_until = 0.0
        caller = exchange.caller
        if self._extra or replica.removed or exchange.pending or not caller.request_complete:
            self._transport.close()
        else:
            self.idle_since = caller.clock
            replica.idle.append(self)
        caller.answered(exchange, self._status)
