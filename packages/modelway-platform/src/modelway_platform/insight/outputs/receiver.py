"""The port to whoever takes records: what is handed over, and in which words it is taken, refused or put off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modelway_platform.insight.collect.kinds import Kind

Record = dict[str, Any]
"""One record by its columns: `time` in microseconds since 1970, JSON columns as text, NULL as None."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some records that follow each other.

    Args:
        kind: Of all of them.
        batch: The number under which they were collected.
        first: Which of that batch the first one is, from 0; batch and number name a record for ever.
        records: In order.
    """

    kind: Kind
    batch: int
    first: int
    records: Sequence[Record]


class AwayError(Exception):
    """Nobody took it; the same is to be sent again later.

    Args:
        why: For people; without secrets.
        wait: So many seconds later, if the receiver said so.
    """

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class RefusedError(Exception):
    """It will never be taken as it is; of several records some may be, by themselves.

    Args:
        why: For people.
        too_large: Whether that is what is wrong with it.
    """

    def __init__(self, why: str, *, too_large: bool = False) -> None:
        super().__init__(why)
        self.too_large = too_large


class Receiver(Protocol):
    """Somebody who takes records. Called in one thread, one call after the other."""

    def send(self, piece: Piece) -> int:
        """Hands records over; returns how many of them were refused, the others have been acknowledged.

        Raises:
            AwayError: Not now.
            RefusedError: Not these.
        """
        ...

    def close(self) -> None:
        """Lets go of what is open."""
        ...
