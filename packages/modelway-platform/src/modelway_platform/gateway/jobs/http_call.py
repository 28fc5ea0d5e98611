"""One HTTP/1.1 request over asyncio: to an address that was decided before, with a bound on the answer; follows nothing."""

import asyncio
import ssl
from dataclasses import dataclass

import httptools

_READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024


class CallFailedError(Exception):
    """There was no whole answer. `connected`: the request may have reached somebody."""

    def __init__(self, reason: str, *, connected: bool) -> None:
        super().__init__(reason)
        self.connected = connected


class AnswerTooLargeError(Exception):
    """The answer's body is over the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where to connect: an address (never looked up here where it is numeric), and TLS with the name to be verified."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole answer; header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Its last value; empty where there is none."""
        return next((value for each, value in reversed(self.headers) if each == name), "")


class _Reading:
    """llhttp's callbacks."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.done = False
        self.too_large = False
        self._head_bytes = 0
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the answer's head is too large")
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))

    def on_body(self, body: bytes) -> None:
        if len(self.body) + len(body) > self._most:
            self.too_large = True
        else:
            self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() >= 200:
            self.done = True
        else:
            self.headers.clear()  # an interim answer (RFC 9110, section 15.2)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """Keeps idle connections to one peer; a request that meets a closing one is sent again on a new one."""

    def __init__(self, peer: Peer, *, connect_seconds: float = 5.0) -> None:
        self._peer = peer
        self._connect_seconds = connect_seconds
        self._idle: list[Connection] = []

    async def ask(self, request: bytes, most: int) -> Received:
        """Send and read.

        Raises:
            CallFailedError: See there.
            AnswerTooLargeError: Over `most` bytes.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection[0].at_eof() or connection[1].is_closing():
                connection[1].close()
                continue
            try:
                return await self._exchange(connection, request, most)
            except _NothingCameError:
                continue
        try:
            return await self._exchange(await open_connection(self._peer, self._connect_seconds), request, most)
        except _NothingCameError as error:
            raise CallFailedError("the connection was closed without an answer", connected=True) from error

    async def _exchange(self, connection: Connection, request: bytes, most: int) -> Received:
        try:
            received, stays = await exchange(connection, request, most)
        except BaseException:
            connection[1].transport.abort()
            raise
        if stays:
            self._idle.append(connection)
        else:
            connection[1].close()
        return received

    def close(self) -> None:
        """Drop idle connections."""
        while self._idle:
            self._idle.pop()[1].transport.abort()


class _NothingCameError(Exception):
    """The connection ended before the first byte of an answer."""


async def ask_once(peer: Peer, request: bytes, most: int, connect_seconds: float) -> Received:
    """One request over one connection; see `Connections.ask`."""
    connection = await open_connection(peer, connect_seconds)
    try:
        received, _ = await exchange(connection, request, most)
    except _NothingCameError as error:
        raise CallFailedError("the connection was closed without an answer", connected=True) from error
    finally:
        connection[1].transport.abort()
    return received


async def open_connection(peer: Peer, seconds: float) -> Connection:
    """A connection to the peer.

    Raises:
        CallFailedError: There is none within `seconds`.
    """
    name = (peer.server_name or peer.host) if peer.tls is not None else None
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_connection(peer.host, peer.port, ssl=peer.tls, server_hostname=name)
    except (OSError, TimeoutError, ValueError) as error:
        raise CallFailedError(f"no connection: {type(error).__name__}", connected=False) from error


async def exchange(connection: Connection, request: bytes, most: int) -> tuple[Received, bool]:
    """Write, read; the answer, and whether the connection may carry another request."""
    reader, writer = connection
    reading = _Reading(most)
    came = False
    try:
        writer.write(request)
        while not reading.done:
            data = await reader.read(_READ_BYTES)
            if not data:
                break
            came = True
            reading.parser.feed_data(data)
            if reading.too_large:
                raise AnswerTooLargeError
    except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError) as error:
        if not came:
            raise _NothingCameError from error
        raise CallFailedError(f"the answer broke off: {type(error).__name__}", connected=True) from error
    if not came:
        raise _NothingCameError
    names = {name for name, _ in reading.headers}
    ends_by_closing = not names & {"content-length", "transfer-encoding"}
    if not reading.done and not ends_by_closing:
        raise CallFailedError("the answer broke off", connected=True)
    received = Received(
        status=reading.parser.get_status_code(), headers=tuple(reading.headers), body=bytes(reading.body)
    )
    return received, reading.done and reading.parser.should_keep_alive()
