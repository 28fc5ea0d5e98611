"""Tells those whose time is over while the model is busy: one timer, for the earliest deadline of all that wait."""

from collections.abc import Callable, Mapping
from math import inf
from time import monotonic

from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item
from modelway.serving.lane import Lane

_LOOK_SECONDS = 0.002


class DeadlineWatch:
    """Takes requests out of their lines when nobody can use their answers any more.

    Args:
        lane: Has the timer.
        lines: Where requests wait.
        late: Called with each that was taken out.
    """

    __slots__ = ("_lane", "_late", "_lines", "_next")

    def __init__(self, lane: Lane, lines: Mapping[str, WaitingLine], late: Callable[[str, Item], None]) -> None:
        self._lane = lane
        self._lines = lines
        self._late = late
        self._next = inf

    def see(self, deadline: float) -> None:
        """Somebody waits until then."""
        if deadline < self._next:
            self._next = deadline
            self._lane.later(max(deadline - monotonic(), 0.0) + _LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if monotonic() < self._next:
            return  # an earlier one was asked for meanwhile, which looks again by itself
        self._next = inf
        for name, line in self._lines.items():
            for item in line.late():
                line.evict(item)
                self._late(name, item)
        self.see(min(line.next_deadline() for line in self._lines.values()))
