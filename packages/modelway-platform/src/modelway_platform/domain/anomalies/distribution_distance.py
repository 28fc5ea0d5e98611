"""How far apart two distributions are, and how likely that is by chance.

The population stability index as it is used in credit scoring (Siddiqi 2006), with half a count added to each bin (Jeffreys);
by chance alone it is distributed as chi-squared times (1/n + 1/m) (Yurdakul and Naranjo 2020), which is what makes one limit
right for all sample sizes. For numbers, whose bins have an order, the Kolmogorov-Smirnov distance is looked at, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from modelway_platform.domain.anomalies.features import place_of
from modelway_platform.domain.anomalies.sample import REST, Distribution
from modelway_platform.domain.anomalies.surprise import chi_squared_surprise, kolmogorov_surprise

_BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """`psi`; `surprise`, the logarithm of its probability by chance; `most`: the value whose share changed most, before and now."""

    psi: float
    surprise: float
    most: tuple[str, float, float]


def distance(before: Distribution, now: Distribution) -> Distance:
    """Of what is counted now from what was counted before; neither may be empty."""
    old, new = _same_bins(before, now)
    total_old, total_new = sum(before.values()), sum(now.values())
    bins = len(old)
    psi, most = 0.0, ("", 0.0, 0.0)
    for name, count in old.items():
        share_old = (count + 0.5) / (total_old + bins / 2)
        share_new = (new[name] + 0.5) / (total_new + bins / 2)
        psi += (share_new - share_old) * log(share_new / share_old)
        if abs(share_new - share_old) > abs(most[2] - most[1]):
            most = (name, share_old, share_new)
    surprise = chi_squared_surprise(psi / (1 / total_old + 1 / total_new), max(1, bins - 1))
    if all(place_of(name) is not None for name in old if name != REST):
        surprise = min(surprise, kolmogorov_surprise(_furthest(old, new), total_old, total_new) + log(0.5))
    return Distance(psi=psi, surprise=surprise, most=most)


def _same_bins(before: Distribution, now: Distribution) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Rare values of both go together, so that each bin has something to compare."""
    total = sum(before.values()) + sum(now.values())
    both = {name: before.get(name, 0) + now.get(name, 0) for name in {*before, *now}}
    frequent = sorted(
        (name for name, count in both.items() if count * 200 >= total and name != REST),
        key=lambda name: (-both[name], name),
    )[: _BINS - 1]
    old = {name: before.get(name, 0) for name in frequent}
    new = {name: now.get(name, 0) for name in frequent}
    old[REST], new[REST] = sum(before.values()) - sum(old.values()), sum(now.values()) - sum(new.values())
    if not old[REST] and not new[REST]:
        del old[REST], new[REST]
    return old, new


def _furthest(old: Mapping[str, int], new: Mapping[str, int]) -> float:
    total_old, total_new = max(1, sum(old.values())), max(1, sum(new.values()))
    reached_old = reached_new = 0
    furthest = 0.0
    for name in sorted((each for each in old if each != REST), key=lambda each: place_of(each) or 0):
        reached_old += old[name]
        reached_new += new[name]
        furthest = max(furthest, abs(reached_old / total_old - reached_new / total_new))
    return furthest
