"""One connection to a replica: requests out, its answer back to whoever waits, in pieces as they come."""

import asyncio
import re
import select
from typing import cast

import httptools

from modelway_platform.gateway.proxy.answer_head import AnswerHead, relayed_head
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.heads import websocket
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica

MAX_HEAD_BYTES = 64 * 1024
_INTERIM = re.compile(rb"HTTP/1\.[01] 1")
_SWITCHING = re.compile(rb"HTTP/1\.1 101")
_STOPPED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class ReplicaConnection(asyncio.Protocol):
    """Carries one exchange at a time and waits in its replica's idle stack between two."""

    __slots__ = (
        "_body",
        "_busy",
        "_ended",
        "_head",
        "_parser",
        "_parsing",
        "_rechunked",
        "_single_use",
        "_status",
        "_transport",
        "_until_close",
        "exchange",
        "idle_since",
        "replica",
        "write_paused",
    )

    def __init__(self, replica: LiveReplica) -> None:
        self.replica = replica
        self.exchange: Exchange | None = None
        self.idle_since = 0.0
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpResponseParser(self)
        self._parsing = False
        self._head = b""
        self._body: list[bytes] = []
        self._status = 0
        self._rechunked = False
        self._until_close = False
        self._ended = False
        self._single_use = False
        self._busy = False
        self.write_paused = False

    def carry(self, exchange: Exchange, data: bytes) -> None:
        """Take an exchange on: write `data`, the beginning or the whole of its request, and hand back what is answered."""
        self.exchange = exchange
        exchange.connection = self
        self._ended = False
        self._until_close = False
        self._parsing = False
        self._status = 0
        self._transport.write(data)

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

    def is_quiet(self) -> bool:
        """Whether nothing has arrived, an end included, of which the loop has not told yet."""
        arrived = select.poll()
        arrived.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not arrived.poll(0)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.replica.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.replica.connections -= 1
        exchange = self.exchange
        self.exchange = None
        self._parser = cast("httptools.HttpResponseParser", None)  # breaks the cycle between parser and connection
        if exchange is None:
            if self in self.replica.idle:
                self.replica.idle.remove(self)
        elif self._until_close and exc is None:
            exchange.connection = None
            if self.replica.doubted or self._status >= 500:
                self._judge(exchange)
            exchange.caller.answered(exchange, self._status, b"0\r\n\r\n" if self._rechunked else b"")
        else:
            exchange.caller.connection_failed(exchange, self.replica)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self._transport.abort()  # nobody asked for this
            return
        if self._status == 0 and not self._parsing and self._relay_plain(exchange, data):
            return
        self._parsing = True
        try:
            self._parser.feed_data(data)
        except _STOPPED as stopped:
            self._single_use = True
            if isinstance(stopped, httptools.HttpParserUpgrade) and self._switch(exchange, data):
                return
            if not self._ended:
                self._break(exchange)
                return
        head = b""
        if self._status == 0:
            head = self._begin_answer(exchange, data)
            if not head:
                return
        body = self._body
        if body:
            self._body = []
            exchange.bytes_out += sum(map(len, body))
            if exchange.copies is not None:
                exchange.copies.keep(body)
            if self._rechunked:
                body = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body]
        if not self._ended:
            exchange.caller.relay(b"".join((head, *body)))
        else:
            self._release(exchange, b"".join((head, *body, b"0\r\n\r\n" if self._rechunked else b"")))

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.caller.pause_request()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.exchange is not None:
            self.exchange.caller.resume_request()

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self._ended:
            self._single_use = True

    def on_body(self, body: bytes) -> None:
        if not self._ended:
            self._body.append(body)

    def on_message_complete(self) -> None:
        parser = self._parser
        if parser.get_status_code() >= 200:
            self._ended = True
            if not parser.should_keep_alive():
                self._single_use = True

    # Inside

    def _relay_plain(self, exchange: Exchange, data: bytes) -> bool:
        """A known head with its whole body in one piece, which is most answers: nothing is left to parse."""
        begins = data.find(b"\r\n\r\n") + 4
        answer = exchange.worker.known_heads.recall(data[: begins - 2], exchange.request_id)
        if answer is None or answer.plain_length != len(data) - begins or exchange.request.method == b"HEAD":
            return False
        self._status = answer.status
        if answer.status >= 500 and self._hand_back(exchange, answer):
            return True
        exchange.bytes_out = answer.plain_length
        if exchange.copies is not None:
            exchange.copies.keep_head(answer.relayed)
            exchange.copies.keep((data[begins:],))
        line = exchange.caller.answer_begins(known_end=True)
        self._release(exchange, relayed_head(exchange, answer, rechunked=False, connection_line=line) + data[begins:])
        return True

    def _begin_answer(self, exchange: Exchange, data: bytes) -> bytes:
        """The head to relay; empty while the replica's is not whole, and behind an interim answer."""
        if self._head:
            data = self._head + data
        end = data.find(b"\r\n\r\n")
        while end >= 0 and _INTERIM.match(data):  # interim answers (RFC 9110, section 15.2) are for us alone
            data = data[end + 4 :]
            end = data.find(b"\r\n\r\n")
        if end < 0:
            self._head = data
            if len(data) > MAX_HEAD_BYTES:
                self._break(exchange)
            return b""
        self._head = b""
        try:
            answer = exchange.worker.known_heads.read(data[: end + 2], exchange.request_id)
        except ValueError:
            self._break(exchange)
            return b""
        self._status = answer.status
        if answer.status >= 500 and self._hand_back(exchange, answer):
            return b""
        if exchange.copies is not None:
            exchange.copies.keep_head(answer.relayed)
        head_only = exchange.request.method == b"HEAD"
        if head_only:
            self._end_behind_head(nothing_follows=len(data) == end + 4)
        bounded = answer.length_known or head_only
        self._until_close = not bounded and not answer.chunked
        self._rechunked = not bounded and exchange.request.minor == 1
        line = exchange.caller.answer_begins(known_end=bounded or self._rechunked)
        return relayed_head(exchange, answer, rechunked=self._rechunked, connection_line=line)

    def _switch(self, exchange: Exchange, data: bytes) -> bool:
        """The replica leaves HTTP: where that was asked for, join caller and replica; False for anybody else."""
        if not exchange.admission.websocket:
            return False
        answer = self._head + data
        end = answer.find(b"\r\n\r\n")
        while end >= 0 and not _SWITCHING.match(answer):  # interim answers before it
            answer = answer[end + 4 :]
            end = answer.find(b"\r\n\r\n")
        try:
            head = websocket.accepting_head(exchange, answer[: end + 2])
        except ValueError:
            return False
        self.exchange = None
        exchange.connection = None
        self.replica.failures = 0
        self.replica.down_until = 0.0
        exchange.caller.switch_protocols(exchange, head, self._transport, answer[end + 4 :])
        return True

    def _end_behind_head(self, *, nothing_follows: bool) -> None:
        """The parser waits for a body, and may have seen one, that an answer to HEAD never has."""
        self._body = []
        if self._ended:
            return
        self._ended = True
        if nothing_follows and self._parser.should_keep_alive():
            self._parser = httptools.HttpResponseParser(self)
        else:
            self._single_use = True

    def _break(self, exchange: Exchange) -> None:
        """What came is no HTTP: as good as a broken connection."""
        self.exchange = None
        self._transport.abort()
        exchange.caller.connection_failed(exchange, self.replica)

    def _release(self, exchange: Exchange, last: bytes) -> None:
        """Relay the last piece; back to the idle stack, unless anything about this connection is doubtful."""
        self.exchange = None
        exchange.connection = None
        self.replica.answers += 1
        if self.replica.doubted or self._status >= 500:
            self._judge(exchange)
        self._rest(exchange)
        exchange.caller.answered(exchange, self._status, last)

    def _judge(self, exchange: Exchange) -> None:
        """What this answer says of the replica."""
        busy = self._busy and self._status == 503
        out_of_time = self._status == 504 and exchange.admission.deadline is not None
        self.replica.answered(self._status, exchange.caller.clock, exchange.clock, counts=not (busy or out_of_time))

    def _hand_back(self, exchange: Exchange, answer: AnswerHead) -> bool:
        """Whether another replica is asked instead of passing on that this one cannot."""
        self._busy = answer.busy
        if not exchange.caller.asks_another(exchange, answer.status):
            return False
        self.exchange = None
        exchange.connection = None
        self._body = []
        self.replica.answers += 1
        self._judge(exchange)
        if self._ended or not self._parsing:
            self._rest(exchange)
        else:
            self._transport.abort()
        return True

    def _rest(self, exchange: Exchange) -> None:
        replica, caller = self.replica, exchange.caller
        if self._single_use or replica.removed or self.write_paused or not caller.request_complete:
            self._transport.abort()  # not `close`, which would first write the rest of a request that is answered
        else:
            self.idle_since = caller.clock
            replica.idle.append(self)
