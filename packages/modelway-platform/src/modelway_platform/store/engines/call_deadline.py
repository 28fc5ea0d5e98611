"""Until when whoever asked waits for the answer: what the database is too slow for is given up, rather than done when nobody listens any more."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from modelway_platform.store.engines.engine import DatabaseUnavailableError

_ends: ContextVar[float | None] = ContextVar("call_deadline", default=None)


@contextmanager
def answered_within(seconds: float) -> Generator[None]:
    """Work for the database in this block, and in threads and tasks begun in it, has so many seconds together, and no more than the block around it."""
    token = _ends.set(time.monotonic() + seconds_left(seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left(most: float) -> float:
    """How long a step may wait: what is left for the call, `most` at most; never negative."""
    ends = _ends.get()
    return most if ends is None else max(min(ends - time.monotonic(), most), 0.0)


def check_deadline(shown: str) -> None:
    """Before each statement: a transaction that is given up in the middle is undone.

    Args:
        shown: What the database is called in messages.

    Raises:
        DatabaseUnavailableError: The time is over.
    """
    ends = _ends.get()
    if ends is not None and time.monotonic() >= ends:
        raise DatabaseUnavailableError(
            f"{shown} is too slow: what was asked for took longer than its caller waits, and was given up",
            hint="try again; if it lasts, look at the database's load and at the network between",
        )
