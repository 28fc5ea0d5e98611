"""A thread that sends what segments gain, for as long as the process lives; nobody waits for it."""

import threading
from collections.abc import Callable

from modelway.errors import ModelwayError
from modelway.serving.observing.shipper import Shipper

TURN_SECONDS = 1.0
_MOST_WAIT_SECONDS = 15.0


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
        self._problem = ""
        self._thread = threading.Thread(target=self._work, name="shipping", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Sends what is there, for at most so long."""
        self._closing.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        wait = self._turn_seconds
        while not self._closing.wait(wait):
            wait = self._turn_seconds if self._all() else min(max(wait, 0.5) * 2, _MOST_WAIT_SECONDS)
        self._all()

    def _all(self) -> bool:
        try:
            while self._shipper.turn():
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
