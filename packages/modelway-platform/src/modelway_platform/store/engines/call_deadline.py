"""Until when whoever asked waits for the answer: what the database is too slow for is given up, rather than done when nobody listens any more."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from modelway_platform.store.engines.engine import DatabaseUnavailableError


@dataclass(slots=True)
class _Call:
    """One that is answered; None once it is, for what it has begun goes on without its end."""

    ends: float | None


_call: ContextVar[_Call | None] = ContextVar("call", default=None)


@contextmanager
def answered_within(seconds: float) -> Generator[None]:
    """Work for the database in this block has so many seconds together, and no more than the block around it.

    So has what is begun in it, in threads and tasks, as long as the block lasts: a build that a call has begun takes its time.
    """
    call = _Call(time.monotonic() + seconds_left(seconds))
    token = _call.set(call)
    try:
        yield
    finally:
        call.ends = None
        _call.reset(token)


def seconds_left(most: float) -> float:
    """How long a step may wait: what is left for the call, `most` at most; never negative."""
    ends = _end()
    return most if ends is None else max(min(ends - time.monotonic(), most), 0.0)


def check_deadline(shown: str) -> None:
    """Before each statement: a transaction that is given up in the middle is undone.

    Args:
        shown: What the database is called in messages.

    Raises:
        DatabaseUnavailableError: The time is over.
    """
    ends = _end()
    if ends is not None and time.monotonic() >= ends:
        raise DatabaseUnavailableError(
            f"{shown} is too slow: what was asked for took longer than its caller waits, and was given up",
            hint="try again; if it lasts, look at the database's load and at the network between",
        )


def _end() -> float | None:
    call = _call.get()
    return call.ends if call is not None else None
