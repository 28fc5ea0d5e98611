"""What shares of answers are usual, value by value and hour of the day, and by how much they vary over an hour, three and twelve.

Each frequent value (of numbers: each eighth of what is usual, from below) is looked at by itself: an index over a whole distribution hides
a move of one value in what all of them sway by. What is kept of an hour is the efficient score of a shift of the value's logit and its
information (Rao 1948), which add up over hours.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from modelway_platform.domain.anomalies.features import place_of
from modelway_platform.domain.anomalies.sample import REST, Distribution, Sample

HOUR = 3600
LENGTHS = (1, 3, 12)
"""Hours over which shifts are looked at."""
MOST_VALUES = 8
MOST_FEATURES = 8
_LEAST_SHARE = 0.01
_NEEDED_HOURS = 72
_FEW = 15
"""Looked-at requests that make an hour of history."""
_TRIMMED = 0.1
_FLOOR = 0.03
"""Nothing is steadier than that, whatever three weeks say."""
Distributions = Callable[[Sample], Mapping[str, Distribution]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareProfile:
    """Of one feature. Numbers are packed as C has them (`float`), for there are thousands of models.

    Args:
        values: That are looked at, each for itself; places of numbers, of which all up to there are counted.
        usual: Their shares by hour of the day: `usual[hour * len(values) + index]`.
        varies: By how much their logits vary beyond chance over each of `LENGTHS`: `varies[length * len(values) + index]`.
        hours: Beginnings of the last hours that were looked at.
        scores: What each had more than is usual: `scores[hour * len(values) + index]`.
        weights: What a shift of one would have made of it, likewise.
    """

    values: tuple[str | int, ...]
    usual: bytes
    varies: bytes
    hours: tuple[int, ...] = ()
    scores: bytes = b""
    weights: bytes = b""


def learn_shares(hours: Sequence[Sample], of: Distributions, *, at: int) -> Mapping[str, ShareProfile]:
    """What is usual, by feature; none of those with too little history.

    Args:
        hours: In order of time.
        of: Outputs or inputs.
        at: Unix time; what is usual is learned from what ended three hours before.
    """
    found: dict[str, ShareProfile] = {}
    past = [each for each in hours if each.at + each.seconds <= at - 3 * HOUR]
    lately = [each for each in hours if at - (LENGTHS[-1] + 1) * HOUR <= each.at and each.at + each.seconds <= at]
    names = sorted({name for each in past[-_NEEDED_HOURS:] for name in of(each)})[:MOST_FEATURES]
    for name in names:
        known = [(each.at, counts) for each in past if sum((counts := of(each).get(name, {})).values()) >= _FEW]
        values = _values(counts for _, counts in known) if len(known) >= _NEEDED_HOURS else ()
        if values:
            found[name] = _learned(values, known, [(each.at, of(each).get(name, {})) for each in lately])
    return found


def _learned(
    values: tuple[str | int, ...],
    known: Sequence[tuple[int, Distribution]],
    lately: Sequence[tuple[int, Distribution]],
) -> ShareProfile:
    counted = [(at, *counts_of(values, counts)) for at, counts in known]
    by_hour: list[list[tuple[int, int, list[int]]]] = [[] for _ in range(24)]
    for each in counted:
        by_hour[each[0] // HOUR % 24].append(each)
    usual: list[float] = []
    for hour in range(24):
        near = [*by_hour[hour - 1], *by_hour[hour], *by_hour[(hour + 1) % 24]] or counted
        usual += (_trimmed([(total, hits[index]) for _, total, hits in near]) for index in range(len(values)))
    scored = [(at, *score_of(usual, at, total, hits)) for at, total, hits in counted]
    varies: list[float] = []
    for length in LENGTHS:
        windows = list(_windows(scored, length))
        varies += (_varies([(each[0][index], each[1][index]) for each in windows]) for index in range(len(values)))
    recent = [(at, *score_of(usual, at, *counts_of(values, counts))) for at, counts in lately]
    return ShareProfile(
        values=values,
        usual=_packed(usual),
        varies=_packed(varies),
        hours=tuple(at for at, _, _ in recent),
        scores=_packed(one for _, scores, _ in recent for one in scores),
        weights=_packed(one for _, _, weights in recent for one in weights),
    )


def _packed(numbers: Iterable[float]) -> bytes:
    return array("f", numbers).tobytes()


def numbers_of(packed: bytes) -> Sequence[float]:
    """Of a `ShareProfile`."""
    found = array("f")
    found.frombytes(packed)
    return found


def _values(distributions: Iterable[Distribution]) -> tuple[str | int, ...]:
    """Frequent ones; where all are numbers, the ends of the first seven eighths."""
    total: dict[str, int] = {}
    for counts in distributions:
        for value, count in counts.items():
            total[value] = total.get(value, 0) + count
    everything = sum(total.values())
    places = {value: place_of(value) for value in total if value != REST}
    if places and all(place is not None for place in places.values()):
        return _eighths(sorted((place, total[value]) for value, place in places.items() if place is not None))
    frequent = sorted(
        (value for value in places if total[value] >= _LEAST_SHARE * everything), key=lambda each: -total[each]
    )
    return tuple(frequent[:MOST_VALUES])


def _eighths(places: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    total, reached = sum(count for _, count in places), 0
    found: list[int] = []
    for (place, count), _ in pairwise(places):  # below the last, which is all
        before = reached * 8 // total
        reached += count
        if reached * 8 // total > before:
            found.append(place)
    return tuple(found)


def counts_of(values: Sequence[str | int], counts: Distribution) -> tuple[int, list[int]]:
    """How many there are, and how many of each."""
    total = sum(counts.values())
    if values and isinstance(values[0], int):
        ordered = sorted((place, count) for value, count in counts.items() if (place := place_of(value)) is not None)
        return total, [
            sum(count for place, count in ordered if place <= each) for each in values if isinstance(each, int)
        ]
    return total, [counts.get(str(each), 0) for each in values]


def score_of(usual: Sequence[float], at: int, total: int, hits: Sequence[int]) -> tuple[list[float], list[float]]:
    """By how much each is more than usual, and its information: their ratio is the shift of the logit."""
    begin = at // HOUR % 24 * len(hits)
    shares = usual[begin : begin + len(hits)]
    return (
        [hit - total * share for hit, share in zip(hits, shares, strict=True)],
        [total * share * (1 - share) for share in shares],
    )


def _trimmed(pairs: Sequence[tuple[int, int]]) -> float:
    """The share over all but the highest and lowest tenth of the hours, away from 0 and 1."""
    ordered = sorted(pairs, key=lambda each: each[1] / each[0])
    cut = int(len(ordered) * _TRIMMED)
    kept = ordered[cut : len(ordered) - cut]
    total, hits = sum(each[0] for each in kept), sum(each[1] for each in kept)
    return (hits + 0.5) / (total + 1)


def _windows(
    scored: Sequence[tuple[int, list[float], list[float]]], length: int
) -> Iterator[tuple[list[float], list[float]]]:
    """Sums over as many hours that follow each other, half of one overlapping the next."""
    if length == 1:
        yield from ((scores, weights) for _, scores, weights in scored)
        return
    step = length // 2
    for begin in range(0, len(scored) - length + 1, step):
        part = scored[begin : begin + length]
        if part[-1][0] - part[0][0] > 2 * length * HOUR:
            continue
        yield (
            [sum(column) for column in zip(*(each[1] for each in part), strict=True)],
            [sum(column) for column in zip(*(each[2] for each in part), strict=True)],
        )


def _varies(windows: Sequence[tuple[float, float]]) -> float:
    """Standard deviation of shifts beyond chance: the larger one of what the middle half and what nine of ten show."""
    shifts = sorted(abs(score / weight) for score, weight in windows if weight > 0)
    if len(shifts) < 8:
        return 1.0
    chance = sorted(1 / weight for _, weight in windows if weight > 0)[len(shifts) // 2]
    spread = max(shifts[len(shifts) // 2] * 1.4826, shifts[int(len(shifts) * 0.9)] / 1.645)
    return sqrt(max(_FLOOR * _FLOOR, spread * spread - chance))
