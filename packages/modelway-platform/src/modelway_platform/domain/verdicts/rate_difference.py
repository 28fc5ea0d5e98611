"""How far the rates of two streams are apart, as an interval that holds at every moment at once.

The interval holds all differences of pairs of rates that have not been given up: a time-uniform confidence sequence. Requires that
each stream's rate stays what it is while it is watched; `block_bets` does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, joint_wealth, wealth_against

_GOLDEN = (5**0.5 - 1) / 2
_NARROWINGS = 40


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies in it."""
        return self.low <= value <= self.high


class RateDifference:
    """What is known of candidate's rate minus baseline's."""

    def __init__(self, baseline: Counts, candidate: Counts) -> None:
        self._baseline = baseline
        self._candidate = candidate
        self._against_baseline = wealth_against(baseline)
        self._against_candidate = wealth_against(candidate)

    @property
    def seen(self) -> float:
        """The difference of the rates seen."""
        return self._candidate.rate - self._baseline.rate

    def refutes(self, difference: float, alpha: float) -> bool:
        """Whether that difference has been given up, at error probability `alpha` over all time."""
        return self._least_wealth(difference) >= -log(alpha)

    def interval(self, alpha: float) -> Interval:
        """All differences that have not been given up."""
        return Interval(self._edge(-1.0, alpha), self._edge(1.0, alpha))

    def _edge(self, far: float, alpha: float) -> float:
        """The last difference towards `far` that has not been given up, from outside."""
        kept, given_up = self.seen, far
        if not self.refutes(far, alpha):
            return far
        for _ in range(_NARROWINGS):
            middle = (kept + given_up) / 2
            if self.refutes(middle, alpha):
                given_up = middle
            else:
                kept = middle
        return given_up

    def _least_wealth(self, difference: float) -> float:
        """Over all pairs of rates with this difference: the wealth against the pair that suffered least."""
        lowest, highest = max(0.0, -difference), min(1.0, 1.0 - difference)
        # Each part falls towards the rate its own stream shows, so the least sum lies between the two.
        ends = sorted((self._baseline.rate, self._candidate.rate - difference))
        low, high = (min(max(end, lowest), highest) for end in ends)

        def wealth(rate: float) -> float:
            return joint_wealth(self._against_baseline(rate), self._against_candidate(rate + difference))

        return _least(wealth, low, high)


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """The least value of a convex function between two points, by golden section."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_NARROWINGS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return min(at_left, at_right, function(low), function(high))
