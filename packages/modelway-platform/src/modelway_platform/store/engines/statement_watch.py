"""Ends statements that a server never answers: a frozen one keeps its connections open, and the driver would wait for ever."""

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Protocol

_LOOK_SECONDS = 0.25


class Watched(Protocol):
    """A connection of the driver; `psycopg.Connection` is one."""

    def fileno(self) -> int: ...


class StatementWatch:
    """Shuts the socket of a connection whose statement takes too long; whoever waits for it then gets the driver's error.

    Costs two entries of a dictionary per statement; its thread sleeps while no statement runs.

    Args:
        seconds: How long one statement may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._condition = threading.Condition()
        self._ends: dict[int, tuple[float, Watched]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def begin(self, connection: Watched) -> None:
        """A statement begins on `connection`, which stays this thread's until `end`."""
        with self._condition:
            self._ends[id(connection)] = (time.monotonic() + self._seconds, connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_forever, name="statement watch", daemon=True)
                self._thread.start()
            elif len(self._ends) == 1:
                self._condition.notify()

    def end(self, connection: Watched) -> None:
        """It has ended, or the connection has."""
        with self._condition:
            self._ends.pop(id(connection), None)

    def close(self) -> None:
        """Watches no more."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _look_forever(self) -> None:
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                for identity, (ends, connection) in list(self._ends.items()):
                    if ends <= now:
                        del self._ends[identity]
                        _shut(connection)
                self._condition.wait(_LOOK_SECONDS if self._ends else None)


def _shut(connection: Watched) -> None:
    # Of a duplicate: the descriptor itself stays the driver's.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)
