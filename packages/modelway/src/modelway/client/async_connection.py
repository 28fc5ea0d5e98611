"""One connection of the asyncio client: sends a request, reads the answer's head and then its body, piece by piece."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import cast

from modelway.client.answer_head import LONGEST_HEAD, AnswerHead, NotHttpError, read_chunk_size, read_head

_FULL = 1024 * 1024


class BrokenOffError(Exception):
    """The connection ended before the answer did."""


class _Incoming(asyncio.Protocol):
    """What has arrived and was not read yet; a server that sends faster than it is read has to wait."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = False
        self.transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked by class: uvloop's transports are of none of asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > _FULL and self.transport is not None and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._error = exc
        self._wake()

    async def more(self) -> None:
        """Wait until there is more than now.

        Raises:
            BrokenOffError: There will be no more.
            OSError: The connection broke.
        """
        if self.ended:
            raise self._error or BrokenOffError
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def until(self, end: bytes) -> bytes:
        """Everything up to `end`, with it.

        Raises:
            NotHttpError: It does not come within the size of a head.
        """
        searched = 0
        while (at := self.buffer.find(end, searched)) < 0:
            searched = max(len(self.buffer) - len(end) + 1, 0)
            if searched > LONGEST_HEAD:
                raise NotHttpError
            await self.more()
        if at > LONGEST_HEAD:
            raise NotHttpError
        return self.take(at + len(end))

    async def some(self, most: int) -> bytes:
        """What there is, `most` octets at most, once there is something."""
        while not self.buffer:
            await self.more()
        return self.take(most)

    def take(self, most: int) -> bytes:
        data = bytes(self.buffer[:most])
        del self.buffer[:most]
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AsyncConnection:
    """One open connection; made by `connect`."""

    __slots__ = ("_incoming", "_transport")

    def __init__(self, transport: asyncio.Transport, incoming: _Incoming) -> None:
        self._transport = transport
        self._incoming = incoming

    @classmethod
    async def connect(cls, host: str, port: int, tls: ssl.SSLContext | None) -> "AsyncConnection":
        """Open one.

        Raises:
            OSError: It did not come about.
        """
        loop = asyncio.get_running_loop()
        name = host if tls is not None else None
        transport, incoming = await loop.create_connection(_Incoming, host, port, ssl=tls, server_hostname=name)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return cls(transport, incoming)

    @property
    def is_usable(self) -> bool:
        """Whether it can take another request: open on both sides, everything sent, and nothing said meanwhile.

        What an idle connection has to say is the other side's farewell, never an answer.
        """
        incoming, transport = self._incoming, self._transport
        return not (incoming.ended or incoming.buffer or transport.is_closing() or transport.get_write_buffer_size())

    async def ask(self, method: str, request: bytes) -> AnswerHead:
        """Send a whole request, and read the head of the answer.

        What is sent is not waited for: a server may answer, and refuse, before it has read all of it.

        Raises:
            OSError: The connection broke.
            BrokenOffError: It ended without an answer.
            NotHttpError: What came is none.
        """
        self._transport.write(request)
        while True:
            head = read_head(await self._incoming.until(b"\r\n\r\n"), method)
            if head.status >= 200:
                return head

    async def body(self, head: AnswerHead) -> AsyncIterator[bytes]:
        """The body's pieces as they arrive.

        Raises:
            OSError: The connection broke.
            BrokenOffError: It ended before the body did.
            NotHttpError: The body is not in the form it says.
        """
        if head.chunked:
            async for piece in self._chunks():
                yield piece
        elif head.length is None:
            with contextlib.suppress(BrokenOffError):
                while True:
                    yield await self._incoming.some(_FULL)
        else:
            async for piece in self._exactly(head.length):
                yield piece

    async def _exactly(self, length: int) -> AsyncIterator[bytes]:
        while length:
            piece = await self._incoming.some(length)
            length -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := read_chunk_size(await self._incoming.until(b"\r\n")):
            async for piece in self._exactly(size):
                yield piece
            if await self._incoming.until(b"\r\n") != b"\r\n":
                raise NotHttpError
        while await self._incoming.until(b"\r\n") != b"\r\n":  # trailers
            pass

    def abort(self) -> None:
        """End it at once: the server sees its caller leave and stops the work."""
        with contextlib.suppress(RuntimeError):  # its event loop may be closed, and the connection with it
            self._transport.abort()
