"""The jobs process: takes jobs in, has them executed, tells of their ends, keeps the clock; restarted whole if it falls."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.http1 import listen
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.gateway.jobs.callbacks.callbacks import AT_ONCE, Callbacks
from modelway_platform.gateway.jobs.counts import Counts, write_page
from modelway_platform.gateway.jobs.ends import Ends
from modelway_platform.gateway.jobs.executing.execution import Execution
from modelway_platform.gateway.jobs.executing.executor import Executor
from modelway_platform.gateway.jobs.http_call import Connections, Peer
from modelway_platform.gateway.jobs.intake.api import Api, ApiParts
from modelway_platform.gateway.jobs.intake.server import LIMITS, Door, JobsConnection
from modelway_platform.gateway.jobs.policies import Policies
from modelway_platform.gateway.jobs.stores.contents import Contents, delete_orphans
from modelway_platform.gateway.jobs.stores.port import JobStore, JobsUnavailableError

CLOCK_SECONDS = 0.5
METRICS_SECONDS = 2.0
OPEN_AGAIN_SECONDS = 0.5
DRAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsSettings:
    """What the process needs to know.

    Args:
        port: On 127.0.0.1; 0 takes a free one.
        store: Where jobs are kept.
        contents: Where large requests and answers lie.
        gateway: Where jobs are executed.
        secret: Shared with the gateway's workers.
        owner: This process's name on leases, the same after a restart.
        table_path: The route table.
        metrics_path: Where the metrics page goes.
        rules: Which callbacks are allowed.
        lifeline: The reading end of a pipe whose end means that the supervisor is gone.
    """

    port: int
    store: JobStore
    contents: Contents
    gateway: Peer
    secret: str
    owner: str
    table_path: Path
    metrics_path: Path
    rules: CallbackRules
    lifeline: int | None = None


class JobsProcess:
    """All parts of it, on a running loop."""

    def __init__(self, settings: JobsSettings) -> None:
        self._settings = settings
        self._store = settings.store
        self._gateway = Connections(settings.gateway)
        self._counts = Counts()
        self._ends = Ends()
        self._policies = Policies(settings.table_path)
        self._callbacks = Callbacks(settings.store, settings.secret, settings.rules)
        execution = Execution(self._gateway, settings.secret, settings.contents)
        self._executor = Executor(
            settings.store, execution, self._policies, settings.owner, ends=self._ends, counts=self._counts
        )
        parts = ApiParts(
            store=settings.store,
            contents=settings.contents,
            policies=self._policies,
            rules=settings.rules,
            ends=self._ends,
            counts=self._counts,
            secret=settings.secret,
            wake=self._executor.wake,
            drop=self._executor.drop,
        )
        self._door = Door(Api(parts), settings.secret)

    async def serve(self, stop: asyncio.Event, ready: Callable[[int], None] | None = None) -> None:
        """Answer and execute until `stop`; `ready` gets the port. While the store is away, answers are 503."""
        self._policies.look()
        listener = await listen(
            lambda each: JobsConnection(each, self._door), host="127.0.0.1", port=self._settings.port, limits=LIMITS
        )
        if ready is not None:
            ready(listener.port)
        tasks = [asyncio.create_task(self._work(), name="jobs")]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            stopping.cancel()
            await listener.drain(DRAIN_SECONDS)
            for task in (*tasks, *self._door.answering):
                task.cancel()
            await asyncio.gather(*tasks, *self._door.answering, return_exceptions=True)
            self._gateway.close()
            await self._store.close()

    async def _work(self) -> None:
        await self._open()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._executor.run())
            group.create_task(self._executor.renew())
            group.create_task(self._again_and_again(CLOCK_SECONDS, self._look_at_clock))
            group.create_task(self._again_and_again(METRICS_SECONDS, self._write_metrics))
            group.create_task(self._again_and_again(CLOCK_SECONDS, self._tell))

    async def _open(self) -> None:
        """Open the store, and take back at once what we had under way before we died."""
        while True:
            try:
                await self._store.open()
                due = await self._store.look_at_clock(time.time(), self._settings.owner)
                await delete_orphans(self._settings.contents, await self._store.blobs())
            except JobsUnavailableError as error:
                log.warning("the jobs store is away", extra={"why": str(error)})
                await asyncio.sleep(OPEN_AGAIN_SECONDS)
            else:
                self._counts.lost += due.requeued
                log.info("jobs started", extra={"pid": os.getpid(), "taken_back": due.requeued})
                return

    async def _again_and_again(self, seconds: float, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            with suppress(JobsUnavailableError):
                await step()
            await asyncio.sleep(seconds)

    async def _look_at_clock(self) -> None:
        self._policies.look()
        due = await self._store.look_at_clock(time.time())
        self._counts.lost += due.requeued
        if due.requeued:
            self._executor.wake()
        for job_id in due.ended:
            self._executor.drop(job_id)
            self._ends.ended(job_id)
        for blob in due.blobs:
            await self._settings.contents.delete(blob)

    async def _tell(self) -> None:
        while await self._callbacks.deliver_due() == AT_ONCE:
            pass

    async def _write_metrics(self) -> None:
        depths = await self._store.depths()
        told = (self._callbacks.delivered, self._callbacks.failed_tries, self._callbacks.given_up)
        self._counts.refused = self._door.refused
        write_page(self._settings.metrics_path, self._counts.lines(depths, told, time.time()))


async def run(settings: JobsSettings, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the supervisor's end."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.lifeline is not None:
        os.set_blocking(settings.lifeline, False)
        loop.add_reader(settings.lifeline, _supervisor_spoke, settings.lifeline, stop)
    await JobsProcess(settings).serve(stop, ready)


def _supervisor_spoke(descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 1024):
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()
