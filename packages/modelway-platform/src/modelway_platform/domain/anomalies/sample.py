"""What was counted of one version in one stretch of time: the platform's own short-term series is made of these."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log2

LATENCY_BINS_PER_OCTAVE = 8
"""Bins of durations are 9 % wide."""
MOST_BINS = 64
"""Of one feature in one sample; rarer values are counted together."""
REST = "…"

Distribution = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counts of one version.

    Args:
        at: Unix time of the beginning, a multiple of `seconds`.
        seconds: How long.
        requests: Answers to callers; no copies, nothing the platform asked itself.
        refused: Of these, answered 400 to 498.
        failed: Answered 500 or more.
        busy_us: Sum of all durations in microseconds; by Little's law `in_flight` follows.
        latency: How many good answers (below 400) by `latency_bin`.
        compared: Copies answered by this version whose answer was compared with the primary's.
        disagreed: Of these, said something else.
        outputs: How often each value of each feature of the answers was seen, of a sample of the requests.
        inputs: The same of the requests.
    """

    at: int
    seconds: int
    requests: int = 0
    refused: int = 0
    failed: int = 0
    busy_us: int = 0
    latency: Mapping[int, int] = field(default_factory=dict[int, int])
    compared: int = 0
    disagreed: int = 0
    outputs: Mapping[str, Distribution] = field(default_factory=dict[str, Distribution])
    inputs: Mapping[str, Distribution] = field(default_factory=dict[str, Distribution])

    @property
    def in_flight(self) -> float:
        """Requests in flight, on average (Little 1961: arrivals per second times time in the system)."""
        return self.busy_us / (self.seconds * 1e6)

    def latency_ms(self, share: float) -> float | None:
        """Milliseconds that `share` of the good answers took at most, to the width of a bin; None without any."""
        return quantile_ms(self.latency, share)


def latency_bin(microseconds: float) -> int:
    """Which bin a duration is counted in."""
    return int(log2(max(microseconds, 1.0)) * LATENCY_BINS_PER_OCTAVE)


def start_of_bin(index: int) -> float:
    """Where it begins, in microseconds."""
    return 2.0 ** (index / LATENCY_BINS_PER_OCTAVE)


def quantile_ms(latency: Mapping[int, int], share: float) -> float | None:
    """The middle of the bin in which the quantile lies, in milliseconds; None where nothing is counted."""
    total = sum(latency.values())
    if not total:
        return None
    seen = 0
    for index in sorted(latency):
        seen += latency[index]
        if seen >= share * total:
            return (start_of_bin(index) + start_of_bin(index + 1)) / 2000
    return None


def merged(samples: Iterable[Sample], at: int, seconds: int) -> Sample:
    """One sample for several: those of a longer time, or of several versions."""
    given = tuple(samples)
    latency: Counter[int] = Counter()
    for each in given:
        latency.update(each.latency)
    return Sample(
        at=at,
        seconds=seconds,
        requests=sum(each.requests for each in given),
        refused=sum(each.refused for each in given),
        failed=sum(each.failed for each in given),
        busy_us=sum(each.busy_us for each in given),
        latency=dict(latency),
        compared=sum(each.compared for each in given),
        disagreed=sum(each.disagreed for each in given),
        outputs=merged_distributions(each.outputs for each in given),
        inputs=merged_distributions(each.inputs for each in given),
    )


def merged_distributions(given: Iterable[Mapping[str, Distribution]]) -> Mapping[str, Distribution]:
    """The sum, feature by feature."""
    found: dict[str, Counter[str]] = {}
    for each in given:
        for name, counts in each.items():
            found.setdefault(name, Counter()).update(counts)
    return {name: bounded(counts) for name, counts in found.items()}


def bounded(counts: Distribution) -> Distribution:
    """The most frequent values, the others together as `REST`."""
    if len(counts) <= MOST_BINS:
        return dict(counts)
    ordered = sorted(((value, count) for value, count in counts.items() if value != REST), key=lambda e: (-e[1], e[0]))
    kept = dict(ordered[: MOST_BINS - 1])
    return {**kept, REST: sum(counts.values()) - sum(kept.values())}
