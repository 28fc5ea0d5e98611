"""Whether an endpoint's batches are worked on right in the event loop: only where that is far quicker than a hop to the model's thread."""

from collections.abc import Callable
from time import monotonic

QUICK_SECONDS = 0.0003
"""Batches that take less on average are quicker done than handed over and back."""
SLOW_SECONDS = 0.005
"""One batch in the loop that takes this long sends the endpoint back to the thread."""
ENOUGH = 64
"""So many batches are looked at before the thread is left."""
_WEIGHT = 0.05
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 3600.0


class InlineChoice:
    """Chooses for one endpoint, by what its batches take.

    One that turned out slow in the loop is away from it for two seconds, the next time for four, and so on up to an hour: an
    endpoint that is quick but for a call now and then holds the loop up a dozen times in its first hours, and 24 times a day
    after that, however many requests come.

    Args:
        clock: Seconds, growing.
    """

    __slots__ = ("_clock", "_looked_at", "_mean", "_not_before", "_pause", "here")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._mean = 0.0
        self._looked_at = 0
        self._pause = _FIRST_PAUSE_SECONDS
        self._not_before = 0.0
        self.here = False

    def ran(self, seconds: float) -> None:
        """A batch took so long, wherever that was."""
        self._looked_at += 1
        weight = max(_WEIGHT, 1 / self._looked_at)
        self._mean += (seconds - self._mean) * weight
        if not self.here:
            if self._looked_at >= ENOUGH and self._mean < QUICK_SECONDS and self._clock() >= self._not_before:
                self.here = True
        elif seconds >= SLOW_SECONDS:
            self._leave()
            self._not_before = self._clock() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        elif self._mean > 2 * QUICK_SECONDS:
            self._leave()

    def _leave(self) -> None:
        self.here = False
        self._mean = 0.0
        self._looked_at = 0
