"""One output in a thread of its own, so that a slow receiver holds up nobody else: turns, back-off, and a word on how it stands."""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from modelway_platform.insight.outputs.backing_off import waited
from modelway_platform.insight.outputs.faults.here import trouble_here
from modelway_platform.insight.outputs.port import Output, OutputState
from modelway_platform.insight.outputs.receiver import AwayError

IDLE_SECONDS = 1.0
_SAY_SECONDS = 2.0

log = logging.getLogger(__name__)


class OutputLoop:
    """Runs from `start` to `stop`.

    Args:
        name: Of the output.
        what: Its sort.
        make: Makes it; may raise anything, and is tried again.
        idle: Seconds between looks while there is nothing to send.
    """

    def __init__(self, name: str, what: str, make: Callable[[], Output], idle: float = IDLE_SECONDS) -> None:
        self._name = name
        self._make = make
        self._idle = idle
        self._output: Output | None = None
        self._stop = threading.Event()
        self._state = OutputState(what=what)
        self._failing = ""
        self._said = 0.0
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Waits for the end of what is being sent; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def state(self) -> OutputState:
        """How it stood a moment ago."""
        return self._state

    def _run(self) -> None:
        failed = 0
        while not self._stop.is_set():
            pause = self._idle
            try:
                if self._output is None:
                    self._output = self._make()
                    self._say(self._output)
                if self._output.turn():
                    pause = 0.0
                if failed:
                    log.info("output %s: sending again", self._name)
                failed, self._failing = 0, ""
            except AwayError as error:
                failed += 1
                self._failed(failed, str(error))
                pause = waited(failed, error.wait, random.random())  # noqa: S311 - spreads tries, decides nothing
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing was noted as sent, and the next try may be better
                failed += 1
                self._failed(failed, trouble_here(error), error)
                pause = waited(failed, None, random.random())  # noqa: S311 - likewise
                self._close()
            if self._output is not None and (pause or time.monotonic() - self._said > _SAY_SECONDS):
                self._say(self._output)
            if pause:
                self._stop.wait(pause)
        self._close()

    def _say(self, output: Output) -> None:
        self._said = time.monotonic()
        with suppress(Exception):  # the word of before stays; a failing turn says why
            self._state = output.state()
        self._mark()

    def _mark(self) -> None:
        before = self._state
        if before.failing != self._failing:
            self._state = OutputState(
                what=before.what,
                sent=before.sent,
                refused=before.refused,
                dropped=before.dropped,
                waiting=before.waiting,
                since=before.since,
                failing=self._failing,
                more=before.more,
            )

    def _failed(self, times: int, why: str, unexpected: Exception | None = None) -> None:
        if times == 1:
            log.warning(
                "output %s: cannot send, nothing is lost yet, trying again: %s", self._name, why, exc_info=unexpected
            )
        self._failing = why[:500]
        self._mark()

    def _close(self) -> None:
        if self._output is not None:
            with suppress(Exception):
                self._output.close()
            self._output = None
