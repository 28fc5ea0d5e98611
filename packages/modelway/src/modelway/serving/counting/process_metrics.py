"""Counters of model processes, in the cells behind those of a worker's steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from modelway.serving.board import Board


class Place(NamedTuple):
    """One place for a model process in a worker; `step` is empty where it runs the served handler itself."""

    step: str
    number: int


class ProcessMetrics:
    """Written by the worker whose processes they are, read by whoever answers for all workers.

    Args:
        board: The shared memory.
        start: First cell of this worker.
        offset: Where these cells begin in every worker's.
        places: The same in every worker.
        device: Of a place, in a worker.
    """

    CELLS = 3

    def __init__(
        self, board: Board, start: int, offset: int, places: Sequence[Place], device: Callable[[int, Place], str]
    ) -> None:
        self._board = board
        self._start = start + offset
        self._offset = offset
        self.places = tuple(places)
        self._device = device

    def set_up(self, place: int, *, up: bool) -> None:
        self._board.cells[self._start + place * self.CELLS] = float(up)

    def restarted(self, place: int) -> None:
        self._board.cells[self._start + place * self.CELLS + 1] += 1.0

    def busy(self, place: int, seconds: float) -> None:
        self._board.cells[self._start + place * self.CELLS + 2] += seconds

    @property
    def up(self) -> int:
        """How many are ready, in all workers."""
        return int(sum(self._board.total(self._offset + place * self.CELLS) for place in range(len(self.places))))

    @property
    def wanted(self) -> int:
        """How many there should be, in all workers."""
        return len(self.places) * self._board.workers

    def lines(self, labels: str) -> Iterator[str]:
        """Prometheus text; nothing where there are no model processes."""
        if not self.places:
            return
        for cell, (name, kind, about) in enumerate(
            (
                ("modelway_model_process_up", "gauge", "Whether a model process is ready."),
                ("modelway_model_process_restarts_total", "counter", "Starts of a model process after its first."),
                ("modelway_model_process_busy_seconds_total", "counter", "What a model process spent in the model."),
            )
        ):
            yield from (f"# HELP {name} {about}", f"# TYPE {name} {kind}")
            for worker in range(self._board.workers):
                for index, place in enumerate(self.places):
                    value = self._board.cells[self._board.slot(worker) + self._offset + index * self.CELLS + cell]
                    where = f'worker="{worker}",step="{place.step}",process="{place.number}"'
                    device = self._device(worker, place)
                    yield f'{name}{{{labels},{where},device="{device}"}} {value:.9g}'
