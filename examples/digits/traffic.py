"""Sends requests over a fixed number of keep-alive connections and times every answer; the standard library only."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one request; status 0 means that no whole answer came, and `error` says why."""

    status: int
    version: str = ""
    body: bytes = b""
    seconds: float = 0.0
    error: str = ""


class Caller:
    """One keep-alive connection that carries one request at a time.

    Args:
        host: Where to connect.
        port: Where to connect.
        key: Sent as bearer token unless empty.
        timeout: Seconds for one whole exchange.
        headers: More header lines, each with its line end.
        media_type: What the bodies are.
    """

    def __init__(
        self,
        host: str,
        port: int,
        key: str = "",
        *,
        timeout: float = 30.0,
        headers: str = "",
        media_type: str = "application/json",
    ) -> None:
        self._address = (host, port)
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._head = f"Host: {host}:{port}\r\n{authorization}Content-Type: {media_type}\r\n{headers}"
        self._timeout = timeout
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def post(self, path: str, body: bytes) -> Reply:
        """Send one request and wait for its whole answer; a failure is a reply too, never an exception."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(path, body, started)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.close()
            return Reply(status=0, error=f"{type(error).__name__}: {error}", seconds=time.perf_counter() - started)

    async def _exchange(self, path: str, body: bytes, started: float) -> Reply:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(
            status=int(lines[0].split(" ", 2)[1]),
            version=headers.get("modelway-version", ""),
            body=answer,
            seconds=time.perf_counter() - started,
        )


async def send(
    callers: Sequence[Caller], path: str, bodies: Sequence[bytes], on_reply: Callable[[int, Reply], None]
) -> None:
    """Send every body once, each connection taking the next as soon as it has its answer."""
    waiting = iter(enumerate(bodies))

    async def work(caller: Caller) -> None:
        for index, body in waiting:
            on_reply(index, await caller.post(path, body))

    try:
        await asyncio.gather(*(work(caller) for caller in callers))
    finally:
        for caller in callers:
            caller.close()
