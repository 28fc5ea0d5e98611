"""How unlikely something is if nothing is wrong, as natural logarithms of probabilities; bounds or well-known approximations.

Sources: Chernoff (1952) in the form of Hoeffding (1963) for shares; Anscombe (1948) for counts, with overdispersion by the
delta method; Wilson and Hilferty (1931) for chi-squared; Kolmogorov (1933), Smirnov (1948) for two samples.
"""

from math import exp, inf, log, log1p, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
_LOG_LIMIT = 36.0  # beyond this many standard deviations NormalDist says zero


def share_surprise(hits: int, total: int, null: float) -> float:
    """At most how likely so many hits, or more, are of `total` where each is one with probability `null` at most.

    Returns:
        A logarithm: 0 where hits are no more frequent than `null`.
    """
    if not total or hits <= null * total:
        return 0.0
    share = hits / total
    if null <= 0.0:
        return -inf
    rest = (1 - share) * log((1 - share) / (1 - null)) if share < 1 else 0.0
    return -total * (share * log(share / null) + rest)


def count_surprise(count: int, expected: float, spread: float) -> float:
    """Standard deviations by which a count is off, signed; `spread` is the relative deviation of the expectation itself."""
    return (2 * sqrt(count + 0.375) - 2 * sqrt(expected + 0.375)) / sqrt(1 + spread * spread * expected)


def silence_surprise(expected: float, spread: float) -> float:
    """How likely nothing at all is, in logarithm, where `expected` were to come: Poisson with a gamma-distributed rate."""
    if expected <= 0:
        return 0.0
    if spread <= 0:
        return -expected
    return -log1p(spread * spread * expected) / (spread * spread)


def deviations_of(log_probability: float) -> float:
    """Standard deviations of a normal that are passed with this probability, on one side."""
    if log_probability >= log(0.5):
        return 0.0
    if log_probability > -700:
        return -_NORMAL.inv_cdf(exp(log_probability))
    # Mills' ratio, solved once: exact to a percent out there.
    first = sqrt(-2 * log_probability)
    return sqrt(max(0.0, -2 * (log_probability + log(first) + 0.919)))


def log_tail(deviations: float) -> float:
    """The other way round."""
    if deviations <= 0:
        return log(0.5)
    if deviations < _LOG_LIMIT:
        tail = _NORMAL.cdf(-deviations)
        if tail > 0:
            return log(tail)
    return -deviations * deviations / 2 - log(deviations) - 0.919


def chi_squared_surprise(statistic: float, freedom: int) -> float:
    """How likely a statistic so large or larger is, in logarithm."""
    if freedom < 1 or statistic <= freedom:
        return 0.0
    part = 2 / (9 * freedom)
    return log_tail(((statistic / freedom) ** (1 / 3) - (1 - part)) / sqrt(part))


def kolmogorov_surprise(distance: float, one: int, other: int) -> float:
    """How likely so large a distance between the distributions of two samples is, in logarithm; a bound for binned ones."""
    if not one or not other:
        return 0.0
    return min(0.0, log(2) - 2 * distance * distance * one * other / (one + other))
