"""Requests of two versions as they come: what adds up of each, and the bets settled within blocks of those that came together."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.block_bets import BlockBets
from modelway_platform.domain.verdicts.latency_histogram import LatencyHistogram, bin_of, quantile_bin

# Blocks end with the second, or before when there is enough in them.
_BLOCK_REQUESTS = 32
# The limit above which a request counts as slow is moved when so many more durations are known.
_LIMIT_GROWTH = 1.1


class Side:
    """What is counted of one version: since the beginning, and in the block that is not over yet."""

    __slots__ = ("block", "block_hits", "block_timed", "errors", "histogram", "requests")

    def __init__(self, levels: int) -> None:
        self.requests = 0
        self.errors = 0
        self.histogram = LatencyHistogram()
        self.block = 0
        self.block_timed = 0
        self.block_hits = [0] * (levels + 1)

    def block_counts(self, metric: int) -> Counts:
        """The block's trials and hits: errors for 0, durations above the limit of a level for those after it."""
        return Counts(self.block_timed if metric else self.block, self.block_hits[metric])

    def end_block(self) -> None:
        """What comes from now on is of the next block."""
        self.block = self.block_timed = 0
        self.block_hits = [0] * len(self.block_hits)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; bins without a duration are left out."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "bins": {str(index): number for index, number in enumerate(self.histogram.bins) if number},
            "block": [self.block, self.block_timed, *self.block_hits],
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """The reverse of `to_json`."""
        self.requests, self.errors = value["requests"], value["errors"]
        for index, number in value["bins"].items():
            self.histogram.bins[int(index)] = number
        self.histogram.count = sum(value["bins"].values())
        self.block, self.block_timed, *self.block_hits = value["block"]


class PairedStreams:
    """Takes one request after the other in order of time; constant memory, constant time per request.

    Args:
        levels: The quantiles of durations that are bet on, between 0 and 1.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        self.baseline = Side(len(levels))
        self.candidate = Side(len(levels))
        self.bets: list[BlockBets] = [BlockBets() for _ in range(len(levels) + 1)]
        self._levels = tuple(levels)
        self._second = 0
        # A limit is known before the durations that are held against it, or the bets would not be fair.
        self._limits = [0] * len(levels)
        self._limits_until = 0.0

    def observe(self, second: int, duration_us: float | None, *, candidate: bool, failed: bool) -> None:
        """One answered request.

        Args:
            second: When, in whole seconds.
            duration_us: How long it took; None where that says nothing about the version.
            candidate: Whose it was.
            failed: Whether it counts as an error.
        """
        ours, theirs = (self.candidate, self.baseline) if candidate else (self.baseline, self.candidate)
        if theirs.block and ours.block and (second != self._second or ours.block + theirs.block >= _BLOCK_REQUESTS):
            self._settle()
        self._second = second
        ours.requests += 1
        ours.block += 1
        if failed:
            ours.errors += 1
            ours.block_hits[0] += 1
        if duration_us is not None:
            index = bin_of(duration_us)
            ours.histogram.add(index)
            ours.block_timed += 1
            for position, limit in enumerate(self._limits, 1):
                ours.block_hits[position] += index > limit

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, to go on with after a restart."""
        return {
            "baseline": self.baseline.to_json(),
            "candidate": self.candidate.to_json(),
            "bets": [bets_to_json(each) for each in self.bets],
            "second": self._second,
            "limits": self._limits,
            "limitsUntil": self._limits_until,
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """The reverse of `to_json`, for streams of the same levels."""
        self.baseline.restore(value["baseline"])
        self.candidate.restore(value["candidate"])
        self.bets = [bets_from_json(each) for each in value["bets"]]
        self._second, self._limits = value["second"], list(value["limits"])
        self._limits_until = value["limitsUntil"]

    def _settle(self) -> None:
        ours, theirs = self.baseline, self.candidate
        self.bets = [
            bets.after(ours.block_counts(metric), theirs.block_counts(metric)) for metric, bets in enumerate(self.bets)
        ]
        ours.end_block()
        theirs.end_block()
        one, other = ours.histogram, theirs.histogram
        count = one.count + other.count
        if self._levels and count > self._limits_until:
            self._limits_until = count * _LIMIT_GROWTH
            together = [a + b for a, b in zip(one.bins, other.bins, strict=True)]
            self._limits = [quantile_bin(together, count, level) for level in self._levels]


def bets_to_json(bets: BlockBets) -> list[float]:
    """Both sides' counts and both gamblers' wealth."""
    one, other = bets.baseline, bets.candidate
    return [one.trials, one.hits, other.trials, other.hits, bets.log_higher, bets.log_lower]


def bets_from_json(value: Sequence[float]) -> BlockBets:
    """The reverse of `bets_to_json`."""
    return BlockBets(
        baseline=Counts(value[0], value[1]),
        candidate=Counts(value[2], value[3]),
        log_higher=value[4],
        log_lower=value[5],
    )
