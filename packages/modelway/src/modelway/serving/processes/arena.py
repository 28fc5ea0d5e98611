"""Memory two processes share, in one direction: one side places buffers in it, the other reads them where they are and lets go.

The file behind it has no name, so nothing is left of it when both processes are gone, however they ended. It is as long as
the most that may be under way and takes memory only where something was written; low places are used first, again and again.
"""

import ctypes
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

SLOTS = 4096
"""How many buffers, and how many requests, may be under way at a time."""
ARENA_BYTES = 256 * 1024 * 1024
_ALIGNMENT = 64
_FLAGS = 3
_HEAD = _FLAGS * SLOTS


class Block(NamedTuple):
    """Where one buffer lies."""

    offset: int
    size: int
    slot: int


class Memory:
    """The shared piece as one process sees it.

    Args:
        fd: Of a file from `nameless_file`.
        size: Its length.
    """

    def __init__(self, fd: int, size: int) -> None:
        self.map = mmap.mmap(fd, size)
        view = memoryview(self.map)
        self.used = view[:SLOTS]
        """By block: not 0 while it holds something; set where it is placed, cleared where it is read."""
        self.left = view[SLOTS : 2 * SLOTS]
        """By request: not 0 once its caller has left."""
        self.begun = view[2 * SLOTS : _HEAD]
        """By request: not 0 once the model was about to begin."""
        self.view = view


class Arena:
    """The placing side.

    Args:
        memory: What it places in.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._end = len(memory.view)
        self._live: list[Block] = []  # by offset
        self._free = list(range(SLOTS - 1, -1, -1))

    @property
    def live(self) -> int:
        """How many blocks the other side has not let go of yet."""
        self._reap()
        return len(self._live)

    def place(self, data: memoryview) -> Block | None:
        """Copy octets in; None when there is no room, and the caller sends them another way."""
        self._reap()
        size = data.nbytes
        position, offset = self._gap(size)
        if offset < 0 or not self._free:
            return None
        block = Block(offset, size, self._free.pop())
        self._memory.used[block.slot] = 1
        self._live.insert(position, block)
        self._memory.view[offset : offset + size] = data.cast("B")
        return block

    def take_back(self, block: Block) -> None:
        """A block that was not sent after all."""
        self._memory.used[block.slot] = 0

    def _reap(self) -> None:
        used = self._memory.used
        gone = [each for each in self._live if not used[each.slot]]
        if gone:
            self._free += [each.slot for each in gone]
            self._live = [each for each in self._live if used[each.slot]]

    def _gap(self, size: int) -> tuple[int, int]:
        """The lowest place that is long enough; its offset is -1 when there is none."""
        begins = _HEAD
        for position, each in enumerate(self._live):
            if begins + size <= each.offset:
                return position, begins
            begins = -(-(each.offset + each.size) // _ALIGNMENT) * _ALIGNMENT
        return len(self._live), begins if begins + size <= self._end else -1


def lent(memory: Memory, block: Block) -> Any:
    """A writable buffer over the block itself, which is free again once nothing refers to the buffer any more."""
    buffer = (ctypes.c_char * block.size).from_buffer(memory.map, block.offset)
    let_go = _clearing(memory.used, block.slot)
    weakref.finalize(buffer, let_go).atexit = False
    return buffer


def _clearing(used: memoryview, slot: int) -> Callable[[], None]:
    def clear() -> None:
        used[slot] = 0

    return clear


def nameless_file(size: int) -> int:
    """A file in memory for this process and those it hands the descriptor to; not bounded by what `/dev/shm` may hold."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("modelway-arena", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile(prefix="modelway-arena-") as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd
