"""How many requests may wait, who is refused when that many do, and who is displaced."""

from collections.abc import Callable, Mapping

from modelway.errors import OverloadedError
from modelway.serving.batching.pace import Pace
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item


class Room:
    """The bound of a dispatcher's lines together.

    When it is reached, a request takes the place of one with a lower priority: of those with the lowest, the one that came
    last, which is refused in its stead. Where nobody is lower, the request itself is refused.

    Args:
        size: So many may wait.
        lines: Where they wait.
        pace: How fast they leave.
        displaced: Called with each that had to give way and is out of its line, and with the error it gets.
    """

    __slots__ = ("_displaced", "_lines", "_pace", "size")

    def __init__(
        self,
        size: int,
        lines: Mapping[str, WaitingLine],
        pace: Pace,
        displaced: Callable[[str, Item, OverloadedError], None],
    ) -> None:
        self.size = size
        self._lines = lines
        self._pace = pace
        self._displaced = displaced

    def check(self, waiting: int, count: int, priority: int) -> None:
        """Whether `count` more may wait.

        Raises:
            OverloadedError: They may not, even if all who are lower gave way; it says when to come back.
        """
        lacking = waiting + count - self.size
        if lacking > 0 and lacking > sum(line.below(priority) for line in self._lines.values()):
            raise self._refusal(waiting, f"{waiting} requests wait for the model already")

    def make(self, waiting: int, count: int) -> None:
        """Let those give way whose places are needed; `check` has allowed it."""
        for _ in range(waiting + count - self.size):
            name = min(self._lines, key=lambda each: self._lines[each].lowest())
            error = self._refusal(waiting, "requests of a higher priority took the last places in the queue")
            self._displaced(name, self._lines[name].evict_lowest(), error)

    def _refusal(self, waiting: int, message: str) -> OverloadedError:
        return OverloadedError(
            message,
            hint="try again after the time in Retry-After",
            retry_after=self._pace.retry_after(waiting),
        )
