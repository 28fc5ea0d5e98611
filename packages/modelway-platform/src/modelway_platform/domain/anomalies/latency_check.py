"""Whether answers take longer than usual, or suspiciously less: shares of requests beyond the times that are usual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding, Judgement
from modelway_platform.domain.anomalies.sample import Sample, latency_bin, quantile_ms
from modelway_platform.domain.anomalies.share_check import WINDOWS, Excess, Limit, Step, find_excess, goes_on

NEEDED_HOURS = 6
_COUNTED = 50
_SHARES = (0.5, 0.95)
_LEAST_SPREAD = 0.05
_SPREADS = 4.0
_SLOWER, _FASTER = log(1.3), log(0.5)
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Usual:
    """Of one quantile, in milliseconds: the middle, and the ends of what is usual."""

    share: float
    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LatencyProfile:
    """By quantile; how many hours were learned from."""

    quantiles: tuple[Usual, ...]
    hours: int


def learn_latency(hours: Sequence[Sample]) -> LatencyProfile | None:
    """What is usual of hours with enough requests; None where there are too few such hours."""
    good = [each for each in hours if sum(each.latency.values()) >= _COUNTED]
    if len(good) < NEEDED_HOURS:
        return None
    return LatencyProfile(tuple(_usual(good, share) for share in _SHARES), len(good))


def _usual(hours: Sequence[Sample], share: float) -> Usual:
    values = sorted(log(each) for each in (quantile_ms(hour.latency, share) for hour in hours) if each)
    middle = median(values)
    spread = max(_LEAST_SPREAD, _MAD * median(abs(each - middle) for each in values))
    # Hours that are rare but known, such as a nightly batch, are usual, too: up to one in fifty.
    rare = len(values) // 50
    high = max(middle + max(_SPREADS * spread, _SLOWER), values[-1 - rare] + spread)
    low = min(middle - max(_SPREADS * spread, -_FASTER), values[rare] - spread)
    return Usual(share, exp(middle), exp(low), exp(high))


def check_latency(
    profile: LatencyProfile | None, recent: Sequence[Sample], bar: Bar, *, version: str = "", hours: int = 0
) -> Judgement:
    """Slower at the median or the 95th percentile, or much faster at the median."""
    if profile is None:
        wanted = f"needs {NEEDED_HOURS} hours of at least {_COUNTED} good answers; has {hours}"
        return Judgement(cause=Cause.LATENCY, version=version, blind=wanted)
    basis = f"medians and 95th percentiles of {profile.hours} hours"
    for usual in profile.quantiles:
        for slower in (True, False) if usual.share == 0.5 else (True,):
            excess = _beyond(usual, recent, bar, slower=slower)
            if excess is not None:
                finding = _finding(usual, excess, recent, version, slower=slower)
                return Judgement(cause=Cause.LATENCY, version=version, finding=finding, basis=basis)
    return Judgement(cause=Cause.LATENCY, version=version, basis=basis)


def _beyond(usual: Usual, recent: Sequence[Sample], bar: Bar, *, slower: bool) -> Excess | None:
    """Of usual requests at most `1 - share` take longer than `high`, and at most `share` less than `low`."""
    middle, edge = usual.middle, usual.high if slower else usual.low
    # A stricter or laxer bar moves the edge itself.
    edge_bin = latency_bin(1000 * middle * (edge / middle) ** max(0.5, min(1.5, bar.size)))
    null = 1 - usual.share if slower else usual.share
    limit = Limit(null=null, more=0.15 if usual.share == 0.5 else 0.1, times=1.0, least_hits=15)
    newest = [each for each in recent if each.latency][-WINDOWS[0] :]
    if not goes_on([_step(each, edge_bin, slower=slower) for each in newest], limit, bar):
        return None
    return find_excess([_step(each, edge_bin, slower=slower) for each in recent], limit, bar)


def _step(sample: Sample, edge: int, *, slower: bool) -> Step:
    return Step(sample.at, sum(sample.latency.values()), _count(sample.latency, edge, slower=slower))


def _count(latency: Mapping[int, int], edge: int, *, slower: bool) -> int:
    return sum(count for index, count in latency.items() if (index > edge if slower else index < edge))


def _finding(usual: Usual, excess: Excess, recent: Sequence[Sample], version: str, *, slower: bool) -> Finding:
    window = [each for each in recent if each.at >= excess.begin]
    latency: dict[int, int] = {}
    for each in window:
        for index, count in each.latency.items():
            latency[index] = latency.get(index, 0) + count
    measured = quantile_ms(latency, usual.share) or 0.0
    name = "median" if usual.share == 0.5 else f"{usual.share:.0%} of answers within"
    end = recent[-1].at + recent[-1].seconds
    return Finding(
        cause=Cause.LATENCY, kind="slower" if slower else "faster", version=version, since=excess.begin, at=end,
        measured=measured, expected=usual.middle, low=usual.low, high=usual.high, unit="ms", surprise=excess.surprise,
        words=f"{name} {measured:.3g} ms, where {usual.low:.3g} to {usual.high:.3g} ms is usual ({excess.total} answers)",
    )  # fmt: skip
