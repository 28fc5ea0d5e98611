"""The sending half of a connection: answers within the peer's windows, in turns, and a peer that takes nothing."""

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, cast

from modelway.http1.unsent import bytes_not_taken, forget_unsent
from modelway.http2 import frames
from modelway.http2.faults import FLOW_CONTROL_ERROR, NO_ERROR, ConnectionFaultError
from modelway.http2.header_encoding import EMPTY_TABLE
from modelway.http2.limits import Limits
from modelway.http2.nuisances import CREDIT_PER_CALL, CREDIT_PER_DATA_FRAME, Nuisances
from modelway.http2.phases import CLOSED, LINGER, PREFACE
from modelway.http2.stream import Stream

if TYPE_CHECKING:
    from modelway.http1 import Listener

_HEADERS = bytes([frames.HEADERS, frames.END_HEADERS])
_LAST_HEADERS = bytes([frames.HEADERS, frames.END_HEADERS | frames.END_STREAM])
_DATA = b"\0\0"
_LARGEST_FRAME = 64 * 1024  # larger ones would hold the other streams up, whatever the peer takes
_HIGH_WATER = 512 * 1024
_SLICED = 64 * 1024
_MAX_LET_GO = 4096


class SendingConnection(asyncio.Protocol):
    """What a connection knows of its streams, and how they are answered."""

    __slots__ = (
        "_frame_bytes",
        "_held",
        "_last",
        "_leaving",
        "_let_go",
        "_listener",
        "_nuisances",
        "_shrunk_table",
        "_transport",
        "_turns",
        "_unsent_then",
        "_window",
        "_write_paused",
        "busy_at",
        "deadline",
        "limits",
        "peer_window",
        "phase",
        "streams",
    )

    def __init__(self, listener: "Listener") -> None:
        limits = listener.limits
        assert isinstance(limits, Limits)
        self._listener = listener
        self.limits = limits
        self._transport = cast("asyncio.Transport", None)
        self.phase: int = PREFACE
        self.deadline = inf
        self.streams: dict[int, Stream] = {}
        self.peer_window = frames.USUAL_WINDOW
        self._window = frames.USUAL_WINDOW
        self._frame_bytes = frames.USUAL_FRAME_BYTES
        self._turns: deque[Stream] = deque()
        self._write_paused = False
        self._shrunk_table = False  # the next block must say that our table is empty
        self._held = False  # either of both: no answer goes the short way
        self._unsent_then: float = 0
        self._last = 0
        self._leaving = False
        # Streams we ended before the peer did: what it sent before it heard of that is dropped.
        self._let_go: dict[int, None] = {}
        self._nuisances = Nuisances(limits, listener.clock)
        self.busy_at = listener.clock

    @property
    def clock(self) -> float:
        """The listener's."""
        return self._listener.clock

    # Answering

    def answer(self, stream: Stream, head: bytes, data: bytes, trailers: bytes) -> None:
        """A whole answer, in one write if the peer takes it at once.

        Args:
            stream: What is answered.
            head: Header block.
            data: The body.
            trailers: Header block behind it.
        """
        size = len(data)
        if self._held or size > stream.send_window or size > self._window or size > self._frame_bytes or stream.unsent:
            self.start(stream, head)
            self.send(stream, data)
            self.finish(stream, trailers)
            return
        if not stream.open:
            return
        self._window -= size
        number = stream.number.to_bytes(4, "big")
        self._transport.write(
            b"".join(
                (
                    len(head).to_bytes(3, "big"),
                    _HEADERS,
                    number,
                    head,
                    size.to_bytes(3, "big"),
                    _DATA,
                    number,
                    data,
                    len(trailers).to_bytes(3, "big"),
                    _LAST_HEADERS,
                    number,
                    trailers,
                )
            )
        )
        self._ended(stream)

    def start(self, stream: Stream, head: bytes) -> None:
        """Begin an answer; it is written with what follows in the same turn, as a write of its own costs a caller's call much."""
        if stream.open:
            stream.head = head

    def send(self, stream: Stream, data: bytes) -> None:
        """A piece of an answer that has begun; what the peer does not take yet is kept in `stream.unsent`."""
        if not stream.open or not data:
            return
        if stream.unsent is None:
            stream.unsent = deque()
        if not stream.unsent:
            stream.taken_at = self.clock
        stream.unsent.append(memoryview(data) if len(data) > _SLICED else data)
        self._queue(stream)

    def finish(self, stream: Stream, trailers: bytes) -> None:
        """End an answer; by itself, without `start`, a whole answer without a body."""
        if not stream.open or stream.closing is not None:
            return
        stream.closing = trailers
        if not stream.unsent:
            stream.taken_at = self.clock
        self._queue(stream)

    def reset(self, stream: Stream, code: int) -> None:
        """Give a stream up; `left` is not called."""
        if stream.open:
            self._transport.write(frames.rst_stream(stream.number, code))
            self._forget(stream)

    def _queue(self, stream: Stream) -> None:
        if not stream.turn:
            stream.turn = True
            self._turns.append(stream)
        self._pump()
        if stream.head is not None and stream.open:  # no window for more
            self._transport.write(self._begun(stream))
        if stream.open and stream.stalls:
            self.look_by(stream.answer_due())

    def _pump(self) -> None:
        """One frame per stream and turn, as long as the peer takes them."""
        turns = self._turns
        while turns and not self._write_paused:
            stream = turns[0]
            if stream.open and stream.unsent and stream.send_window > 0 and self._window <= 0:
                return  # its turn comes again with the connection's window
            turns.popleft()
            stream.turn = False
            if not stream.open:
                continue
            if stream.unsent and stream.send_window > 0:
                self._send_frame(stream, stream.unsent)
            if not stream.unsent:
                self._all_sent(stream)
            elif stream.send_window > 0:
                stream.turn = True
                turns.append(stream)

    def _send_frame(self, stream: Stream, unsent: "deque[bytes | memoryview]") -> None:
        data = unsent[0]
        size = min(len(data), stream.send_window, self._window, self._frame_bytes)
        if size == len(data):
            unsent.popleft()
        else:
            unsent[0] = memoryview(data)[size:]
            data = memoryview(data)[:size]
        stream.send_window -= size
        self._window -= size
        stream.taken_at = self.clock
        self._nuisances.forgive(CREDIT_PER_DATA_FRAME)
        start = self._begun(stream) + size.to_bytes(3, "big") + _DATA + stream.number.to_bytes(4, "big")
        if isinstance(data, bytes):
            self._transport.write(start + data)
        else:
            self._transport.writelines((start, data))

    def _all_sent(self, stream: Stream) -> None:
        if stream.closing is None:
            stream.taken()
            return
        self._transport.write(self._begun(stream) + self._block_frame(stream, stream.closing, _LAST_HEADERS))
        stream.closing = None
        self._ended(stream)

    def _begun(self, stream: Stream) -> bytes:
        """The frame of its answer's head, once."""
        head, stream.head = stream.head, None
        return b"" if head is None else self._block_frame(stream, head, _HEADERS)

    def _block_frame(self, stream: Stream, block: bytes, kind: bytes) -> bytes:
        if self._shrunk_table:
            self._shrunk_table = False
            self._held = self._write_paused
            block = EMPTY_TABLE + block
        return b"%b%b%b%b" % (len(block).to_bytes(3, "big"), kind, stream.number.to_bytes(4, "big"), block)

    def _ended(self, stream: Stream) -> None:
        """Our answer is written."""
        if not stream.ended_by_peer:  # no more of the request is wanted (RFC 9113, section 8.1)
            self._transport.write(frames.rst_stream(stream.number, NO_ERROR))
        self._nuisances.forgive(CREDIT_PER_CALL)
        self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        stream.open = False
        stream.unsent = None
        self.streams.pop(stream.number, None)
        self.busy_at = self.clock
        if not stream.ended_by_peer:
            self._let_go_of(stream.number)
        if stream.reserved:
            self._released(stream)
        if self._leaving and not self.streams:
            self.close_after_writing()

    def _let_go_of(self, number: int) -> None:
        let_go = self._let_go
        if len(let_go) >= _MAX_LET_GO:
            del let_go[next(iter(let_go))]
        let_go[number] = None

    def _released(self, stream: Stream) -> None:
        """Room that was set aside for the stream's body is free."""

    # What the peer allows

    def _widen(self, increment: int) -> None:
        """WINDOW_UPDATE for the connection."""
        self._window += increment
        if self._window > frames.MAX_WINDOW:
            raise ConnectionFaultError(FLOW_CONTROL_ERROR, "the connection's window is too large")
        if self._turns:
            self._pump()

    def _widen_stream(self, stream: Stream, increment: int) -> bool:
        """WINDOW_UPDATE for a stream; False: that is too much."""
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW:
            return False
        if stream.unsent and not stream.turn and stream.send_window > 0:
            stream.turn = True
            self._turns.append(stream)
            self._pump()
        return True

    def _set_peer_window(self, size: int) -> None:
        """SETTINGS_INITIAL_WINDOW_SIZE holds for streams that are open, too (section 6.9.2)."""
        change = size - self.peer_window
        self.peer_window = size
        for stream in list(self.streams.values()):
            if not self._widen_stream(stream, change):
                raise ConnectionFaultError(FLOW_CONTROL_ERROR, "a stream's window is too large")

    def _set_peer_frame(self, size: int) -> None:
        self._frame_bytes = min(size, _LARGEST_FRAME)

    def _set_peer_table(self, size: int) -> None:
        """We keep no table, but a smaller one has to be acknowledged by a size update (RFC 7541, section 4.2)."""
        if size < frames.USUAL_TABLE_BYTES:
            self._shrunk_table = self._held = True

    # asyncio.Protocol: a peer that reads more slowly than we write

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_HIGH_WATER)

    def pause_writing(self) -> None:
        self._write_paused = self._held = True
        self._unsent_then = inf  # the first look, soon, only sees what there is
        self.look_by(self.clock + self.limits.write_stall_seconds / 8)

    def resume_writing(self) -> None:
        self._write_paused = False
        self._held = self._shrunk_table
        self._pump()

    def _has_taken_enough(self) -> bool:
        unsent = bytes_not_taken(self._transport)
        taken = self._unsent_then - unsent
        self._unsent_then = unsent
        return taken >= self.limits.min_bytes_per_second * self.limits.write_stall_seconds

    # The end

    def look_by(self, time: float) -> None:
        """Have the clock look at this connection at `time`."""
        self.deadline = min(self.deadline, time)

    def close_after_writing(self) -> None:
        """End our side, and read on for a moment: closing with unread bytes would take back what is on its way."""
        if self.phase >= LINGER:
            return
        self._begin_linger()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _begin_linger(self) -> None:
        self.phase = LINGER
        self.deadline = self.clock + self.limits.linger_seconds
        self._unsent_then = inf

    def abort(self) -> None:
        """Drop the connection now, unsent bytes included."""
        self._transport.abort()

    def drop(self) -> None:
        """As `abort`, and the system forgets what it still had to send."""
        self.phase = LINGER
        forget_unsent(self._transport)
        self.abort()

    def _leave(self) -> None:
        """The peer is gone, or cannot be spoken with: nobody waits for the answers that are outstanding."""
        streams = list(self.streams.values())
        self.streams.clear()
        self._turns.clear()
        for stream in streams:
            stream.open = False
            stream.unsent = None
            stream.left()

    @property
    def is_answered(self) -> bool:
        """Whether all that was asked is answered, and all of that is written."""
        return self.phase >= LINGER and not self.streams and not self._transport.get_write_buffer_size()

    def _closed(self) -> None:
        self.phase = CLOSED
        self.deadline = inf
        self._leave()
