"""A load generator for machines without wrk: processes, each with connections that send as soon as they have an answer."""

import asyncio
import multiprocessing
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Result:
    """What came back within the time, and how much of it was no 200."""

    answers: int
    errors: int
    seconds: float


class Connection(asyncio.Protocol):
    """One caller: the next request goes out when the answer to the last is there."""

    def __init__(self, requests: Sequence[bytes], first: int) -> None:
        self._requests = requests
        self._next = first
        self._got = b""
        self.answers = 0
        self.errors = 0
        self._transport: asyncio.Transport | None = None
        self._done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not found or (length and len(body) < int(length[1])):
            return
        self._got = b""
        self.answers += 1
        self.errors += not head.startswith(b"HTTP/1.1 200")
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += not self._done

    def stop(self) -> None:
        """Send no more; what is under way is not counted."""
        self._done = True
        if self._transport is not None:
            self._transport.abort()

    def _send(self) -> None:
        if self._transport is not None and not self._done:
            self._transport.write(self._requests[self._next % len(self._requests)])
            self._next += 1


def closed_loop(port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: float) -> Result:
    """Asks a server on loopback for `seconds` over `connections`, from up to four processes."""
    processes = max(1, min(4, (os.cpu_count() or 2) - 1, connections))
    shares = [connections // processes + (index < connections % processes) for index in range(processes)]
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        results = pool.starmap(_process, [(port, requests, share, seconds) for share in shares], chunksize=1)
    return Result(
        answers=sum(each.answers for each in results),
        errors=sum(each.errors for each in results),
        seconds=mean([each.seconds for each in results]),
    )


def _process(port: int, requests: list[bytes], connections: int, seconds: float) -> Result:
    return asyncio.run(_load(port, requests, connections, seconds))


async def _load(port: int, requests: list[bytes], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    callers = [Connection(requests, index) for index in range(connections)]
    started = time.monotonic()
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)
    await asyncio.sleep(seconds)
    took = time.monotonic() - started
    for caller in callers:
        caller.stop()
    return Result(sum(each.answers for each in callers), sum(each.errors for each in callers), took)
