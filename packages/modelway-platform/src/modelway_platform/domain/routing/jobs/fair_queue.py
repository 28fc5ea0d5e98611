"""A line in which everybody's items wait in order, and the owners take turns: who has many waits no shorter for it."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class FairQueue(Generic[Item]):
    """Items by owner."""

    def __init__(self) -> None:
        self._lines: OrderedDict[bytes, deque[Item]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def waiting_of(self, owner: bytes) -> int:
        """How many items of this owner wait."""
        line = self._lines.get(owner)
        return len(line) if line is not None else 0

    def add(self, owner: bytes, item: Item) -> None:
        """Behind all that the owner has waiting."""
        self._lines.setdefault(owner, deque()).append(item)
        self._length += 1

    def take(self, may: Callable[[bytes], bool]) -> Item | None:
        """The oldest item of the owner whose turn it is, of those who `may`; None where there is none."""
        owner = next((each for each in self._lines if may(each)), None)
        if owner is None:
            return None
        line = self._lines[owner]
        item = line.popleft()
        self._length -= 1
        if line:
            self._lines.move_to_end(owner)
        else:
            del self._lines[owner]
        return item

    def discard(self, owner: bytes, item: Item) -> bool:
        """Take an item out wherever it stands; whether it was there."""
        line = self._lines.get(owner)
        if line is None or item not in line:
            return False
        line.remove(item)
        self._length -= 1
        if not line:
            del self._lines[owner]
        return True

    def give_way(self, owner: bytes) -> Item | None:
        """Take out the newest item of whoever has most, if that is over one more than `owner` has; None otherwise."""
        most = max(self._lines, key=lambda each: len(self._lines[each]), default=None)
        if most is None or len(self._lines[most]) <= self.waiting_of(owner) + 1:
            return None
        self._length -= 1
        return self._lines[most].pop()


def share(number: int, worker: int, workers: int) -> int:
    """What worker `worker` of `workers` has of `number`; the first ones have what does not divide."""
    return number // workers + (worker < number % workers)
