"""Memory that all workers of a gateway share, for limits: numbers found by name, changed under a lock the kernel takes back.

A file in the gateway's folder, mapped by every worker. A worker may be killed at any instruction: the lock (`flock`) ends with
its holder, and each number is one aligned store, so what stands there is the old or the new one. The file outlives
restarts; after a power cut it is as the kernel last wrote it (some seconds before).
"""

import fcntl
import mmap
import os
import struct
from hashlib import blake2b
from pathlib import Path
from time import monotonic

SETS = 4096
WAYS = 16
_CELLS = 4  # of 8 bytes: name (2), state, fresh at
_MAGIC = b"mwlimit1"
_HEAD_CELLS = 8
_BYTES = 8 * (_HEAD_CELLS + SETS * WAYS * _CELLS)
PATIENCE_SECONDS = 0.02
IMPATIENT_SECONDS = 1.0


class SharedCells:
    """A table of states by name: `SETS` sets of `WAYS` places. A name has its place in one set.

    Args:
        path: The file; made if it is not there or not one of these.

    Raises:
        OSError: It cannot be made, or there is no room for it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # Room is taken now: a full disk would end a process that first touches a page later.
            os.posix_fallocate(self._file, 0, _BYTES)
            if os.pread(self._file, 8, 0) != _MAGIC:
                os.ftruncate(self._file, 0)
                os.posix_fallocate(self._file, 0, _BYTES)
                os.pwrite(self._file, _MAGIC, 0)
            self._memory = mmap.mmap(self._file, _BYTES)
        except BaseException:
            os.close(self._file)
            raise
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._impatient_until = 0.0
        view = memoryview(self._memory)
        self.times = view.cast("d")
        self.numbers = view.cast("q")

    @classmethod
    def alone(cls) -> "SharedCells":
        """Cells of this process only, for a folder that cannot be written to."""
        return cls(Path(f"/proc/self/fd/{os.memfd_create('modelway-limits')}"))

    def lock(self) -> bool:
        """Whether the lock was had, within `PATIENCE_SECONDS`: a stopped holder must not stop everybody.

        It is held for microseconds. A holder that lost its processor gets it back within that time; after one that did not,
        nobody waits for a while.
        """
        gives_up = 0.0
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = monotonic()
                if not gives_up:
                    gives_up = now if now < self._impatient_until else now + PATIENCE_SECONDS
                if now >= gives_up:
                    self._impatient_until = now + IMPATIENT_SECONDS
                    return False
                os.sched_yield()
            else:
                return True

    def unlock(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def place(self, name: "Name", now: float) -> int:
        """The cell of `name`'s state; the one after it is when it will be fresh. Only under the lock.

        A name without a place gets one that is free or fresh (Unix time `now`); if all of its set are in use, that of the
        one that will be fresh first.
        """
        numbers, times = self.numbers, self.times
        first = _HEAD_CELLS + name.set * WAYS * _CELLS
        best, soonest = first, float("inf")
        for cell in range(first, first + WAYS * _CELLS, _CELLS):
            if numbers[cell] == name.high and numbers[cell + 1] == name.low:
                return cell + 2
            fresh_at = times[cell + 3] if numbers[cell] or numbers[cell + 1] else -1.0
            if fresh_at < soonest:
                best, soonest = cell, fresh_at
        numbers[best] = numbers[best + 1] = 0
        numbers[best + 2] = 0
        times[best + 3] = now
        numbers[best + 1] = name.low
        numbers[best] = name.high
        return best + 2

    def holds(self, name: "Name", cell: int) -> bool:
        """Whether `cell` still is this name's; only under the lock."""
        return self.numbers[cell - 2] == name.high and self.numbers[cell - 1] == name.low

    def close(self) -> None:
        self.times.release()
        self.numbers.release()
        os.close(self._file)


class Name:
    """A name as the table knows it: 128 bits of its hash."""

    __slots__ = ("high", "low", "set")

    def __init__(self, text: str) -> None:
        self.high, self.low = struct.unpack("<qq", blake2b(text.encode(), digest_size=16).digest())
        self.set = self.low % SETS
