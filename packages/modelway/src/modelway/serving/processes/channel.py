"""Messages between a model server and a model process: frames on a socket, read by an event loop."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

_HEAD = 4
_READ = 256 * 1024
MAX_FRAME = 2**32 - 1


class Channel:
    """One end.

    Args:
        sock: Connected; it is closed with the channel.
        patient: Whether `send` waits for room; an event loop that serves others must not, a model's own may.
    """

    def __init__(self, sock: socket.socket, *, patient: bool) -> None:
        self._sock = sock
        self._patient = patient
        self._pending = bytearray()
        self._received = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_frame: Callable[[bytes], Any] = _nobody
        self._on_end: Callable[[], Any] = _nobody
        sock.setblocking(patient)

    def attach(
        self, loop: asyncio.AbstractEventLoop, on_frame: Callable[[bytes], Any], on_end: Callable[[], Any]
    ) -> None:
        """From now on frames are handed over in the loop; `on_end` is called once, when the other end is gone."""
        self._loop = loop
        self._on_frame = on_frame
        self._on_end = on_end
        loop.add_reader(self._sock.fileno(), self._readable)
        if self._pending:
            loop.add_writer(self._sock.fileno(), self._writable)

    def wait(self) -> bytes | None:
        """The next frame, before the channel is attached; None when the other end is gone. Blocks."""
        while (frame := self._next()) is None:
            self._sock.setblocking(True)
            try:
                self._sock.sendall(self._pending)
                self._pending.clear()
                data = self._sock.recv(_READ)
            except OSError:
                return None
            finally:
                self._sock.setblocking(self._patient)
            if not data:
                return None
            self._received += data
        return frame

    def send(self, frame: bytes) -> None:
        """Send a frame; one that the other end does not live to see is lost."""
        if len(frame) > MAX_FRAME:
            raise ValueError("a frame of more than 4 GiB")
        head = len(frame).to_bytes(_HEAD, "big")
        try:
            if self._patient:
                self._sock.sendall(head + frame)
            elif self._pending:
                self._pending += head + frame
            else:
                self._send_some(head + frame)
        except OSError:
            return  # the end is noticed where frames are read

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._loop = None
        self._on_frame = self._on_end = _nobody
        self._sock.close()

    def _send_some(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._pending += memoryview(data)[sent:]
            if self._loop is not None:
                self._loop.add_writer(self._sock.fileno(), self._writable)

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._pending)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._pending)
        del self._pending[:sent]
        if not self._pending and self._loop is not None:
            self._loop.remove_writer(self._sock.fileno())

    def drain(self) -> None:
        """Hand over what has arrived; the other end is gone."""
        while self._loop is not None and self._read():
            continue

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Whether there may be more."""
        try:
            data = self._sock.recv(_READ, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            ended = self._on_end
            self.close()
            ended()
            return False
        self._received += data
        while self._loop is not None and (frame := self._next()) is not None:
            self._on_frame(frame)
        return True

    def _next(self) -> bytes | None:
        received = self._received
        if len(received) < _HEAD:
            return None
        ends = _HEAD + int.from_bytes(received[:_HEAD], "big")
        if len(received) < ends:
            return None
        frame = bytes(memoryview(received)[_HEAD:ends])
        del received[:ends]
        return frame


def _nobody(*_: Any) -> None:
    """Nothing listens yet."""
