"""One peer's connection: bytes in, frames out of them, each to its stream (RFC 9113).

A subclass says what it makes of a head (`read_head`) and of a stream (`make_stream`). No coroutine, future, task or timer is made
per request: answers come by callback, and times are kept by the listener's clock (docs/decisions/0002).

A peer that ends its half of the connection counts as gone, as over HTTP/1.1.
"""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from modelway.http2 import frames
from modelway.http2.ending import FAREWELL, EndingConnection
from modelway.http2.faults import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    INTERNAL_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFaultError,
    StreamFaultError,
)
from modelway.http2.frames import CONTINUATION, DATA, HEADERS, SETTINGS, read_frame_head
from modelway.http2.header_blocks import HeaderBlocks, HeaderLine
from modelway.http2.nuisances import FRAME, OVERDUE_SLACK_SECONDS, RESET_AT_ONCE
from modelway.http2.peer_settings import read_peer_settings
from modelway.http2.phases import OPEN, PREFACE
from modelway.http2.request_head import check_trailers
from modelway.http2.reservations import Reservations
from modelway.http2.stream import Stream

if TYPE_CHECKING:
    from modelway.http1 import Listener

_NUMBER = 2**31 - 1  # without the reserved bit
_ONLY_HTTP2 = b"this port speaks HTTP/2 with prior knowledge, and nothing else\n"
_NOT_HTTP2 = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (len(_ONLY_HTTP2), _ONLY_HTTP2)
)


class ServerConnection(EndingConnection):
    """The engine's half of a connection.

    Args:
        listener: Whose limits hold; they are `modelway.http2.Limits`.
    """

    __slots__ = (
        "_block",
        "_block_frames",
        "_blocks",
        "_expected",
        "_others",
        "_receive_window",
        "_reservations",
        "address",
    )

    def __init__(self, listener: "Listener") -> None:
        super().__init__(listener)
        self.address = ""
        self._expected: int | None = None  # the only type of frame that may come now
        self._block: tuple[int, int, list[bytes]] | None = None  # stream, flags, fragments
        self._blocks: HeaderBlocks[Any] = HeaderBlocks(self.read_head, 2 * self.limits.max_list_bytes)
        self._receive_window = self.limits.connection_window
        self._reservations: Reservations[Stream] = Reservations(self.limits.max_reserved_bytes)
        self._others: dict[int, Callable[[int, int, bytes], None]] = {
            frames.PRIORITY: self._priority,
            frames.RST_STREAM: self._rst_stream,
            frames.SETTINGS: self._settings,
            frames.PUSH_PROMISE: self._push_promise,
            frames.PING: self._ping,
            frames.GOAWAY: self._goaway,
            frames.WINDOW_UPDATE: self._window_update,
            frames.CONTINUATION: self._continuation,
        }

    # What a subclass says

    def read_head(self, lines: Sequence[HeaderLine]) -> Any:
        """What `make_stream` takes, of a request's header list; the same object may be used for many requests.

        Raises:
            StreamFaultError: It is malformed.
        """
        raise NotImplementedError

    def make_stream(self, number: int, head: Any) -> Stream:
        """The stream of a new request."""
        raise NotImplementedError

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.look_by(self.clock + self.limits.head_seconds)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        secured: Any = transport.get_extra_info("ssl_object")
        fits = secured is None or secured.selected_alpn_protocol() == "h2"
        if not self._listener.admits(self, self.address) or not fits:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.forget(self, self.address)
        self._closed()
        self._others = {}  # breaks the cycle through our own methods
        self._blocks = HeaderBlocks(list, 0)

    def eof_received(self) -> None:
        self._leave()
        self._begin_linger()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._listener.clock
        if self._rest:
            data = self._rest + data
        try:
            if self.phase != OPEN:
                data = self._begin(data)
            if self.phase == OPEN:
                self._take_frames(data)
        except ConnectionFaultError as fault:
            self.fail(fault.code, fault.why)
        except Exception as error:  # noqa: BLE001 (a bug of ours must not leave a peer waiting)
            context = {"message": "a stream's hook failed", "exception": error, "protocol": self}
            asyncio.get_running_loop().call_exception_handler(context)
            self.fail(INTERNAL_ERROR, "the server failed")

    def _begin(self, data: bytes) -> bytes:
        """The preface: whoever speaks anything else hears so in HTTP/1.1, which most of them speak."""
        if self.phase != PREFACE:
            self._rest = b""
            return b""
        known = data[: len(frames.PREFACE)]
        if not frames.PREFACE.startswith(known):
            self._transport.write(_NOT_HTTP2)
            self.close_after_writing()
        elif len(known) < len(frames.PREFACE):
            self._rest = data
        else:
            self._greet()
        return data[len(frames.PREFACE) :]

    def _greet(self) -> None:
        limits = self.limits
        self.phase = OPEN
        self._rest = b""
        self._expected = SETTINGS
        self._frame_began = self.clock
        ours = {
            frames.MAX_CONCURRENT_STREAMS: limits.max_streams,
            frames.INITIAL_WINDOW_SIZE: limits.stream_window,
            frames.MAX_HEADER_LIST_SIZE: limits.max_list_bytes,
        }
        more = limits.connection_window - frames.USUAL_WINDOW
        self._transport.write(frames.settings(ours) + (frames.window_update(0, more) if more > 0 else b""))
        if self._listener.draining:
            self.close_if_idle()

    # Frames

    def _take_frames(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= frames.HEAD_BYTES:
            high, low, kind, flags, number = read_frame_head(data, at)
            length = high << 16 | low
            if length > frames.USUAL_FRAME_BYTES:
                raise ConnectionFaultError(FRAME_SIZE_ERROR, "a frame is larger than 16384 bytes")
            if self._expected is not None and kind != self._expected:
                raise ConnectionFaultError(PROTOCOL_ERROR, "another frame was to come now")
            begins = at + frames.HEAD_BYTES
            if end - begins < length:
                break
            at = begins + length
            payload = data[begins:at]
            if kind == DATA:
                self._data(flags, number & _NUMBER, payload)
            elif kind == HEADERS:
                self._headers(flags, number & _NUMBER, payload)
            elif kind in self._others:
                self._others[kind](flags, number & _NUMBER, payload)
            else:
                self._nuisances.add(FRAME, self.clock)  # unknown types are ignored (section 5.5)
            if self.phase != OPEN:
                return
        self._rest = data[at:]
        if at < end or self._expected is not None:
            if self._frame_began == inf or (at and self._expected is None):
                self._frame_began = self.clock
            self.look_by(self._frame_began + self.limits.head_seconds)
        else:
            self._frame_began = inf

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._receive_window = window = self._receive_window - size
        if window < self.limits.connection_window // 2:
            self._replenish()
        if flags & frames.PADDED:
            payload = _unpadded(payload)
        stream = self.streams.get(number)
        if stream is None or stream.ended_by_peer:
            self._data_too_late(number, stream)
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            self._give_up(stream, FLOW_CONTROL_ERROR)
            return
        stream.heard = self.heard_at
        stream.received += len(payload)
        ended = flags & frames.END_STREAM
        if ended:
            stream.ended_by_peer = True
            if stream.content_length is not None and stream.content_length != stream.received:
                self._give_up(stream, PROTOCOL_ERROR)
                return
        elif not payload:
            self._nuisances.add(FRAME, self.clock)
        stream.body_received(payload, ended=bool(ended))

    def _data_too_late(self, number: int, stream: Stream | None) -> None:
        if stream is not None:
            self._give_up(stream, STREAM_CLOSED)
        elif number not in self._let_go and not self._check_begun(number):
            raise ConnectionFaultError(STREAM_CLOSED, "data for a stream that is closed")

    def _check_begun(self, number: int) -> bool:
        """A frame for a stream that is not open: whether it comes after our farewell, which the peer could not know yet."""
        if number & 1 and self._farewell.last is not None and number > self._farewell.last:
            return True
        if not number & 1 or number > self._last:
            raise ConnectionFaultError(PROTOCOL_ERROR, "a frame for a stream that was not begun")
        return False

    def _replenish(self) -> None:
        if self._receive_window < 0:
            raise ConnectionFaultError(FLOW_CONTROL_ERROR, "more data than the connection's window allows")
        more = self.limits.connection_window - self._receive_window
        self._receive_window += more
        self._transport.write(frames.window_update(0, more))

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number & 1:
            raise ConnectionFaultError(PROTOCOL_ERROR, "a header block for a stream that clients do not begin")
        if flags & frames.PADDED:
            payload = _unpadded(payload)
        if flags & frames.WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFaultError(FRAME_SIZE_ERROR, "a priority is cut off")
            payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._take_block(number, flags, payload)
        else:
            self._block = (number, flags, [payload])
            self._expected = CONTINUATION

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        limits = self.limits
        block = self._block
        if block is None or block[0] != number:
            raise ConnectionFaultError(PROTOCOL_ERROR, "a continuation of nothing")
        fragments = block[2]
        fragments.append(payload)
        if len(fragments) > 1 + limits.max_continuations or sum(map(len, fragments)) > limits.max_block_bytes:
            raise ConnectionFaultError(ENHANCE_YOUR_CALM, "a header block is too large")
        if flags & frames.END_HEADERS:
            self._block = self._expected = None
            self._take_block(number, block[1], b"".join(fragments))

    def _take_block(self, number: int, flags: int, block: bytes) -> None:
        if number <= self._last:
            self._trailers(number, flags, block)
            return
        head = self._blocks.recall(block)
        last = self._farewell.last
        self._last = number
        try:
            if head is None:
                head = self._blocks.learn(block)
            if last is not None and number > last:
                self._last = last
                return  # as was said: the peer sends it elsewhere
            stream = self._make_stream(number, head)
        except StreamFaultError as fault:
            refused = fault.code == REFUSED_STREAM
            self._nuisances.add(FRAME if refused else RESET_AT_ONCE, self.clock)
            self._transport.write(frames.rst_stream(number, fault.code))
            self._let_go_of(number)
            return
        self.streams[number] = stream
        if flags & frames.END_STREAM:
            stream.ended_by_peer = True
            if stream.content_length:
                self._give_up(stream, PROTOCOL_ERROR)
                return
        due = min(stream.deadline, stream.began + self.limits.body_idle_seconds)
        self.deadline = min(self.deadline, due)
        stream.begun()
        if flags & frames.END_STREAM and stream.open:
            stream.body_received(b"", ended=True)

    def _make_stream(self, number: int, head: Any) -> Stream:
        if len(self.streams) >= self.limits.max_streams:
            raise StreamFaultError(REFUSED_STREAM, "too many at a time")
        return self.make_stream(number, head)

    def _trailers(self, number: int, flags: int, block: bytes) -> None:
        lines = self._blocks.decode(block)
        stream = self.streams.get(number)
        if stream is None:
            if number not in self._let_go:
                raise ConnectionFaultError(STREAM_CLOSED, "a header block for a stream that is closed")
            self._nuisances.add(RESET_AT_ONCE, self.clock)
            return
        code = STREAM_CLOSED if stream.ended_by_peer else 0 if flags & frames.END_STREAM else PROTOCOL_ERROR
        try:
            check_trailers(lines)
        except StreamFaultError as fault:
            code = code or fault.code
        stream.ended_by_peer = True
        if not code and stream.content_length is not None and stream.content_length != stream.received:
            code = PROTOCOL_ERROR
        if code:
            self._give_up(stream, code)
        else:
            stream.body_received(b"", ended=True)

    def _priority(self, flags: int, number: int, payload: bytes) -> None:
        """Ignored (section 5.3)."""
        if len(payload) != 5 or not number:
            raise ConnectionFaultError(FRAME_SIZE_ERROR if number else PROTOCOL_ERROR, "a priority that is none")
        self._nuisances.add(FRAME, self.clock)

    def _rst_stream(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFaultError(FRAME_SIZE_ERROR, "a reset that is none")
        self._check_begun(number)
        stream = self.streams.get(number)
        self._let_go.pop(number, None)
        if stream is None:
            self._nuisances.add(FRAME, self.clock)
            return
        if asyncio.get_running_loop().time() < stream.deadline - OVERDUE_SLACK_SECONDS:
            at_once = stream.began == self.clock or not stream.ended_by_peer
            self._nuisances.add(RESET_AT_ONCE if at_once else FRAME, self.clock)
        stream.ended_by_peer = True
        self._forget(stream)
        stream.left()

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        self._expected = None
        if number:
            raise ConnectionFaultError(PROTOCOL_ERROR, "settings of a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFaultError(FRAME_SIZE_ERROR, "an acknowledgement with settings")
            return
        self._answer_frame(frames.SETTINGS_ACK)
        given = read_peer_settings(payload)
        if given.frame_bytes is not None:
            self._set_peer_frame(given.frame_bytes)
        if given.table_bytes is not None:
            self._set_peer_table(given.table_bytes)
        if given.window is not None and given.window != self.peer_window:
            self._set_peer_window(given.window)

    def _push_promise(self, flags: int, number: int, payload: bytes) -> None:
        raise ConnectionFaultError(PROTOCOL_ERROR, "clients promise nothing")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 8 or number:
            raise ConnectionFaultError(PROTOCOL_ERROR if number else FRAME_SIZE_ERROR, "a ping that is none")
        if not flags & frames.ACK:
            self._answer_frame(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == FAREWELL:
            self._name_last()

    def _answer_frame(self, answer: bytes) -> None:
        """Frames that must be answered: while the peer takes nothing, answers would pile up."""
        self._nuisances.add(RESET_AT_ONCE if self._write_paused else FRAME, self.clock)
        self._transport.write(answer)

    def _goaway(self, flags: int, number: int, payload: bytes) -> None:
        """The peer begins no more streams; those that are open go on."""
        if len(payload) < 8 or number:
            raise ConnectionFaultError(PROTOCOL_ERROR if number else FRAME_SIZE_ERROR, "a farewell that is none")
        self._nuisances.add(FRAME, self.clock)
        self._leaving = True
        if not self.streams:
            self.close_after_writing()

    def _window_update(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFaultError(FRAME_SIZE_ERROR, "a window update that is none")
        increment = frames.read_number(payload)[0] & _NUMBER
        self._nuisances.add(FRAME, self.clock)
        if not number:
            if not increment:
                raise ConnectionFaultError(PROTOCOL_ERROR, "a window grows by nothing")
            self._widen(increment)
            return
        self._check_begun(number)
        stream = self.streams.get(number)
        if stream is None:
            return
        if not increment:
            self._give_up(stream, PROTOCOL_ERROR)
        elif not self._widen_stream(stream, increment):
            self._give_up(stream, FLOW_CONTROL_ERROR)

    def _give_up(self, stream: Stream, code: int) -> None:
        """The peer did something wrong on a stream, which costs us as much as a reset of its own."""
        self.reset(stream, code)
        stream.left()
        self._nuisances.add(RESET_AT_ONCE, self.clock)

    # What may be received

    def allow(self, stream: Stream, size: int) -> None:
        """The peer may send `size` more bytes on a stream."""
        more = size - stream.receive_window
        if more > 0 and stream.open and not stream.ended_by_peer:
            stream.receive_window += more
            self._transport.write(frames.window_update(stream.number, more))

    def reserve(self, stream: Stream, size: int) -> None:
        """As `allow`, for what is larger than `Limits.stream_window`: now, or when earlier ones are through."""
        if not stream.reserved:
            stream.reserved = True
            if self._reservations.ask(stream, size):
                self.allow(stream, size)
            else:
                stream.rests = True
        elif not stream.rests:  # padding used some of it up
            self.allow(stream, size)

    def release(self, stream: Stream) -> None:
        """What `reserve` was asked for is here."""
        if stream.reserved:
            self._released(stream)

    def _released(self, stream: Stream) -> None:
        stream.reserved = False
        for turn, size in self._reservations.release(stream):
            turn.rests = False
            turn.began = turn.heard = self.clock
            self.allow(turn, size)


def _unpadded(payload: bytes) -> bytes:
    """Without padding (section 6.1)."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFaultError(PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]
