"""Ends a blocking call from another thread: the server sees its caller leave and stops the work."""

import contextlib
import http.client
import socket
import threading


class HangUp:
    """Given to one call, which is interrupted by `now`, or does not begin if that came first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._done = False

    def watch(self, connection: http.client.HTTPConnection) -> None:
        """The call goes over this connection.

        Raises:
            ConnectionAbortedError: Nobody waits for it any more.
        """
        with self._lock:
            self._connection = connection
            if self._done:
                raise ConnectionAbortedError("nobody waits for the answer any more")

    def over(self) -> None:
        """The answer is there, and the connection may be used by others."""
        with self._lock:
            self._connection = None

    def now(self) -> None:
        """Interrupt the call."""
        with self._lock:
            self._done = True
            sock = self._connection.sock if self._connection is not None else None
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
