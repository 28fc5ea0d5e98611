"""Writes many things in few transactions: in bounded batches, in order, one that cannot be kept without loss of the others."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from modelway.errors import ConflictError, ModelwayError, UnavailableError

BATCH = 500
_OF_ALL = frozenset({"storage_full", "overloaded"})

log = logging.getLogger(__name__)
T = TypeVar("T")


async def write_in_batches(
    write: Callable[[Sequence[T]], object], things: Sequence[T], shown: Callable[[T], str], *, most: int = BATCH
) -> tuple[T, ...]:
    """Have all of `things` written.

    Args:
        write: Keeps several, all or nothing; called in a thread.
        things: What is to be kept, oldest first.
        shown: What one is called in the log.
        most: How many are written in one transaction.

    Returns:
        Those that could not be kept for a reason of their own. They are in the log.

    Raises:
        ModelwayError: Nothing can be written at the moment; what was written before that stays.
    """
    failed: list[T] = []
    for start in range(0, len(things), most):
        failed += await _write(write, things[start : start + most], shown)
    return tuple(failed)


async def _write(write: Callable[[Sequence[T]], object], batch: Sequence[T], shown: Callable[[T], str]) -> Sequence[T]:
    try:
        await asyncio.to_thread(write, batch)
    except Exception as error:
        if _concerns_all(error):
            raise
        if len(batch) == 1:
            log.exception("one thing of a pass could not be kept", extra={"what": shown(batch[0])})
            return batch
    else:
        return ()
    failed: list[T] = []
    for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
        failed += await _write(write, half, shown)
    return failed


def _concerns_all(error: Exception) -> bool:
    """Whether the next thing would fare no better: the database is away, full or busy, or somebody else leads."""
    if isinstance(error, UnavailableError | ConflictError):
        return True
    return isinstance(error, ModelwayError) and error.error_code in _OF_ALL
