"""Exact shares without randomness: a weighted round robin that never strays by as much as one."""

from collections.abc import Sequence
from math import gcd


class SmoothWeightedRoundRobin:
    """Chooses among `len(weights)` alternatives so that every prefix of choices is close to the declared shares.

    After any n choices every alternative has been taken within one of n · weight / total, and after each `total` choices
    exactly as often as declared, so the choices repeat every `length` of them. The order depends on the weights alone, never on connections or chance.

    Of the alternatives that are due, the one whose turn would soonest be too late is taken (Tijdeman, "The chairman assignment
    problem", 1980: k alternatives stay within 1 - 1/(2k - 2)). The better known rule that takes the one with the most credit
    strays by up to 1.12 from five alternatives on (docs/decisions/0012).

    Args:
        weights: Relative, not negative; at least one positive.
    """

    __slots__ = ("_credit", "_late", "_slack", "_total", "_weights")

    def __init__(self, weights: Sequence[int]) -> None:
        if not weights or min(weights) < 0 or sum(weights) == 0:
            raise ValueError("weights must be non-negative with a positive sum")
        divisor = gcd(*weights)
        # (index in `weights`, weight) of those that are ever chosen.
        self._weights = tuple((index, weight // divisor) for index, weight in enumerate(weights) if weight)
        self._total = sum(weights) // divisor
        # n · weight - taken · total: how much an alternative is owed, in units of 1/total of a choice.
        self._credit = [0] * len(self._weights)
        # The bound 1 - 1/(2k - 2), times total, as `_late` over `_slack`.
        self._slack = max(2 * len(self._weights) - 2, 1)
        self._late = self._total * (self._slack - 1)

    @property
    def length(self) -> int:
        """Choices in one round, after which they repeat."""
        return self._total

    def choose(self) -> int:
        """Index of the next alternative."""
        credit, total, slack, late = self._credit, self._total, self._slack, self._late
        best = chosen = -1
        best_left, best_weight = 0, 1
        for place, (index, weight) in enumerate(self._weights):
            owed = credit[place] = credit[place] + weight
            if owed * slack >= total:
                left = late - owed * slack
                if best < 0 or left * best_weight < best_left * weight:
                    best, chosen, best_left, best_weight = place, index, left, weight
        credit[best] -= total
        return chosen
