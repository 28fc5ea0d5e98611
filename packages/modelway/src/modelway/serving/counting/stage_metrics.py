"""One histogram per stage, of an endpoint or of a pipeline's step."""

from collections.abc import Iterator, Sequence
from itertools import chain

from modelway.serving.board import Board
from modelway.serving.histogram import SECONDS, Histogram
from modelway.serving.stage_clock import StageTimes

FINE_SECONDS = (0.00005, 0.0001, 0.00025, *SECONDS)
"""A stage may be much shorter than a request."""


STAGES = (*StageTimes._fields, "encode")


class StageHistograms:
    """The stages' series of one endpoint or step in one worker.

    Args:
        board: The shared memory.
        start: First cell of this worker.
        offset: Where these cells begin in every worker's.
    """

    __slots__ = ("_histograms",)
    CELLS = len(STAGES) * (len(FINE_SECONDS) + 2)

    def __init__(self, board: Board, start: int, offset: int) -> None:
        size = len(FINE_SECONDS) + 2
        self._histograms = tuple(
            Histogram(board, start, offset + position * size, FINE_SECONDS) for position in range(len(STAGES))
        )

    def observe(self, times: Sequence[StageTimes], encode: Sequence[float]) -> None:
        """Count at least one batch by its stages' times, and encoding's."""
        for histogram, columns in zip(self._histograms, zip(*times, strict=True), strict=False):
            seconds = list(chain.from_iterable(columns))
            if seconds:
                histogram.observe_all(seconds)
        self._histograms[-1].observe_all(encode)

    def lines(self, board: Board, name: str, labels: str) -> Iterator[str]:
        """Prometheus text; stages that never ran are left out."""
        for stage, histogram in zip(STAGES, self._histograms, strict=True):
            if histogram.total(board):
                yield from histogram.lines(board, name, f'{labels},stage="{stage}"')
