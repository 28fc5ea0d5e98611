"""A thread that sends what segments gain, for as long as the process lives; nobody waits for it."""

import threading
import time
from collections.abc import Callable

from modelway.errors import ModelwayError
from modelway.serving.observing.shipper import Shipper

TURN_SECONDS = 1.0
_MOST_WAIT_SECONDS = 15.0
_CLOSING_PAUSE = 0.25


class Shipping:
    """Takes turns until closed. What fails is said once, and tried again after a while; the segments keep it.

    Args:
        shipper: What takes a turn.
        say: Is told when sending begins to fail, and when it works again.
        turn_seconds: Between turns while there is nothing more.
    """

    def __init__(self, shipper: Shipper, say: Callable[[str], None], *, turn_seconds: float = TURN_SECONDS) -> None:
        self._shipper = shipper
        self._say = say
        self._turn_seconds = turn_seconds
        self._closing = threading.Event()
        self._last = False
        self._until = 0.0
        self._problem = ""
        self._thread = threading.Thread(target=self._work, name="shipping", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 2.0, *, last: bool = False) -> None:
        """Sends what is there, for at most so long, and tries again as long as that is.

        Args:
            seconds: How long.
            last: Nobody writes any more, so all segments have ended.
        """
        self._last = last
        self._until = time.monotonic() + seconds
        self._closing.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        wait = self._turn_seconds
        while not self._closing.wait(wait):
            wait = self._turn_seconds if self._all() else min(max(wait, 0.5) * 2, _MOST_WAIT_SECONDS)
        while not self._all(last=self._last) and time.monotonic() + _CLOSING_PAUSE < self._until:
            time.sleep(_CLOSING_PAUSE)

    def _all(self, *, last: bool = False) -> bool:
        try:
            while self._shipper.turn(last=last):
                pass
        except (ModelwayError, OSError) as error:
            what = error.message if isinstance(error, ModelwayError) else (error.strerror or type(error).__name__)
            if what != self._problem:
                self._say(f"records wait here to be sent: {what}")
            self._problem = what
            return False
        if self._problem:
            self._say("records are sent again")
        self._problem = ""
        return True
