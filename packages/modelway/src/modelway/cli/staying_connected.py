"""Keeps a watch or a followed log going while the platform restarts."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from modelway.cli.showing.output import note
from modelway.errors import UnavailableError

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
Item = TypeVar("Item")


def stay_connected(connect: Callable[[bool], Iterator[Item]], *, until: float | None = None) -> Iterator[Item]:
    """Every item of one stream after another.

    Args:
        connect: Opens a stream; told whether it is a further one. If the very first cannot be opened, that is an error.
        until: When to stop trying, on the monotonic clock.
    """
    again, pause = False, _FIRST_PAUSE
    while until is None or time.monotonic() < until:
        lost = False
        try:
            for item in connect(again):
                again, pause = True, _FIRST_PAUSE
                yield item
        except UnavailableError as error:
            if not again:
                raise
            lost = True
            if pause == _FIRST_PAUSE:
                note(f"connection lost ({error.message}); trying again …")
        again = True
        time.sleep(pause if until is None else max(0.0, min(pause, until - time.monotonic())))
        pause = min(pause * 2, _LONGEST_PAUSE) if lost else _FIRST_PAUSE
