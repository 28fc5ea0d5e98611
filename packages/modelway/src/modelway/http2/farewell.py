"""The orderly end of a connection, in two steps: no more calls are wanted; this was the last that is answered."""

from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Farewell:
    """How far the end has come.

    Args:
        begun: The first step is done.
        due: When the second is taken even if the peer did not answer.
        last: The stream named in the second step; None before it.
    """

    begun: bool = False
    due: float = inf
    last: int | None = None

    def begin(self, due: float) -> None:
        """The first step."""
        self.begun = True
        self.due = due

    def name(self, last: int) -> None:
        """The second."""
        self.due = inf
        self.last = last
