"""Shows how far a transfer is: a bar on a terminal for what takes a moment, with speed and time left."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from modelway.cli.showing.output import seconds_text, size_text

_WIDTH = 24
_REDRAW_SECONDS = 0.1
_SHOWN_FROM = 1_000_000
_TELLING = 0.02


class TransferBar:
    """Called with octets done and in all; gone at the end.

    Args:
        what: What is done to what: `pushing digits`.
        clock: Seconds.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._started = clock()
        self._drawn_at = 0.0
        self._before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._before is None:
            self._before = done  # what an earlier try has sent says nothing about the speed of this one
        now = self._clock()
        if not sys.stderr.isatty() or total < _SHOWN_FROM or (now - self._drawn_at < _REDRAW_SECONDS and done < total):
            return
        self._drawn_at = now
        filled = round(done / total * _WIDTH)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        print(
            f"\r\x1b[K{self._what}  {bar}  {done / total:4.0%} of {size_text(total)}{self._pace(done, total, now)}",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def _pace(self, done: int, total: int, now: float) -> str:
        moved, took = done - (self._before or 0), now - self._started
        if took < 1 or moved < (total - (self._before or 0)) * _TELLING:
            return ""  # small files come first and say nothing about the speed of large ones
        return f", {size_text(round(moved / took))}/s, {seconds_text((total - done) * took / moved)} left"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
