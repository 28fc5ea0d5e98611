"""Whether an endpoint's batches are worked on right in the event loop: only where that is far quicker than a hop to the model's thread."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long the loop may be held up.

    Args:
        quick: Seconds; batches that take less on average are done in the loop.
        slow: Seconds; one batch in the loop that takes this long sends the endpoint back to the thread.
    """

    quick: float
    slow: float


ASSUMED = Bounds(quick=0.0003, slow=0.005)
"""Where nobody said that any thread will do: only what is quicker done than handed over and back."""
DECLARED = Bounds(quick=0.002, slow=0.025)
"""Where it was declared: a thread gains little until its batch is long beside what the loop does for it."""
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
        bounds: What is quick, what is slow.
        clock: Seconds, growing.
    """

    __slots__ = ("_bounds", "_clock", "_looked_at", "_mean", "_not_before", "_pause", "here")

    def __init__(self, bounds: Bounds = ASSUMED, clock: Callable[[], float] = monotonic) -> None:
        self._bounds = bounds
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
            if self._looked_at >= ENOUGH and self._mean < self._bounds.quick and self._clock() >= self._not_before:
                self.here = True
        elif seconds >= self._bounds.slow:
            self._leave()
            self._not_before = self._clock() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        elif self._mean > 2 * self._bounds.quick:
            self._leave()

    def _leave(self) -> None:
        self.here = False
        self._mean = 0.0
        self._looked_at = 0
