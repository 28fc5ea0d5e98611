"""How far a quantile of the candidate's durations lies from the baseline's, as an interval that holds at every moment.

At the true quantile the share of longer durations is a known rate, so the bets of `bernoulli_wealth` against that rate are bets
against the place where the quantile is supposed to be: Howard, Ramdas, "Sequential estimation of quantiles with applications to
A/B testing and best-arm identification", Bernoulli 28 (2022) 1704-1728. Nothing is assumed about the durations' distribution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import inf, log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, joint_wealth, wealth_against
from modelway_platform.domain.verdicts.latency_histogram import BINS, LatencyHistogram, start_of
from modelway_platform.domain.verdicts.rate_difference import Interval

_ANYWHERE = Interval(-inf, inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileDifference:
    """What is known of one quantile in two streams.

    Args:
        difference: Candidate minus baseline, in microseconds.
        ratio: Candidate by baseline.
    """

    difference: Interval
    ratio: Interval


@dataclass(frozen=True, slots=True)
class _Place:
    """Bins in a row in which the quantile may lie, and the wealth won against that; bins between two durations are one place."""

    start: float
    end: float
    wealth: float


def quantile_difference(
    baseline: LatencyHistogram, candidate: LatencyHistogram, level: float, alpha: float
) -> QuantileDifference:
    """All pairs of places that have not been given up, at error probability `alpha` over all time."""
    limit = -log(alpha)
    ours, theirs = _places(baseline, level, limit), _places(candidate, level, limit)
    if not ours or not theirs:
        return QuantileDifference(difference=_ANYWHERE, ratio=Interval(0.0, inf))
    differences: list[float] = []
    ratios: list[float] = []
    for place in ours:
        left = _first(theirs, place.wealth, limit)
        right = _first(theirs[::-1], place.wealth, limit)
        if left is None or right is None:
            continue
        differences += (left.start - place.end, right.end - place.start)
        ratios += (left.start / place.end, right.end / place.start if place.start else inf)
    if not differences:
        return QuantileDifference(difference=_ANYWHERE, ratio=Interval(0.0, inf))
    return QuantileDifference(
        difference=Interval(min(differences), max(differences)), ratio=Interval(min(ratios), max(ratios))
    )


def _first(places: list[_Place], wealth: float, limit: float) -> _Place | None:
    return next((place for place in places if joint_wealth(wealth, place.wealth) < limit), None)


def _end_of(index: int) -> float:
    # The last bin has no end: what lies in it may be as long as it likes.
    return start_of(index + 1) if index < BINS - 1 else inf


def _places(histogram: LatencyHistogram, level: float, limit: float) -> list[_Place]:
    """Every bin in which the quantile may lie, in order. What is given up alone is given up in any pair (a third is bet on it)."""
    if not histogram.count:
        return []
    rate = 1 - level
    longer = histogram.count
    edges = [longer]
    for number in histogram.bins:
        longer -= number
        edges.append(longer)
    known: dict[int, _Against] = {}

    def against(longer: int) -> _Against:
        found = known.get(longer)
        if found is None:
            found = known[longer] = _against(Counts(histogram.count, longer), rate)
        return found

    places: list[_Place] = []
    # Bins between two durations have the same numbers at start and end, so they are looked at as one.
    index = 0
    for (after_start, after_end), run in groupby(pairwise(edges)):
        first, index = index, index + sum(1 for _ in run)
        # The quantile lies above the start and not above the end; each of the two is a supposition about a rate.
        wealth = max(against(after_start).too_few, against(after_end).too_many)
        if wealth - log(3) < limit:
            places.append(_Place(start_of(first), _end_of(index - 1), wealth))
    return places


@dataclass(frozen=True, slots=True)
class _Against:
    """Wealth against the suppositions that at least, and that at most, the quantile's share is longer than a place."""

    too_few: float
    too_many: float


def _against(counts: Counts, rate: float) -> _Against:
    wealth: Callable[[float], float] = wealth_against(counts)
    least = wealth(counts.rate)
    at_rate = wealth(rate)
    return _Against(
        too_few=at_rate if counts.rate < rate else least,
        too_many=at_rate if counts.rate > rate else least,
    )
