"""How much a bet against a supposed rate would have won: evidence that stays valid however often it is looked at.

A gambler who doubts that something happens with probability `rate` bets on each outcome at odds that are fair if it does. His
wealth is then a martingale, and passes 1/alpha with probability alpha at most, ever (Ville's inequality). So a rate may be
given up as soon as the wealth against it has passed 1/alpha, at whatever moment that is noticed.

The bets here are the method of mixtures with Beta densities, which needs nothing but the number of trials and of hits:
Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist. 41 (1970); Howard, Ramdas,
McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49 (2021) 1055-1080;
Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", J. R. Statist. Soc. B 86 (2024) 1-27.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p

# Rates from a coin's to one in thousands: each of these densities is at most log(4) behind the best of them.
_DENSITIES = ((1.0, 1.0), (1.0, 10.0), (1.0, 100.0), (1.0, 1000.0))


@dataclass(frozen=True, slots=True)
class Counts:
    """Trials and how many of them were hits. Whole numbers where something was counted; fractions are for planning."""

    trials: float = 0
    hits: float = 0

    @property
    def rate(self) -> float:
        """Hits by trials; 0 before the first."""
        return self.hits / self.trials if self.trials else 0.0

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(self.trials + other.trials, self.hits + other.hits)


def wealth_against(counts: Counts) -> Callable[[float], float]:
    """A function from a supposed rate to the logarithm of the wealth won against it; convex, least at the rate seen."""
    trials, hits = counts.trials, counts.hits
    misses = trials - hits
    mixture = _log_mixture(hits, misses)

    def against(rate: float) -> float:
        if (hits and rate <= 0) or (misses and rate >= 1):
            return inf
        return mixture - (hits * log(rate) if hits else 0.0) - (misses * log1p(-rate) if misses else 0.0)

    return against


def joint_wealth(one: float, other: float) -> float:
    """Logarithm of the wealth when a third each is bet against one supposition, against the other, and on one after the other.

    All three are martingales if both suppositions hold, hence so is their sum. The third part wins fastest when both streams are
    about as long, the first two when one of them is much longer.
    """
    both = one + other
    top = max(one, other, both)
    if top == inf:
        return inf
    return top + log((exp(one - top) + exp(other - top) + exp(both - top)) / 3)


def _log_mixture(hits: float, misses: float) -> float:
    parts = [_log_beta(a + hits, b + misses) - _log_beta(a, b) for a, b in _DENSITIES]
    top = max(parts)
    return top + log(sum(exp(part - top) for part in parts) / len(parts))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
