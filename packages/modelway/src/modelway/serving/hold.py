"""Whether a batch that is not full waits for more: only behind another batch, and never past a deadline."""

from enum import IntEnum
from math import inf
from time import monotonic

from modelway.serving.waiting_line import WaitingLine

_SLOWER = 1.5  # than the batch before: the next one may be larger
_SPARE_SECONDS = 0.005


class Closed(IntEnum):
    """Why a batch went to the model."""

    FULL = 0
    IDLE = 1
    WAITED = 2
    DEADLINE = 3


class Hold:
    """Decides for one endpoint with `max_wait_ms`.

    A request that finds the model idle goes at once. Requests that came while the model was at a batch show that more are
    coming: those wait for the next batch to fill.

    Args:
        size: When a batch is full.
        seconds: How long it may wait at most, from the end of the batch before.
    """

    __slots__ = ("_behind", "_last_seconds", "_seconds", "_size", "closed", "until")

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._behind = False
        self._last_seconds = 0.0
        self.until = inf
        self.closed = Closed.IDLE

    def batch_ended(self, line: WaitingLine, seconds: float) -> None:
        """The model is free again."""
        self._behind = len(line) > 0
        self._last_seconds = seconds

    def lets_go(self, line: WaitingLine) -> bool:
        """Whether what waits goes now; if not, ask again at `until` or when more has come."""
        now = monotonic()
        if len(line) >= self._size:
            self.closed = Closed.FULL
        elif not self._behind:
            self.closed = Closed.IDLE
        else:
            if self.until == inf:
                self.until = now + self._seconds
            must_begin = line.next_deadline() - self._last_seconds * _SLOWER - _SPARE_SECONDS
            if now < min(self.until, must_begin):
                self.until = min(self.until, must_begin)
                return False
            self.closed = Closed.WAITED if now >= self.until and self.until < must_begin else Closed.DEADLINE
        self.until = inf
        self._behind = False
        return True
