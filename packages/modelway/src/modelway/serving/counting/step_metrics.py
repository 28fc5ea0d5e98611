"""Counters and histograms of a pipeline's steps, in the cells behind those of its endpoints."""

from collections.abc import Iterator, Sequence

from modelway.serving.board import Board
from modelway.serving.counting.stage_metrics import StageHistograms
from modelway.serving.histogram import SECONDS, SIZES, Histogram
from modelway.serving.stage_clock import Batch


class _Step:
    __slots__ = ("batch_size", "duration", "errors_at", "stages")

    def __init__(self, board: Board, start: int, offset: int) -> None:
        self.duration = Histogram(board, start, offset, SECONDS)
        offset += len(SECONDS) + 2
        self.batch_size = Histogram(board, start, offset, SIZES)
        self.errors_at = offset + len(SIZES) + 2
        self.stages = StageHistograms(board, start, self.errors_at + 1)


class StepMetrics:
    """Written on the model's thread, and read by whoever answers for all workers.

    Args:
        board: The shared memory.
        start: First cell of this worker.
        offset: Where the steps' cells begin in every worker's.
        steps: Names of the steps.
    """

    CELLS = len(SECONDS) + 2 + len(SIZES) + 2 + 1 + StageHistograms.CELLS

    def __init__(self, board: Board, start: int, offset: int, steps: Sequence[str]) -> None:
        self._board = board
        self._start = start
        self._steps = {name: _Step(board, start, offset + index * self.CELLS) for index, name in enumerate(steps)}

    def step_done(self, step: str, seconds: float, *, failed: bool) -> None:
        self._steps[step].duration.observe(seconds)
        if failed:
            self._board.cells[self._start + self._steps[step].errors_at] += 1.0

    def step_batch(self, step: str, batch: Batch) -> None:
        self._steps[step].batch_size.observe(batch.size)
        self._steps[step].stages.observe([batch.times], [batch.encode])

    def lines(self, labels: str) -> Iterator[str]:
        """Prometheus text; nothing for a handler without steps."""
        if not self._steps:
            return
        for name, about, attribute in (
            ("modelway_step_duration_seconds", "From the call of a step to its answer.", "duration"),
            ("modelway_step_batch_size", "Calls of a step that went to its model together.", "batch_size"),
        ):
            yield from (f"# HELP {name} {about}", f"# TYPE {name} histogram")
            for step, each in self._steps.items():
                histogram: Histogram = getattr(each, attribute)
                yield from histogram.lines(self._board, name, f'{labels},step="{step}"')
        name = "modelway_step_stage_duration_seconds"
        yield f"# HELP {name} Time by stage of steps in the pipeline's own process."
        yield f"# TYPE {name} histogram"
        for step, each in self._steps.items():
            yield from each.stages.lines(self._board, name, f'{labels},step="{step}"')
        yield "# HELP modelway_step_errors_total Calls of a step that failed."
        yield "# TYPE modelway_step_errors_total counter"
        for step, each in self._steps.items():
            count = self._board.total(each.errors_at)
            yield f'modelway_step_errors_total{{{labels},step="{step}"}} {count:.0f}'
