"""One side of a tunnel: what arrives goes to the other side, no faster than that one takes it."""

import asyncio
from typing import Protocol


class Joined(Protocol):
    """What an end tells the tunnel it belongs to."""

    def end_finished(self) -> bool:
        """One side will send no more; whether the other one still may."""
        ...

    def end_lost(self, end: "TunnelEnd") -> None: ...


class TunnelEnd(asyncio.Protocol):
    """Reads from `own` and writes to `other`; `received` counts bytes."""

    __slots__ = ("_other", "_own", "_tunnel", "received")

    def __init__(self, tunnel: Joined, own: asyncio.Transport, other: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self._own = own
        self._other = other
        self.received = 0

    def close(self) -> None:
        self._own.close()

    def abort(self) -> None:
        self._own.abort()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._other.write(data)

    def pause_writing(self) -> None:
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()

    def eof_received(self) -> bool:
        """A half-closed side may still be written to; over TLS there is no half."""
        if self._other.is_closing():
            return False
        if self._other.can_write_eof() and self._own.can_write_eof() and self._tunnel.end_finished():
            self._other.write_eof()
            return True
        self._other.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._tunnel.end_lost(self)
