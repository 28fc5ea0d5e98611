"""Histograms in cells of the board, and their Prometheus text."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from modelway.serving.board import Board

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Histogram:
    """Cells of one histogram: one per bucket, one for what is above, the sum."""

    __slots__ = ("_bounds", "_cells", "_first", "_sum", "offset")

    def __init__(self, board: Board, start: int, offset: int, bounds: Sequence[float]) -> None:
        self._cells = board.cells
        self._bounds = bounds
        self.offset = offset
        self._first = start + offset
        self._sum = self._first + len(bounds) + 1

    def observe(self, value: float) -> None:
        self._cells[self._first + bisect_left(self._bounds, value)] += 1.0
        self._cells[self._sum] += value

    def observe_all(self, values: Sequence[float]) -> None:
        """`observe` each of at least one."""
        bounds, ordered = self._bounds, sorted(values)
        first, last = bisect_left(bounds, ordered[0]), bisect_left(bounds, ordered[-1])
        counted = 0
        for bucket in range(first, last):
            below = bisect_right(ordered, bounds[bucket])
            self._cells[self._first + bucket] += below - counted
            counted = below
        self._cells[self._first + last] += len(ordered) - counted
        self._cells[self._sum] += sum(ordered)

    def total(self, board: Board) -> float:
        """How many values all workers have observed."""
        return sum(board.total(self.offset + index) for index in range(len(self._bounds) + 1))

    def lines(self, board: Board, name: str, labels: str) -> Iterator[str]:
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        counts = list(accumulate(board.total(self.offset + index) for index in range(len(bounds))))
        for bound, count in zip(bounds, counts, strict=True):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {count:.0f}'
        yield f"{name}_sum{{{labels}}} {board.total(self.offset + len(bounds)):.9g}"
        yield f"{name}_count{{{labels}}} {counts[-1]:.0f}"
