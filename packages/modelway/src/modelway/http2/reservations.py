"""Large bodies take turns: memory for each is set aside as a whole before it may arrive, so those that began can always end."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservations(Generic[T]):
    """Room for bodies of one connection.

    Args:
        room: How much at a time; a single body may be larger when it is alone.
    """

    __slots__ = ("_held", "_queue", "_room", "_taken")

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._held: dict[T, int] = {}
        self._queue: deque[tuple[T, int]] = deque()

    def ask(self, who: T, size: int) -> bool:
        """Whether `who` may receive `size` bytes now; else it is its turn later, see `release`."""
        if not self._queue and self._fits(size):
            self._take(who, size)
            return True
        self._queue.append((who, size))
        return False

    def waits(self, who: T) -> bool:
        """Whether `who` asked and its turn has not come."""
        return any(each is who for each, _ in self._queue)

    def release(self, who: T) -> list[tuple[T, int]]:
        """`who` has all, or is gone; whose turn it is now, with what they asked for."""
        self._taken -= self._held.pop(who, 0)
        if self._queue and self.waits(who):
            self._queue = deque(each for each in self._queue if each[0] is not who)
        turns: list[tuple[T, int]] = []
        while self._queue and self._fits(self._queue[0][1]):
            turn = self._queue.popleft()
            self._take(*turn)
            turns.append(turn)
        return turns

    def _fits(self, size: int) -> bool:
        return not self._held or self._taken + size <= self._room

    def _take(self, who: T, size: int) -> None:
        self._held[who] = self._held.get(who, 0) + size
        self._taken += size
