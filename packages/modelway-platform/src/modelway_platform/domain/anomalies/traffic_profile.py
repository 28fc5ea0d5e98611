"""What traffic is usual at each hour of the week, learned robustly: by medians, so that a past outage teaches nothing.

Seasonal level and drifting level are kept apart as Holt (1957) and Winters (1960) do, but by medians over the same hours and
over the last three days instead of by smoothing, which one outage would bend (Gelper, Fried and Croux 2010). Spread by the
median absolute deviation (Rousseeuw and Croux 1993).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, floor, log, sqrt
from statistics import median

HOUR, DAY, WEEK_HOURS = 3600, 86_400, 168
NEEDED_HOURS = 156
"""Six and a half days of history."""
_ENOUGH_OF_SLOT = 3
_LEVEL_HOURS = 72
_MOST_LEVEL = 0.7
_MAD = 1.4826
_LEAST_SPREAD, _USUAL_SPREAD, _MOST_SPREAD = 0.05, 0.5, 1.5
_COUNTABLE = 5.0
_NEAR = 600


@dataclass(frozen=True, slots=True)
class TrafficProfile:
    """Requests per second to be expected.

    Args:
        hours: Logarithm of requests in each hour of the week (from Thursday, as the epoch), with half a request added.
        level: Added to all of them: how the last days are above or below.
        spread: Relative deviation of ten minutes from what is expected, beyond chance.
        slow_spread: The same of an hour.
        weeks: How many were learned from.
    """

    hours: tuple[float, ...]
    level: float
    spread: float
    slow_spread: float
    weeks: float

    def rate(self, at: float) -> float:
        """At a Unix time; between the middles of hours it changes evenly."""
        place = (at - HOUR / 2) / HOUR
        before = floor(place)
        part = place - before
        value = (1 - part) * self.hours[before % WEEK_HOURS] + part * self.hours[(before + 1) % WEEK_HOURS]
        return self._of_value(value)

    def _of_value(self, value: float) -> float:
        return max(0.0, exp(value + self.level) - 0.5) / HOUR

    def band(self, at: float) -> tuple[float, float, float]:
        """Lowest, usual and highest rate: an hour earlier or later is as usual, for clocks change and people are late.

        So are the means of the hours ten minutes around: what begins with an hour, as batches do, does not rise evenly.
        """
        usual = self.rate(at)
        means = [self._of_value(self.hours[floor(near / HOUR) % WEEK_HOURS]) for near in (at - _NEAR, at, at + _NEAR)]
        rates = [usual, self.rate(at - HOUR), self.rate(at + HOUR), *means]
        return min(rates), usual, max(rates)


def learn_traffic(
    hours: Sequence[tuple[int, int]], tens: Iterable[tuple[int, int]], *, until: float
) -> TrafficProfile | None:
    """The profile of counts that were looked at; None where less than a week is known.

    Args:
        hours: Unix time and requests of each hour that was looked at, in order of time.
        tens: The same of stretches of ten minutes, of the last days.
        until: Nothing after this is learned from.
    """
    known = [(at, log(count + 0.5)) for at, count in hours if at + HOUR <= until]
    if len(known) < NEEDED_HOURS or known[-1][0] - known[0][0] < (NEEDED_HOURS - 1) * HOUR:
        return None
    slots = _slots(known)
    recent = [value - slots[at // HOUR % WEEK_HOURS] for at, value in known[-_LEVEL_HOURS:]]
    level = max(-_MOST_LEVEL, min(_MOST_LEVEL, median(recent)))
    rough = TrafficProfile(slots, level, _USUAL_SPREAD, _USUAL_SPREAD, len(known) / WEEK_HOURS)
    slow = _slow_spread(known, slots)
    fast = _spread([(count, rough.rate(at + 300) * 600) for at, count in tens if at + 600 <= until])
    return TrafficProfile(slots, level, fast or slow or _USUAL_SPREAD, slow or _USUAL_SPREAD, rough.weeks)


def _slots(known: Sequence[tuple[int, float]]) -> tuple[float, ...]:
    of_slot: dict[int, list[float]] = defaultdict(list)
    of_kind: dict[tuple[int, bool], list[float]] = defaultdict(list)
    of_hour: dict[int, list[float]] = defaultdict(list)
    for at, value in known:
        of_slot[at // HOUR % WEEK_HOURS].append(value)
        of_kind[at // HOUR % 24, _weekend(at)].append(value)
        of_hour[at // HOUR % 24].append(value)
    whole = median(value for _, value in known)
    found: list[float] = []
    for slot in range(WEEK_HOURS):
        own = of_slot[slot]
        if len(own) < _ENOUGH_OF_SLOT:  # twice its own, once those of the same hour on days of the same kind
            kind = of_kind[slot % 24, _weekend(slot * HOUR)]
            own = [*own, *own, *kind] or of_hour[slot % 24] or [whole]
        found.append(median(own))
    return tuple(found)


def _weekend(at: int) -> bool:
    return (at // DAY + 3) % 7 >= 5  # the epoch began on a Thursday


def _slow_spread(known: Sequence[tuple[int, float]], slots: Sequence[float]) -> float | None:
    """Of hours, after taking out each day's own level: growth is not noise."""
    days: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at, value in known:
        days[at // DAY].append((value - slots[at // HOUR % WEEK_HOURS], exp(value)))
    pairs: list[tuple[int, float]] = []
    for of_day in days.values():
        middle = median(off for off, _ in of_day)
        pairs += [(round(count - 0.5), max(0.0, count * exp(middle - off) - 0.5)) for off, count in of_day]
    return _spread(pairs)


def _spread(pairs: Sequence[tuple[int, float]]) -> float | None:
    """Relative deviation of counts from expectations, without what chance alone brings; None where too little can be told."""
    usable = [(log((count + 0.5) / (expected + 0.5)), expected) for count, expected in pairs if expected >= _COUNTABLE]
    if len(usable) < 48:
        return None
    sizes = sorted(abs(off) for off, _ in usable)
    robust = _MAD * median(sizes)
    # Where tails are heavier than a normal's they count: 97.5 % of a normal lies within 2.24 deviations.
    wide = sizes[int(len(sizes) * 0.975)] / 2.24
    chance = median(1 / expected for _, expected in usable)
    return max(_LEAST_SPREAD, min(_MOST_SPREAD, sqrt(max(0.0, max(robust, wide) ** 2 - chance))))
