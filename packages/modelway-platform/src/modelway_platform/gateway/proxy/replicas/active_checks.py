"""Asks replicas `GET /readyz`, where their Route wants it: one that says no, or nothing, takes no turns."""

import asyncio
import ssl
from typing import TYPE_CHECKING

from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.worker_state import WorkerState

LOOK_SECONDS = 0.1
AT_ONCE = 64
_REQUEST = b"GET /readyz HTTP/1.1\r\nhost: modelway\r\nconnection: close\r\n\r\n"


class ActiveChecks:
    """One worker's; each worker judges by what it sees itself."""

    def __init__(self, worker: "WorkerState") -> None:
        self._worker = worker
        self._due: dict[LiveReplica, float] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                self._begin_due(self._worker.loop.time())
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in self._under_way:
                task.cancel()

    def _begin_due(self, now: float) -> None:
        checked = self._worker.routes.checked
        if not checked and not self._due:
            return
        due: dict[LiveReplica, float] = {}
        for version in checked:
            every = version.health.check_seconds
            for number, replica in enumerate(version.replicas):
                # New ones are spread over the first interval, not asked all at once.
                at = self._due.get(replica, now + every * number / len(version.replicas))
                if at <= now:
                    at = now + every
                    task = self._worker.loop.create_task(self._check(replica))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                due[replica] = at
        self._due = due

    async def _check(self, replica: LiveReplica) -> None:
        async with self._at_once:
            entry = replica.entry
            context = self._worker.replica_context if entry.secure else None
            good = (context is not None or not entry.secure) and await is_ready(
                entry.host, entry.port, replica.version.health.check_timeout_seconds, context
            )
        if not replica.removed:
            replica.checked(self._worker.loop.time(), good=good)


async def is_ready(host: str, port: int, seconds: float, context: ssl.SSLContext | None = None) -> bool:
    """Whether the model server there says 200 to `GET /readyz` in time; over TLS with a `context`."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.write(_REQUEST)
            line = await reader.readline()
    except (OSError, TimeoutError, ValueError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()
    return line.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
