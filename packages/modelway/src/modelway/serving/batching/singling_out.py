"""Which items of a batch that failed are at fault: found by running parts of it again, within a bound.

A part that fails is halved, and its halves are run, so that one bad item among `n` is found in `2 log2 n` runs. When
`4 log2 n` have not been enough, there are several, and what is left is run one by one: never more than
`n + 5 log2 n + 1` runs in all. Where batches were lost as a whole several times in a row, the model itself is broken, and a few
samples decide whether it is worth looking any further.
"""

from collections.abc import Callable, Sequence
from math import ceil, log2
from typing import Generic, TypeVar

T = TypeVar("T")

LOST_IN_A_ROW = 3
"""After so many batches of which nothing was saved, samples decide."""


class Search(Generic[T]):
    """One search: run what `next_part` gives, and say how that went.

    Args:
        items: A batch of at least two, which has failed.
        broken: Whether the batches before were lost as a whole.
    """

    __slots__ = ("_left", "_part", "_parts", "_samples", "at_fault", "given_up", "saved")

    def __init__(self, items: Sequence[T], *, broken: bool = False) -> None:
        depth = ceil(log2(len(items)))
        self._left = 4 * depth
        self._part: list[T] = []
        self._parts: list[list[T]] = []
        self._samples: list[T] = []
        self.saved = 0
        self.at_fault: list[tuple[T, BaseException]] = []
        """Items that failed by themselves, and how."""
        self.given_up: list[T] = []
        """Items that were not run again, because none of the samples was any good."""
        if broken:
            places = {round(each * (len(items) - 1) / depth) for each in range(depth + 1)}
            self._samples = [item for place, item in enumerate(items) if place in places]
            self.given_up = [item for place, item in enumerate(items) if place not in places]
            self._parts = [[item] for item in reversed(self._samples)]
        else:
            self._split(list(items))

    def next_part(self, wanted: Callable[[T], bool]) -> list[T]:
        """What to run next, without those that are not wanted any more; empty at the end."""
        while self._parts:
            self._part = [item for item in self._parts.pop() if wanted(item)]
            if self._part:
                self._left -= 1
                return self._part
        return []

    def passed(self) -> None:
        """The part was answered."""
        self.saved += len(self._part)
        if self.given_up:  # one of the samples is good, so it is worth it
            self._parts.append(self.given_up)
            self.given_up = []

    def failed(self, error: BaseException) -> None:
        """The part was not."""
        if len(self._part) == 1:
            self.at_fault.append((self._part[0], error))
        else:
            self._split(self._part)

    def _split(self, items: list[T]) -> None:
        if self._left > 0:
            middle = (len(items) + 1) // 2
            self._parts += [items[middle:], items[:middle]]
        else:
            self._parts += [[item] for item in reversed(items)]
