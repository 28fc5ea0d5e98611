"""A piece of memory all workers share: each writes its own part without locks, each reads everybody's.

It carries what must be known across workers: who is ready, and the counters behind `/metrics`. Counters of a worker that
crashed stay, so that they never go backwards.
"""

import mmap
import os
import tempfile
from enum import IntEnum

SLOT_CELLS = 16384
_HEAD_CELLS = 64
_CELL_BYTES = 8


class WorkerState(IntEnum):
    """How far a worker is; what `/readyz` is made of."""

    STARTING = 0
    READY = 1
    GONE = 2


class Board:
    """Cells of 8 bytes (floats): a head the supervisor writes, then one slot per worker.

    Args:
        fd: The file behind it, see `create_board_file`.
        workers: How many slots.
    """

    def __init__(self, fd: int, workers: int) -> None:
        self.workers = workers
        self._memory = mmap.mmap(fd, _size(workers))
        self._view = memoryview(self._memory)
        self.cells = self._view.cast("d")

    @property
    def draining(self) -> bool:
        """Whether the server has been told to stop."""
        return self.cells[0] != 0.0

    def start_draining(self) -> None:
        self.cells[0] = 1.0

    def slot(self, index: int) -> int:
        """The first cell of worker `index` that is free for counters; the one before it is its state."""
        return _HEAD_CELLS + index * SLOT_CELLS + 1

    def state(self, index: int) -> WorkerState:
        return WorkerState(int(self.cells[self.slot(index) - 1]))

    def set_state(self, index: int, state: WorkerState) -> None:
        self.cells[self.slot(index) - 1] = float(state)

    @property
    def ready_workers(self) -> int:
        return sum(self.state(index) == WorkerState.READY for index in range(self.workers))

    @property
    def is_ready(self) -> bool:
        """Whether callers should be sent here: every worker is ready and none was told to stop."""
        return not self.draining and self.ready_workers == self.workers

    def total(self, offset: int) -> float:
        """Sum over all workers of the cell `offset` in their slots."""
        return sum(self.cells[self.slot(index) + offset] for index in range(self.workers))

    def close(self) -> None:
        self.cells.release()
        self._view.release()
        self._memory.close()


def create_board_file(workers: int) -> int:
    """A nameless file of the right size, for this process and those it hands the descriptor to."""
    with tempfile.TemporaryFile(prefix="modelway-board-") as file:
        file.truncate(_size(workers))
        return os.dup(file.fileno())


def _size(workers: int) -> int:
    return (_HEAD_CELLS + workers * SLOT_CELLS) * _CELL_BYTES
