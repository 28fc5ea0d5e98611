"""`max_wait_ms="adaptive"`: measures when callers come after a batch, and holds the next one where that pays."""

from collections.abc import Callable
from math import inf
from time import monotonic

from modelway.serving.batching.batch_times import BatchTimes
from modelway.serving.batching.hold import SLOWER, SPARE_SECONDS, Closed
from modelway.serving.batching.hold_choice import HORIZONS, Arrivals, Choice, choose
from modelway.serving.batching.waiting_line import WaitingLine

_WEIGHT = 0.2
LEAST_FIXED = 2 * HORIZONS[0]
"""Batches whose fixed part is shorter are never held, and nothing is measured but that."""
AT_ONCE = Choice(0.0, 1)


class AdaptiveHold:
    """Decides for one endpoint. A request that comes long after a batch, or alone as its caller always does, goes at once.

    Args:
        size: When a batch is full.
        clock: Seconds, as in the items' `enqueued` and `deadline`.
    """

    __slots__ = (
        "_arrived_before",
        "_clock",
        "_delays",
        "_ended",
        "_held",
        "_in_all",
        "_last_seconds",
        "_size",
        "_started",
        "_times",
        "_within",
        "chosen",
        "closed",
        "timer_at",
        "until",
    )

    def __init__(self, size: int, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._clock = clock
        self._times = BatchTimes()
        self._within = [0.0] * len(HORIZONS)
        self._in_all = 0.0
        self._ended = self._started = -inf
        self._delays: list[float] = []
        self._arrived_before = 0
        self._last_seconds = 0.0
        self._held = False
        self.until = inf
        self.timer_at = inf
        self.closed = Closed.IDLE
        self.chosen = AT_ONCE

    def batch_ended(self, line: WaitingLine, seconds: float, size: int, *, cut: bool = False) -> None:
        """The model is free again after `size` requests, and `cut`: what waits was left over by the batch's cost."""
        now = self._clock()
        self._times.observe(size, seconds)
        self._last_seconds = seconds
        if self._times.curve.fixed < LEAST_FIXED:
            self._ended = -inf
            return
        delays = self._delays + [each - self._ended for each in line.enqueued() if each > self._started]
        if self._ended > -inf:
            self._learn(delays)
        self._delays = []
        self._ended = -inf if cut else now
        self._arrived_before = len(line)

    def lets_go(self, line: WaitingLine) -> bool:
        """Whether what waits goes now; if not, ask again at `until` or when more has come."""
        now = self._clock()
        waiting = len(line)
        if waiting >= self._size:
            self.closed = Closed.FULL
        elif now - self._ended >= self._times.curve.fixed / 2 and not self._held:
            self.closed = Closed.IDLE
            self.chosen = AT_ONCE
        else:
            self.chosen = self._choose(waiting, now)
            if self.chosen.seconds:
                must_begin = line.next_deadline() - self._last_seconds * SLOWER - SPARE_SECONDS
                if now < must_begin:
                    self._held = True
                    self.until = min(now + self.chosen.seconds, must_begin)
                    return False
                self.closed = Closed.DEADLINE
            elif self._held:
                self.closed = Closed.WAITED if now >= self.until else Closed.ENOUGH
            else:
                self.closed = Closed.IDLE
        self._held = False
        self.until = inf
        self._started = now
        if self._ended > -inf:
            self._delays = [each - self._ended for each in line.enqueued() if each > self._ended]
        return True

    def _choose(self, waiting: int, now: float) -> Choice:
        return choose(
            waiting=waiting,
            arrived=max(waiting - self._arrived_before, 0),
            since_end=now - self._ended,
            size=self._size,
            curve=self._times.curve,
            arrivals=Arrivals(self._within, self._in_all),
        )

    def _learn(self, delays: list[float]) -> None:
        for place, horizon in enumerate(HORIZONS):
            found = sum([delay <= horizon for delay in delays])
            self._within[place] += (found - self._within[place]) * _WEIGHT
        self._in_all += (len(delays) - self._in_all) * _WEIGHT
