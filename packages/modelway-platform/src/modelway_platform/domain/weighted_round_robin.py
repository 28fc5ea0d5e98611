"""Exact shares without randomness: smooth weighted round robin."""

from collections.abc import Sequence
from math import gcd

LONGEST_CYCLE = 1024


class SmoothWeightedRoundRobin:
    """Chooses among `len(weights)` alternatives so that every prefix of choices is close to the declared shares.

    Each alternative gains its weight per choice; the richest is taken and pays the total (the algorithm nginx introduced
    in its upstream module). The order depends on the weights alone, never on connections or chance. After any n choices
    every alternative has been taken within one of n · weight / total.

    Args:
        weights: Relative, not negative; at least one positive.
    """

    __slots__ = ("_credit", "_cycle", "_total", "_turn", "_weights")

    def __init__(self, weights: Sequence[int]) -> None:
        if not weights or min(weights) < 0 or sum(weights) == 0:
            raise ValueError("weights must be non-negative with a positive sum")
        divisor = gcd(*weights)
        self._weights = tuple(weight // divisor for weight in weights)
        self._total = sum(self._weights)
        self._credit = [0] * len(weights)
        self._turn = 0
        # The choices repeat after `_total` of them; a short round is worked out once, here.
        self._cycle = tuple(self._work_out() for _ in range(self._total)) if self._total <= LONGEST_CYCLE else ()

    def choose(self) -> int:
        """Index of the next alternative."""
        turn = self._turn
        if turn < len(self._cycle):
            self._turn = turn + 1
            return self._cycle[turn]
        if self._cycle:
            self._turn = 1
            return self._cycle[0]
        return self._work_out()

    def _work_out(self) -> int:
        credit = self._credit
        best = 0
        best_credit = -self._total - 1
        for index, weight in enumerate(self._weights):
            if weight == 0:
                continue
            value = credit[index] + weight
            credit[index] = value
            if value > best_credit:
                best, best_credit = index, value
        credit[best] = best_credit - self._total
        return best
