"""A proxy in front of a server that can be slow, silent or gone: what a network does, for connections that are open already, too."""

import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Mood = Literal["well", "silent", "gone"]
_PIECE = 1 << 16


class TcpProxy:
    """Passes on what comes, as its mood says; use it in a `with` block.

    Args:
        port: Of the server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._mood: Mood = "well"
        self._delay = 0.0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._made: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def be(self, mood: Mood = "well", delay: float = 0.0) -> None:
        """`silent` passes nothing on and keeps connections open; `gone` resets all and takes no new one; `delay` in seconds."""
        self._mood, self._delay = mood, delay
        if mood == "gone":
            self.reset()

    def reset(self) -> None:
        """Reset every connection there is; new ones are taken."""
        with self._lock:
            mine, self._open = self._open, set()
        for each in mine:
            _reset(each)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._accepting.join(10)
        self._listening.close()
        for each in self._made:
            _reset(each)

    def _accept(self) -> None:
        while not self._closed:
            try:
                inner, _ = self._listening.accept()
            except OSError:
                return
            self._made.append(inner)
            if self._mood == "gone":
                _reset(inner)
                continue
            try:
                outer = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                _reset(inner)
                continue
            outer.settimeout(None)
            self._made.append(outer)
            with self._lock:
                self._open |= {inner, outer}
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(self._delay)
                while self._mood == "silent" and not self._closed:
                    time.sleep(0.05)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()
