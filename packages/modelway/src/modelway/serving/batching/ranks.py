"""Requests that wait with priorities: higher ones first, the oldest first inside one, and nobody is passed for ever."""

from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

from modelway.errors import InvalidRequestError
from modelway.serving.item import Item

HIGHEST = 9
USUAL = 4
PASSED_SECONDS = 1.0
"""A request is passed by one that is `d` levels higher only if that one came less than `d` times this later."""

HEADER = b"modelway-priority"


def read_priority(value: bytes) -> int:
    """The value of the header `Modelway-Priority`.

    Raises:
        InvalidRequestError: It is none.
    """
    text = value.strip(b" \t")
    if len(text) != 1 or not text.isdigit():
        raise InvalidRequestError(f"{HEADER.decode()}: a number from 0 to {HIGHEST}, higher first")
    return int(text)


class Ranks:
    """Requests by priority.

    Each stands as if it had come a second earlier per level; the earliest of those is next. So a high one passes, but a low
    one has its turn after a bounded time, whatever comes behind it.

    Args:
        clock: Seconds, growing.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._levels: tuple[deque[tuple[float, Item]], ...] = tuple(deque() for _ in range(HIGHEST + 1))
        self._taken: dict[Item, tuple[int, float]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def __iter__(self) -> Iterator[Item]:
        for level in self._levels:
            for _, item in level:
                yield item

    def append(self, item: Item, priority: int = USUAL) -> None:
        self._levels[priority].append((self._clock(), item))

    def begin_taking(self) -> None:
        """What `pop` gives from here on may come back by `put_back`; what it gave before, no more."""
        self._taken = {}

    def pop(self) -> Item:
        """The next one; there must be one."""
        _, priority = min(
            (level[0][0] - priority * PASSED_SECONDS, -priority) for priority, level in enumerate(self._levels) if level
        )
        since, item = self._levels[-priority].popleft()
        self._taken[item] = (-priority, since)
        return item

    def put_back(self, item: Item) -> None:
        """One that was taken, to where it stood."""
        priority, since = self._taken.get(item, (USUAL, 0.0))
        self._levels[priority].appendleft((since, item))

    def keep(self, wanted: Callable[[Item], bool]) -> None:
        """Forget the others."""
        for level in self._levels:
            staying = [each for each in level if wanted(each[1])]
            level.clear()
            level.extend(staying)

    def below(self, priority: int) -> int:
        """How many still wait that are lower than `priority`."""
        return sum(item.waiting for level in self._levels[:priority] for _, item in level)

    def lowest(self) -> int:
        """The lowest priority that waits; one more than the highest where nobody does."""
        for priority, level in enumerate(self._levels):
            if any(item.waiting for _, item in level):
                return priority
        return HIGHEST + 1

    def newest_of(self, priority: int) -> Item:
        """Of the requests that wait with this priority, the one that came last; there must be one."""
        return next(item for _, item in reversed(self._levels[priority]) if item.waiting)
