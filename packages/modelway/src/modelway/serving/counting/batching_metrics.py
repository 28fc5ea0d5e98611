"""Series of one endpoint about its queue: requests that cost no inference, poison inputs, what the server chose by itself."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from modelway.serving.batching.hold_choice import Choice
from modelway.serving.board import Board
from modelway.serving.stages.observer import Skipped


class BatchingMetrics:
    """Cells of one worker.

    Args:
        board: The shared memory.
        start: Where the worker's slot begins.
        offset: Where these cells begin in it.
    """

    __slots__ = ("_cells", "_first", "_offset")
    CELLS = len(Skipped) + 4

    def __init__(self, board: Board, start: int, offset: int) -> None:
        self._cells = board.cells
        self._offset = offset
        self._first = start + offset

    def skipped(self, why: Skipped) -> None:
        """One left the queue before the model began."""
        self._cells[self._first + why] += 1.0

    def poisoned(self) -> None:
        """One was found to be what its batch failed for."""
        self._cells[self._first + len(Skipped)] += 1.0

    def chose(self, choice: Choice, *, inline: bool) -> None:
        """How long batches are held at present, at what size they go at once, and whether they run in the event loop."""
        first = self._first + len(Skipped) + 1
        self._cells[first] = choice.seconds
        self._cells[first + 1] = float(choice.target)
        self._cells[first + 2] = float(inline)

    def total(self, board: Board, place: int) -> float:
        """The cell over all workers."""
        return board.total(self._offset + place)


class Named(Protocol):
    """An endpoint's series."""

    name: str
    batching: BatchingMetrics


def batching_lines(board: Board, labels: str, endpoints: Iterable[Named]) -> Iterator[str]:
    """Prometheus text."""
    each_endpoint = [(f'{labels},endpoint="{each.name}"', each.batching) for each in endpoints]
    name = "modelway_skipped_requests_total"
    yield f"# HELP {name} Requests that were not worked for: their callers left or their time was over while they waited."
    yield f"# TYPE {name} counter"
    for own, cells in each_endpoint:
        for why in Skipped:
            yield f'{name}{{{own},why="{why.name.lower()}"}} {cells.total(board, why):.0f}'
    for name, kind, about, place, shared in (
        ("modelway_poison_inputs_total", "counter", "Inputs that others of their batch failed for.", 0, False),
        ("modelway_batch_hold_seconds", "gauge", "How long a batch may be held at present, mean of workers.", 1, True),
        ("modelway_batch_target_size", "gauge", "At what size a held batch goes at once, mean of workers.", 2, True),
        ("modelway_inline_workers", "gauge", "Workers that run the endpoint's batches in their event loop.", 3, False),
    ):
        yield from (f"# HELP {name} {about}", f"# TYPE {name} {kind}")
        for own, cells in each_endpoint:
            value = cells.total(board, len(Skipped) + place) / (board.workers if shared else 1)
            yield f"{name}{{{own}}} {value:.9g}"
