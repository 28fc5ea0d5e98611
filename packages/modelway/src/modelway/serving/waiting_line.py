"""Requests of one endpoint that wait for the model; those nobody waits for any more do not count."""

from collections import deque
from collections.abc import Iterable
from time import monotonic

from modelway.serving.item import Item

_MOST_GONE = 64


class WaitingLine:
    """First in, first out; `len` is how many still want an answer."""

    __slots__ = ("_gone", "_items", "append")

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.append = self._items.append  # every request comes this way: no call of ours between
        self._gone = 0  # still in `_items`: taking one out of the middle would cost a walk

    def __len__(self) -> int:
        return len(self._items) - self._gone

    def take(self, limit: int) -> list[Item]:
        """At most `limit` of them, from the front."""
        items = self._items
        if not self._gone:
            if len(items) <= limit:
                taken = list(items)
                items.clear()
            else:
                taken = [items.popleft() for _ in range(limit)]
            for item in taken:
                item.waiting = False
            return taken
        taken: list[Item] = []
        while items and len(taken) < limit:
            item = items.popleft()
            if item.waiting:
                item.waiting = False
                taken.append(item)
            else:
                self._gone -= 1
        return taken

    def put_back(self, items: Iterable[Item]) -> None:
        """Those that were taken but not begun, to the front again."""
        for item in items:
            item.waiting = True
            self._items.appendleft(item)

    def evict(self, item: Item) -> bool:
        """Take one out whose caller does not wait any more; False when it does not stand here."""
        if not item.waiting:
            return False
        item.waiting = False
        item.arguments = ()
        self._gone += 1
        if self._gone > _MOST_GONE + len(self):
            staying = [each for each in self._items if each.waiting]
            self._items.clear()
            self._items.extend(staying)
            self._gone = 0
        return True

    def late(self) -> list[Item]:
        """Those whose time is over."""
        now = monotonic()
        return [item for item in self._items if item.waiting and now >= item.deadline]

    def next_deadline(self) -> float:
        """When the next one's time is over; infinite where none has a deadline."""
        return min((item.deadline for item in self._items if item.waiting), default=float("inf"))
