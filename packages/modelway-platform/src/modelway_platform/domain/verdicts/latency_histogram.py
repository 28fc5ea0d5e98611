"""Counts of durations in bins 2.2 % wide, from a microsecond to half an hour, whatever their number."""

from math import log2

_BINS_PER_OCTAVE = 32
_OCTAVES = 31
BINS = _BINS_PER_OCTAVE * _OCTAVES


def bin_of(microseconds: float) -> int:
    """Index of the bin."""
    return min(int(log2(microseconds) * _BINS_PER_OCTAVE), BINS - 1) if microseconds > 1 else 0


def start_of(index: int) -> float:
    """Where a bin starts, in microseconds; that of `index + 1` is where it ends. Nothing is shorter than nothing."""
    return 2.0 ** (index / _BINS_PER_OCTAVE) if index > 0 else 0.0


class LatencyHistogram:
    """Durations of one stream."""

    __slots__ = ("bins", "count")

    def __init__(self) -> None:
        self.bins = [0] * BINS
        self.count = 0

    def add(self, index: int) -> None:
        """One more duration, by its bin."""
        self.bins[index] += 1
        self.count += 1

    def quantile_bin(self, level: float) -> int:
        """The bin in which the quantile lies; 0 where nothing has been counted."""
        return quantile_bin(self.bins, self.count, level)

    def quantile(self, level: float) -> float | None:
        """The quantile in microseconds, the middle of its bin; None where nothing has been counted."""
        if not self.count:
            return None
        index = self.quantile_bin(level)
        return (start_of(index) + start_of(index + 1)) / 2


def quantile_bin(bins: list[int], count: int, level: float) -> int:
    """The first bin by whose end at least `level` of `count` durations are over."""
    wanted, seen = level * count, 0
    for index, number in enumerate(bins):
        seen += number
        if number and seen >= wanted:
            return index
    return 0
