"""Requests of one endpoint that wait for the model; those nobody waits for any more do not count."""

from collections import deque
from collections.abc import Iterable
from time import monotonic

from modelway.serving.batching.ranks import HIGHEST, USUAL, Ranks
from modelway.serving.item import Item

_MOST_GONE = 64


class WaitingLine:
    """First in, first out; `len` is how many still want an answer.

    While somebody waits with a priority of its own, all stand in `Ranks` instead: nobody pays for priorities otherwise.
    """

    __slots__ = ("_gone", "_items", "_ranks", "append")

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._ranks: Ranks | None = None
        self.append = self._items.append  # every request comes this way: no call of ours between
        self._gone = 0  # still in the line: taking one out of the middle would cost a walk

    def __len__(self) -> int:
        return len(self._items if self._ranks is None else self._ranks) - self._gone

    def append_ranked(self, item: Item, priority: int) -> None:
        """One whose priority is not the usual one."""
        if self._ranks is None:
            self._ranks = ranks = Ranks()
            for each in self._items:
                ranks.append(each)
            self._items.clear()
            self.append = ranks.append
        self._ranks.append(item, priority)

    def take(self, limit: int) -> list[Item]:
        """At most `limit` of them, from the front."""
        if self._ranks is not None:
            return self._take_ranked(limit, self._ranks)
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
            self._take(items.popleft(), taken)
        return taken

    def put_back(self, items: Iterable[Item]) -> None:
        """Those that were taken last but not begun, to the front again; the last one comes first."""
        for item in items:
            item.waiting = True
            if self._ranks is None:
                self._items.appendleft(item)
            else:
                self._ranks.put_back(item)

    def evict(self, item: Item) -> bool:
        """Take one out whose caller does not wait any more; False when it does not stand here."""
        if not item.waiting:
            return False
        item.waiting = False
        item.arguments = ()
        self._gone += 1
        if self._gone > _MOST_GONE + len(self):
            if self._ranks is not None:
                self._ranks.keep(lambda each: each.waiting)
            staying = [each for each in self._items if each.waiting]
            self._items.clear()
            self._items.extend(staying)
            self._gone = 0
        return True

    def below(self, priority: int) -> int:
        """How many wait that are lower than `priority`."""
        if self._ranks is not None:
            return self._ranks.below(priority)
        return len(self) if priority > USUAL else 0

    def lowest(self) -> int:
        """The lowest priority that waits; one more than the highest where nobody does."""
        if self._ranks is not None:
            return self._ranks.lowest()
        return USUAL if len(self) else HIGHEST + 1

    def evict_lowest(self) -> Item:
        """Take out, of those with the lowest priority, the one that came last; somebody must wait."""
        if self._ranks is not None:
            item = self._ranks.newest_of(self._ranks.lowest())
        else:
            item = next(each for each in reversed(self._items) if each.waiting)
        self.evict(item)
        return item

    def enqueued(self) -> Iterable[float]:
        """When each came, on `time.perf_counter`; those that left are among them."""
        return [item.enqueued for item in self._all()]

    def late(self) -> list[Item]:
        """Those whose time is over."""
        now = monotonic()
        return [item for item in self._all() if item.waiting and now >= item.deadline]

    def next_deadline(self) -> float:
        """When the next one's time is over; infinite where none has a deadline."""
        return min((item.deadline for item in self._all() if item.waiting), default=float("inf"))

    def _all(self) -> Iterable[Item]:
        return self._items if self._ranks is None else self._ranks

    def _take_ranked(self, limit: int, ranks: Ranks) -> list[Item]:
        ranks.begin_taking()
        taken: list[Item] = []
        left = len(ranks)
        if not left:  # only now: what the last take gave may have come back
            self._ranks = None
            self.append = self._items.append
        while left and len(taken) < limit:
            self._take(ranks.pop(), taken)
            left -= 1
        return taken

    def _take(self, item: Item, taken: list[Item]) -> None:
        if item.waiting:
            item.waiting = False
            taken.append(item)
        else:
            self._gone -= 1
