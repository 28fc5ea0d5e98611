"""A small keep-alive HTTP/1.1 client for asyncio, over the standard library: the SDK needs no other, whichever way it is used.

A call that is cancelled, or whose time is over, ends its connection, so that the server stops working for nobody.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from math import inf
from types import TracebackType
from typing import NoReturn, Self

from modelway.client.addresses import split_url, trusting, why
from modelway.client.answer_head import AnswerHead, NotHttpError, request_head
from modelway.client.async_connection import AsyncConnection, BrokenOffError
from modelway.client.error_answers import ErrorReader, error_from_answer
from modelway.client.http_client import Answer
from modelway.client.retries import NeverReachedError
from modelway.errors import DeadlineExceededError, InvalidRequestError, UnavailableError

USUAL_CONNECTIONS = 64
_LONGEST_REFUSAL = 65536


class AsyncAnswerStream:
    """An answer read line by line while it arrives; close it (or leave its `async with`) to stop the server sending."""

    def __init__(self, client: "AsyncHttpClient", connection: AsyncConnection, head: AnswerHead, until: float) -> None:
        self.status = head.status
        self.headers = head.headers
        self._client = client
        self._connection: AsyncConnection | None = connection
        self._head = head
        self._until = until

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's octets as they arrive.

        Raises:
            DeadlineExceededError: The time given is over.
            UnavailableError: The connection broke.
        """
        connection = self._connection
        if connection is None:
            return
        pieces = connection.body(self._head)
        while True:
            try:
                async with asyncio.timeout_at(loop_time(self._until)):
                    piece = await anext(pieces, b"")
            except (OSError, BrokenOffError, NotHttpError) as error:
                self.close()
                self._client.fail(error, "the connection broke in mid-answer")
            if not piece:
                break
            yield piece
        self._connection = None
        self._client.give_back(connection, self._head)

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line without its end; empty ones, which keep the connection alive, are left out.

        Raises:
            DeadlineExceededError: The time given is over.
            UnavailableError: The connection broke.
        """
        rest = b""
        async for piece in self.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if stripped := line.rstrip(b"\r"):
                    yield stripped
        if stripped := rest.rstrip(b"\r"):
            yield stripped

    def close(self) -> None:
        """End the connection, unless the answer was read to its end."""
        if self._connection is not None:
            self._connection.abort()
            self._client.give_up(self._connection)
            self._connection = None

    def __del__(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncHttpClient:
    """Talks to one server, from one event loop.

    Args:
        url: `http://host[:port][/prefix]` or `https://…`.
        headers: Sent with every request.
        connect_timeout: Seconds to wait for a connection.
        connections: How many there are at most; further requests wait, within their time, until one is free.
        ca_file: PEM certificates to trust over HTTPS instead of the system's; empty for the system's.
        hints: What a person can do about an error, by its code, in place of what the server advises.
        tls: Over HTTPS, whom to trust and what to show, in place of `ca_file`.
        refusals: Reads the error out of an answer of 300 or more; ours and strangers' in general, unless given.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = 5.0,
        connections: int = USUAL_CONNECTIONS,
        ca_file: str = "",
        hints: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        refusals: ErrorReader = error_from_answer,
    ) -> None:
        parts = split_url(url)
        self.url = url.rstrip("/")
        self._tls: ssl.SSLContext | None = (tls or trusting(ca_file)) if parts.scheme == "https" else None
        self._read_error = refusals
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls is not None else 80)
        self._prefix = parts.path.rstrip("/")
        name = f"[{self._host}]" if ":" in self._host else self._host
        host = name if parts.port is None else f"{name}:{parts.port}"
        self._headers = {"Host": host, "User-Agent": "modelway", **(headers or {})}
        self._connect_timeout = connect_timeout
        self._hints = dict(hints or {})
        self._idle: list[AsyncConnection] = []
        self._free = asyncio.Semaphore(connections)

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None, until: float = inf
    ) -> Answer:
        """Sends a request and reads the whole answer.

        Args:
            method: In capitals.
            path: Below the client's URL, percent-encoded where needed (`path_of`).
            body: All of it.
            headers: Beside the client's own.
            until: When the whole answer must be there, on `time.monotonic`.

        Raises:
            ModelwayError: The typed error of an answer of 300 or more.
            UnavailableError: Nobody listens, or the connection broke.
            DeadlineExceededError: No answer in time.
        """
        request = self._request(method, path, body, headers or {})
        try:
            async with asyncio.timeout_at(loop_time(until)):
                connection = await self._connection(until)
                try:
                    head = await connection.ask(method, request)
                    data = b"".join([piece async for piece in connection.body(head)])
                except BaseException:
                    connection.abort()
                    self.give_up(connection)
                    raise
        except (OSError, BrokenOffError, NotHttpError) as error:
            self.fail(error)
        self.give_back(connection, head)
        answer = Answer(status=head.status, headers=head.headers, body=data)
        if answer.status >= 300:
            self._refuse(head, data, f"{method} {self.url}{path}")
        return answer

    async def stream(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None, until: float = inf
    ) -> AsyncAnswerStream:
        """Sends a request and hands the answer out as it arrives.

        Raises:
            ModelwayError: As `request`.
        """
        request = self._request(method, path, body, headers or {})
        try:
            async with asyncio.timeout_at(loop_time(until)):
                connection = await self._connection(until)
                try:
                    head = await connection.ask(method, request)
                    refusal = await _start_of(connection.body(head)) if head.status >= 300 else b""
                except BaseException:
                    connection.abort()
                    self.give_up(connection)
                    raise
        except (OSError, BrokenOffError, NotHttpError) as error:
            self.fail(error)
        if head.status >= 300:
            connection.abort()
            self.give_up(connection)
            self._refuse(head, refusal, f"{method} {self.url}{path}")
        return AsyncAnswerStream(self, connection, head, until)

    async def close(self) -> None:
        """Close idle connections; the client stays usable."""
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # in which the event loop closes their sockets

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def give_back(self, connection: AsyncConnection, head: AnswerHead) -> None:
        """An answer was read to its end: others may use the connection."""
        if head.keeps and connection.is_usable:
            self._idle.append(connection)
        else:
            connection.abort()
        self._free.release()

    def give_up(self, connection: AsyncConnection) -> None:
        """A connection was ended: others may open one in its place."""
        self._free.release()

    def fail(self, error: Exception, reason: str = "") -> NoReturn:
        """Raise what a broken connection, or the end of the time, means to the caller."""
        if isinstance(error, TimeoutError):
            raise DeadlineExceededError(f"{self.url} did not answer in the time given") from error
        if not reason:
            reason = "it closed the connection without an answer"
        if isinstance(error, NotHttpError):
            reason = "its answer is not HTTP"
        elif isinstance(error, OSError):
            reason = why(error)
        raise UnavailableError(
            f"cannot reach {self.url}: {reason}", code="unreachable", hint=self._hints.get("unreachable", "")
        ) from error

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        sent = {**self._headers, **headers, "Content-Length": str(len(body))}
        try:
            return request_head(method, self._prefix + path, sent) + body
        except ValueError:
            # Not chained: its text shows the header's value, which may be a key.
            raise InvalidRequestError(
                "a header holds characters that cannot be sent; check key and request id"
            ) from None

    async def _connection(self, until: float) -> AsyncConnection:
        await self._free.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_usable:
                    return connection
                connection.abort()
            return await self._connect(until)
        except BaseException:
            self._free.release()
            raise

    async def _connect(self, until: float) -> AsyncConnection:
        wait = min(self._connect_timeout, until - time.monotonic())
        try:
            async with asyncio.timeout(wait):
                return await AsyncConnection.connect(self._host, self._port, self._tls)
        except TimeoutError as error:
            raise self._never_reached(f"no connection within {max(wait, 0):.3g} s") from error
        except OSError as error:
            raise self._never_reached(why(error)) from error

    def _never_reached(self, reason: str) -> NeverReachedError:
        return NeverReachedError(f"cannot reach {self.url}: {reason}", hint=self._hints.get("unreachable", ""))

    def _refuse(self, head: AnswerHead, body: bytes, asked: str) -> NoReturn:
        error = self._read_error(head.status, head.headers, body, asked=asked)
        error.hint = self._hints.get(error.error_code, error.hint)
        raise error


async def _start_of(pieces: AsyncIterator[bytes]) -> bytes:
    start = b""
    async for piece in pieces:
        start += piece
        if len(start) > _LONGEST_REFUSAL:
            break
    return start


def loop_time(until: float) -> float | None:
    """A point of `time.monotonic` on the event loop's clock."""
    return None if until == inf else asyncio.get_running_loop().time() + until - time.monotonic()
