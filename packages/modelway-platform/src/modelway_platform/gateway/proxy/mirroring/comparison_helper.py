"""Has answers compared by a process of its own: comparing long answers takes longer than anything a caller may wait behind.

The helper is started when the first comparison comes and again when it has died; what it had then is not compared. It is nice
to everybody else (19), bounded in memory, and dies of a comparison that takes too long.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import cast

import msgspec

from modelway_platform.domain.agreement.answer_values import Answer
from modelway_platform.domain.agreement.compare_answers import Agreement
from modelway_platform.domain.routing.mirroring.mirrors import Comparator

MAX_WAITING = 256
MAX_WAITING_BYTES = 32 * 1024 * 1024
RESTART_SECONDS = 1.0
MODULE = "modelway_platform.gateway.proxy.mirroring.comparison_process"

Done = Callable[[Agreement | None], None]


class Comparing(msgspec.Struct, array_like=True):
    """What is asked of the helper."""

    number: int
    comparator: Comparator
    primary: Answer
    mirror: Answer


class Compared(msgspec.Struct, array_like=True):
    """What it answers."""

    number: int
    agreement: Agreement


class ComparisonHelper:
    """One worker's helper. Tasks are added to `tasks`, whose owner ends them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        self._loop = loop
        self._tasks = tasks
        self._waiting: dict[int, tuple[Done, int]] = {}
        self._waiting_bytes = 0
        self._unsent: list[bytes] = []
        self._next = 0
        self._pipe: _Pipe | None = None
        self._starting = False
        self._closed = False
        self._started_at = -RESTART_SECONDS

    def submit(self, comparator: Comparator, primary: Answer, mirror: Answer, done: Done) -> bool:
        """Have two answers compared; False when there is no room. `done` gets None when the helper died over it."""
        size = len(primary.body) + len(mirror.body)
        full = len(self._waiting) >= MAX_WAITING or self._waiting_bytes + size > MAX_WAITING_BYTES
        if full or self._closed or not self._ready():
            return False
        number = self._next = self._next + 1
        self._waiting[number] = (done, size)
        self._waiting_bytes += size
        frame = msgspec.msgpack.encode(Comparing(number, comparator, primary, mirror))
        data = b"%b%b" % (len(frame).to_bytes(4, "big"), frame)
        if self._pipe is not None:
            self._pipe.write(data)
        else:
            self._unsent.append(data)
        return True

    def close(self) -> None:
        """End the helper; what waits is not compared."""
        self._closed = True
        if self._pipe is not None:
            self._pipe.close()

    def _ready(self) -> bool:
        """Whether there is a helper, or will be in a moment."""
        if self._pipe is None and not self._starting:
            if self._loop.time() - self._started_at < RESTART_SECONDS:
                return False
            self._starting = True
            self._started_at = self._loop.time()
            task = self._loop.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _run(self) -> None:
        """Start the helper and stay until it is gone; starting takes too long for the loop."""
        ours, theirs = socket.socketpair()
        process: subprocess.Popen[bytes] | None = None
        try:
            with theirs:
                process = await asyncio.to_thread(_start, theirs)
            pipe = _Pipe(self._answered)
            await self._loop.create_connection(lambda: pipe, sock=ours)
            self._pipe = pipe
            for data in self._unsent:
                pipe.write(data)
            await pipe.lost
        except OSError:
            ours.close()  # the helper cannot be started: nothing is compared
        finally:
            self._pipe, self._starting, self._unsent = None, False, []
            waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
            for done, _ in waiting.values():
                done(None)
            if process is not None:
                process.kill()  # by now it has ended, or this worker is ending
                process.wait()

    def _answered(self, frame: bytes) -> None:
        answer = msgspec.msgpack.decode(frame, type=Compared)
        done, size = self._waiting.pop(answer.number)
        self._waiting_bytes -= size
        done(answer.agreement)


class _Pipe(asyncio.Protocol):
    """Our end of the socket to the helper."""

    def __init__(self, answered: Callable[[bytes], None]) -> None:
        self._answered = answered
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[:4], "big")
            if len(buffer) < 4 + size:
                return
            frame = bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            self._answered(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


def _start(theirs: socket.socket) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, str(theirs.fileno())], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
    )
