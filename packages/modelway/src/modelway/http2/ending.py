"""How a connection ends: overdue frames, bodies and answers, a peer that is silent or gone, an orderly farewell, a fault."""

from math import inf
from typing import TYPE_CHECKING, Final

from modelway.http2 import frames
from modelway.http2.farewell import Farewell
from modelway.http2.faults import CANCEL, ENHANCE_YOUR_CALM, NO_ERROR, ConnectionFaultError
from modelway.http2.phases import LINGER, OPEN, PREFACE
from modelway.http2.sending import SendingConnection
from modelway.http2.stream import Stream

if TYPE_CHECKING:
    from modelway.http1 import Listener

FAREWELL: Final = b"modelwaF"
"""What our ping says between the two steps of a farewell."""
_SIGN_OF_LIFE = b"modelwaP"


class EndingConnection(SendingConnection):
    """What a connection knows of time."""

    __slots__ = ("_farewell", "_frame_began", "_pinged_at", "_rest", "heard_at")

    def __init__(self, listener: "Listener") -> None:
        super().__init__(listener)
        self._rest = b""  # the beginning of a frame
        self._frame_began = inf
        self._farewell = Farewell()
        self._pinged_at = inf
        self.heard_at = listener.clock

    def deadline_passed(self) -> None:
        """Called by the listener's clock."""
        now = self.clock
        self.deadline = inf
        if self.phase == PREFACE:
            self.abort()
        elif self.phase >= LINGER:
            self._linger_passed(now)
        else:
            try:
                self._look(now)
            except ConnectionFaultError as fault:
                self.fail(fault.code, fault.why)

    def _look(self, now: float) -> None:
        limits = self.limits
        if self._frame_began != inf:
            due = self._frame_began + limits.head_seconds + len(self._rest) / limits.min_bytes_per_second
            if now >= due:
                raise ConnectionFaultError(ENHANCE_YOUR_CALM, "a frame did not arrive in time")
            self.look_by(due)
        if self._write_paused:
            if not self._has_taken_enough():
                self._leave()
                self.drop()
                return
            self.look_by(now + limits.write_stall_seconds)
        for stream in list(self.streams.values()):
            if stream.open:
                self._look_at(stream, now)
        if self.phase != OPEN:
            return
        if self._farewell.due <= now:
            self._name_last()
        self.look_by(self._farewell.due)
        self._look_for_life(now)

    def _look_at(self, stream: Stream, now: float) -> None:
        if now >= stream.deadline:
            stream.late()
            stream.deadline = inf
        elif now >= stream.body_due():
            stream.overdue()
        elif now >= stream.answer_due():
            self.reset(stream, CANCEL)
            stream.left()
        else:
            self.look_by(min(stream.deadline, stream.body_due(), stream.answer_due()))
            return
        if stream.open and not stream.stalls:
            self.reset(stream, CANCEL)

    def _look_for_life(self, now: float) -> None:
        """Ask a silent peer for a sign of life; end a connection that nobody has used for long."""
        limits = self.limits
        if self.heard_at >= self._pinged_at:
            self._pinged_at = inf
        if self._pinged_at != inf:
            if now >= self._pinged_at + limits.sign_of_life_seconds:
                self._leave()
                self.drop()
                return
            self.look_by(self._pinged_at + limits.sign_of_life_seconds)
        elif now >= self.heard_at + limits.keep_alive_seconds:
            self._pinged_at = now
            self._transport.write(frames.frame(frames.PING, 0, 0, _SIGN_OF_LIFE))
            self.look_by(now + limits.sign_of_life_seconds)
        else:
            self.look_by(self.heard_at + limits.keep_alive_seconds)
        if self.streams:
            self.look_by(now + limits.idle_seconds)
        elif now >= self.busy_at + limits.idle_seconds:
            self.close_if_idle()
        else:
            self.look_by(self.busy_at + limits.idle_seconds)

    def _linger_passed(self, now: float) -> None:
        """Wait on only for a peer that still takes what was written."""
        enough = self._has_taken_enough()
        if enough and self._unsent_then:
            self.look_by(now + self.limits.write_stall_seconds)
        elif self._unsent_then:
            self.drop()
        else:
            self.abort()

    def close_if_idle(self) -> None:
        """No more calls are wanted: said first, and then which was the last, so that none is lost in between (section 6.8)."""
        if self.phase == PREFACE:  # its first call follows, and not every client sends it again by itself
            self.look_by(self.clock + self.limits.first_request_seconds)
        elif self.phase == OPEN and not self._farewell.begun:
            self._farewell.begin(self.clock + self.limits.farewell_seconds)
            self.look_by(self._farewell.due)
            self._transport.write(
                frames.goaway(frames.MAX_STREAM_ID, NO_ERROR) + frames.frame(frames.PING, 0, 0, FAREWELL)
            )

    def _name_last(self) -> None:
        if not self._farewell.begun or self._farewell.last is not None:
            return
        self._farewell.name(self._last)
        self._leaving = True
        self._transport.write(frames.goaway(self._last, NO_ERROR))
        if not self.streams:
            self.close_after_writing()

    def fail(self, code: int, why: str) -> None:
        """End the connection for what the peer did."""
        if self.phase >= LINGER:
            return
        self._transport.write(frames.goaway(self._last, code, why))
        self._leave()
        self.close_after_writing()
