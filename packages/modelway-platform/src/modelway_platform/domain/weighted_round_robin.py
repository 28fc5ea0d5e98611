"""Exact shares without randomness: smooth weighted round robin."""

from collections.abc import Sequence


class SmoothWeightedRoundRobin:
    """Chooses among `len(weights)` alternatives so that every prefix of choices is close to the declared shares.

    Each alternative gains its weight per choice; the richest is taken and pays the total (the algorithm nginx introduced
    in its upstream module). The order depends on the weights alone, never on connections or chance. After any n choices
    every alternative has been taken within one of n · weight / total.

    Args:
        weights: Relative, not negative; at least one positive.
    """

    __slots__ = ("_credit", "_total", "_weights")

    def __init__(self, weights: Sequence[int]) -> None:
        if not weights or min(weights) < 0 or sum(weights) == 0:
            raise ValueError("weights must be non-negative with a positive sum")
        self._weights = tuple(weights)
        self._total = sum(weights)
        self._credit = [0] * len(weights)

    def choose(self) -> int:
        """Index of the next alternative."""
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
