"""Slow connections from a process of their own, so that they take nothing from whoever measures the others.

python -m journeys.faults.siege PORT SECONDS HEADS LENGTHS CHUNKS READS    with the key in $SIEGE_KEY; prints one JSON object

Heads and bodies go to project `s7`; large answers, which cost a model more than others should notice, are asked of `s7large`.
Each connection is replaced when it is ended. The object says for each kind how long each connection was let.
"""

import asyncio
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Awaitable, Callable

BETWEEN_BYTES = 1.0
# More than the system takes off the gateway for a caller who does not read.
ANSWER_BYTES = 10 * 1024 * 1024
KINDS: tuple[str, ...] = ("heads", "lengths", "chunks", "reads")
# Returns when its slowness began, if that was later than the connection.
Slow = Callable[[socket.socket], Awaitable[float | None]]


async def main(port: int, seconds: float, counts: dict[str, int], key: str) -> dict[str, list[float]]:
    """Lay siege; how long each connection lasted, by kind."""
    slow = _kinds(key)
    lasted: dict[str, list[float]] = {name: [] for name in counts}
    work = [_keep(port, slow[name], lasted[name]) for name, count in counts.items() for _ in range(count)]
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return lasted


async def _keep(port: int, slow: Slow, lasted: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            began = time.monotonic()
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
                began = await slow(connection) or began
            except OSError:
                pass
            lasted.append(time.monotonic() - began)
        await asyncio.sleep(0.1)


async def _drip(connection: socket.socket, first: bytes, byte: bytes) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, first)
    ended = asyncio.create_task(_until_end(connection))
    try:
        while not ended.done():
            await asyncio.wait([ended], timeout=BETWEEN_BYTES)
            if not ended.done():
                await loop.sock_sendall(connection, byte)
        await ended
    finally:
        ended.cancel()


async def _until_end(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(connection, 4096):
        pass


def _kinds(key: str) -> dict[str, Slow]:
    head = f"POST /s7/faulted/echo HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n".encode()
    large = json.dumps({"text": "x" * ANSWER_BYTES}).encode()

    async def heads(connection: socket.socket) -> None:
        await _drip(connection, head, b"X-A: b\r\n")

    async def lengths(connection: socket.socket) -> None:
        await _drip(connection, head + b"Content-Length: 100000\r\n\r\n", b"x")

    async def chunks(connection: socket.socket) -> None:
        await _drip(connection, head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")

    async def reads(connection: socket.socket) -> float:
        loop = asyncio.get_running_loop()
        request = (
            head.replace(b"/s7/", b"/s7large/")
            + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(large)
            + large
        )
        await loop.sock_sendall(connection, request)
        received = len(await loop.sock_recv(connection, 16))
        began = time.monotonic()  # until now it was the model that took its time
        # What has arrived can be read for long after the other side has reset the connection; the error shows at once.
        while received and not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            try:
                received = len(await loop.sock_recv(connection, 16))
            except OSError:
                break
            await asyncio.sleep(BETWEEN_BYTES)
        return began

    return {"heads": heads, "lengths": lengths, "chunks": chunks, "reads": reads}


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    given: dict[str, int] = dict(zip(KINDS, map(int, sys.argv[3:]), strict=True))
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), given, os.environ["SIEGE_KEY"]))))
