"""The watching process: keeps the series, and looks for anomalies in them, until told to stop; what fails is said once and tried again."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from modelway_platform.insight.orders import orders_of, told

log = logging.getLogger(__name__)


class Watch(Protocol):
    """What is done in each turn."""

    def turn(self, now: float) -> None:
        """Once more. May raise anything; it is closed and made anew then."""
        ...

    def close(self) -> None:
        """No more turns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What the process needs to know.

    Args:
        anything: Whether there is something to look at; what `open` loads is large.
        open: Begins watching.
        lifeline: The reading end of a pipe whose end means that the supervisor is gone.
        turn_seconds: From the beginning of one turn to the next.
    """

    anything: Callable[[], bool]
    open: Callable[[], Watch]
    lifeline: int | None = None
    turn_seconds: float = 10.0


def run(settings: WatchSettings) -> None:
    """Watches until SIGTERM, SIGINT or the supervisor's end."""
    watch: Watch | None = None
    failing = False
    with orders_of(settings.lifeline) as orders:
        while True:
            began = time.monotonic()
            try:
                if watch is None and settings.anything():
                    watch = settings.open()
                if watch is not None:
                    watch.turn(time.time())
                if failing:
                    log.info("watching again")
                failing = False
            except Exception as error:  # noqa: BLE001 - whatever it is, the next turn may be better
                if not failing:
                    log.warning("cannot watch, trying again: %s: %s", type(error).__name__, error)
                failing = True
                watch = _closed(watch)
            if told(orders, max(0.0, began + settings.turn_seconds - time.monotonic())):
                break
    _closed(watch)


def _closed(watch: Watch | None) -> None:
    if watch is not None:
        with suppress(Exception):
            watch.close()
