"""Whether a share of requests is larger than usual: of failed ones, of copies that disagree, of slow ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelway_platform.domain.anomalies.judgement import Bar
from modelway_platform.domain.anomalies.surprise import share_surprise

WINDOWS = (5, 30)
"""Steps."""
_LAST = 5
_DISTINCT = 3
_COUNTED = 20


@dataclass(frozen=True, slots=True)
class Step:
    """Of one step that was looked at, by its beginning: how many requests, how many of them hit."""

    at: int
    total: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a share has to pass.

    Args:
        null: Share that is usual at the worst.
        more: How much more it has to be.
        times: How many times as much.
        least_hits: How many hits there have to be.
    """

    null: float
    more: float
    times: float = 1.5
    least_hits: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A share that is too large: where, how large, and how likely by chance (logarithm)."""

    begin: int
    total: int
    hits: int
    surprise: float

    @property
    def share(self) -> float:
        return self.hits / self.total


def find_excess(steps: Sequence[Step], limit: Limit, bar: Bar, windows: Sequence[int] = WINDOWS) -> Excess | None:
    """The shortest window, up to the newest step, in which the share is too large and still is; None if there is none.

    Args:
        steps: In order of time.
        limit: How large is too large.
        bar: What has to be passed.
        windows: In steps, ascending.
    """
    asked = [each for each in steps if each.total]
    between, edge = _between(limit, bar)
    if not asked or not _goes_on(asked, between):
        return None
    for length in windows:
        window = [each for each in steps[-length:] if each.total]
        total, hits = sum(each.total for each in window), sum(each.hits for each in window)
        if not total or hits < limit.least_hits or hits / total < edge:
            continue
        surprise = share_surprise(hits, total, limit.null)
        distinct = sum(1 for each in window if each.hits > between * each.total)
        if surprise <= bar.log_alpha and distinct >= min(bar.minutes, _DISTINCT):
            return Excess(begin=window[0].at, total=total, hits=hits, surprise=surprise)
    return None


def _between(limit: Limit, bar: Bar) -> tuple[float, float]:
    """A share that no usual step has for long, and the one that is too large."""
    edge = max(limit.null + limit.more * bar.size, limit.null * (1 + (limit.times - 1) * bar.size))
    return (limit.null + edge) / 2, edge


def _goes_on(asked: Sequence[Step], between: float) -> bool:
    newest = asked[-_LAST:]
    return sum(each.hits for each in newest) > between * sum(each.total for each in newest) and any(
        each.hits for each in asked[-2:]
    )


def worst_usual(
    hours: Sequence[tuple[int, int]], tens: Sequence[tuple[int, int]], least: float, needed: int
) -> float | None:
    """The share that nine of ten hours, and all but three of a hundred stretches of ten minutes, stay below.

    Args:
        hours: Requests and hits of hours.
        tens: The same of ten minutes, of the last days: errors come in bursts.
        least: The result is not below this.
        needed: Requests that make a history; None is returned below.
    """
    total, hits = sum(each[0] for each in hours), sum(each[1] for each in hours)
    if total < needed:
        return None
    by_hour, by_ten = _quantile(hours, 0.9, 5), _quantile(tens, 0.97, 100)
    if by_hour is None:
        return max(least, (hits + 1) / (total + 1))  # all together, one added
    return max(least, by_hour, by_ten or 0.0)


def _quantile(pairs: Sequence[tuple[int, int]], level: float, needed: int) -> float | None:
    shares = sorted(hits / requests for requests, hits in pairs if requests >= _COUNTED)
    return shares[min(len(shares) - 1, int(len(shares) * level))] if len(shares) >= needed else None


def goes_on(newest: Sequence[Step], limit: Limit, bar: Bar) -> bool:
    """Whether the newest steps by themselves show too large a share: without that, `find_excess` finds nothing."""
    return _goes_on([each for each in newest if each.total], _between(limit, bar)[0])
