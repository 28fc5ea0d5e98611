"""What one model process is at: its batches by number, and the flag each of their requests has in shared memory."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelway.errors import ModelwayError
from modelway.serving.item import Item
from modelway.serving.processes.arena import SLOTS, Memory
from modelway.serving.stages.elsewhere import Finished
from modelway.serving.stages.streams import StreamItem


class PieceTaker(Protocol):
    """Takes what a stream yields."""

    def arrived(self, item: StreamItem, pieces: list[Any], error: ModelwayError | None, /) -> None: ...


@dataclass(slots=True, eq=False)
class Suspects:
    """Requests of a batch that a process ended with, which get a second chance, each alone.

    Args:
        endpoint: Theirs.
        items: Those that have not had it yet.
        left: How many have not ended yet.
        finished: Called when all have.
    """

    endpoint: str
    items: deque[Item]
    left: int
    finished: Callable[[], None]


@dataclass(slots=True, eq=False)
class Assignment:
    """Requests that a process works on.

    Args:
        endpoint: Theirs.
        items: The requests.
        done: Called when they are done.
        beside: Whether it runs beside others.
        second: Of which batch it is one, when a process has ended with that before.
        streams: Takes the pieces, where it is a stream.
        number: Its own in its process.
    """

    endpoint: str
    items: list[Item]
    done: Finished
    beside: bool = False
    second: Suspects | None = None
    streams: PieceTaker | None = None
    number: int = 0
    slots: list[int] = field(default_factory=list[int])
    spoilt: int = 0
    """How many, from the first on, could not be sent."""


class Work:
    """Of one process.

    Args:
        flags: The memory with the flags.
    """

    def __init__(self, flags: Memory) -> None:
        self._flags = flags
        self._free = list(range(SLOTS - 1, -1, -1))
        self._number = 0
        self._slots: dict[Item, int] = {}
        self._open: dict[int, tuple[Item, Assignment]] = {}
        self.assignments: dict[int, Assignment] = {}
        self.beside: Counter[str] = Counter()
        """How many assignments of an endpoint run beside one another."""

    def room(self, count: int) -> bool:
        """Whether so many requests can be taken."""
        return len(self._free) >= count

    def begin(self, given: Assignment) -> None:
        """Give a batch its number and its requests their flags."""
        self._number += 1
        given.number = self._number
        self.assignments[given.number] = given
        self.beside[given.endpoint] += given.beside
        for item in given.items:
            slot = self._free.pop()
            given.slots.append(slot)
            self._slots[item] = slot
            self._open[slot] = (item, given)
            self._flags.begun[slot] = 0
            self._flags.left[slot] = item.done is None

    def end(self, given: Assignment) -> None:
        """Its flags are free again."""
        del self.assignments[given.number]
        self.beside[given.endpoint] -= given.beside
        for item, slot in zip(given.items, given.slots, strict=True):
            del self._slots[item], self._open[slot]
        self._free += given.slots

    def at(self, slot: int) -> tuple[Item, Assignment] | None:
        """Whose flag it is; nobody's when its batch has ended meanwhile."""
        return self._open.get(slot)

    def slot(self, item: Item) -> int | None:
        """The request's flag, while it is worked on."""
        return self._slots.get(item)

    def begun(self, given: Assignment) -> list[bool]:
        """Which of its requests the model had taken up."""
        return [bool(self._flags.begun[self._slots[item]]) for item in given.items]
