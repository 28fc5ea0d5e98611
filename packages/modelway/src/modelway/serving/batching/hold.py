"""Whether a batch that is not full waits for more: only behind another batch, and never past a deadline."""

from enum import IntEnum
from math import inf
from time import monotonic
from typing import Protocol

from modelway.serving.batching.hold_choice import Choice
from modelway.serving.batching.waiting_line import WaitingLine

SLOWER = 1.5  # than the batch before: the next one may be larger
SPARE_SECONDS = 0.005


class Closed(IntEnum):
    """Why a batch went to the model."""

    FULL = 0
    IDLE = 1
    WAITED = 2
    DEADLINE = 3
    ENOUGH = 4


class Holding(Protocol):
    """Decides for one endpoint."""

    until: float
    """When to ask again at the latest, on `time.monotonic`."""
    timer_at: float
    """When somebody will; for whoever asks."""
    closed: Closed
    """Why the last batch went."""
    chosen: Choice
    """How long the last one could be held, and at what size it went."""

    def batch_ended(self, line: WaitingLine, seconds: float, size: int, *, cut: bool = False) -> None: ...
    def lets_go(self, line: WaitingLine) -> bool: ...


class Hold:
    """Decides for one endpoint with `max_wait_ms`.

    A request that finds the model idle goes at once. Requests that came while the model was at a batch show that more are
    coming: those wait for the next batch to fill.

    Args:
        size: When a batch is full.
        seconds: How long it may wait at most, from the end of the batch before.
    """

    __slots__ = ("_behind", "_last_seconds", "_seconds", "_size", "chosen", "closed", "timer_at", "until")

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._behind = False
        self._last_seconds = 0.0
        self.until = inf
        self.timer_at = inf
        self.closed = Closed.IDLE
        self.chosen = Choice(seconds, size)

    def batch_ended(self, line: WaitingLine, seconds: float, size: int, *, cut: bool = False) -> None:
        """The model is free again after `size` requests, and `cut`: what waits was left over by the batch's cost."""
        self._behind = len(line) > 0 and not cut
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
            must_begin = line.next_deadline() - self._last_seconds * SLOWER - SPARE_SECONDS
            if now < min(self.until, must_begin):
                self.until = min(self.until, must_begin)
                return False
            self.closed = Closed.WAITED if now >= self.until and self.until < must_begin else Closed.DEADLINE
        self.until = inf
        self._behind = False
        return True
