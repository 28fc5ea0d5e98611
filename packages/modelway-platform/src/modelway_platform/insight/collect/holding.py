"""What the collector keeps longer than the store needs it: batches that some output has not sent yet."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is to be kept now.

    Args:
        needed: Number of the first batch that is still needed; None for none.
        octets: At most so much, the newest.
    """

    needed: int | None = None
    octets: int = 5 << 30


def nothing_held() -> Held:
    """Nobody needs anything."""
    return Held()


@dataclass(frozen=True, slots=True)
class Holding:
    """Who knows what is to be kept.

    Args:
        now: Asked before anything is deleted.
    """

    now: Callable[[], Held] = nothing_held
