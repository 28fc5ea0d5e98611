"""Takes due jobs and has them executed, as many at once as their Routes allow; keeps their leases while they run."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from modelway_platform.gateway.jobs.back_off import PAUSE
from modelway_platform.gateway.jobs.counts import Counts
from modelway_platform.gateway.jobs.ends import Ends
from modelway_platform.gateway.jobs.executing.execution import Execution, Outcome
from modelway_platform.gateway.jobs.job import Job
from modelway_platform.gateway.jobs.policies import Policies
from modelway_platform.gateway.jobs.stores.port import JobStore, JobsUnavailableError

LEASE_SECONDS = 20.0
RENEW_SECONDS = 5.0
# Without a wake-up: for jobs that come due by the clock, and for what others put into a shared store.
LOOK_SECONDS = 0.5
MOST_RUNNING = 256

log = logging.getLogger(__name__)


class Executor:
    """One per jobs process.

    Args:
        store: Where jobs are.
        execution: Executes one.
        policies: How many at once.
        owner: Our name on leases.
        ends: Told of jobs that ended.
        counts: Counts.
    """

    def __init__(
        self, store: JobStore, execution: Execution, policies: Policies, owner: str, *, ends: Ends, counts: Counts
    ) -> None:
        self._store = store
        self._execution = execution
        self._policies = policies
        self._owner = owner
        self._ends = ends
        self._counts = counts
        self._running: dict[str, tuple[Job, asyncio.Task[None]]] = {}
        self._by_model: Counter[str] = Counter()
        self._paused: dict[str, tuple[float, int]] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def drop(self, job_id: str) -> None:
        """It was cancelled: stop executing it."""
        if job_id in self._running:
            self._running[job_id][1].cancel()

    async def run(self) -> None:
        """Takes jobs until cancelled; then those that run go back into their queues."""
        try:
            while True:
                self._wake.clear()
                taken = 0
                with suppress(JobsUnavailableError):
                    taken = await self._take()
                if not taken:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._wake.wait()
        finally:
            await self._stop()

    async def renew(self) -> None:
        """Prolongs leases for ever; stops what is not ours any more."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            leases = [(job.id, job.lease) for job, _ in self._running.values()]
            try:
                held = await self._store.renew(leases, time.time() + LEASE_SECONDS)
            except JobsUnavailableError:
                continue  # what was executed in vain is executed again
            for job_id, _ in leases:
                if job_id not in held:
                    self.drop(job_id)

    async def _take(self) -> int:
        now = time.monotonic()
        room = MOST_RUNNING - len(self._running)
        if room <= 0:
            return 0
        capacity: dict[str, int] = {}
        for model in await self._store.waiting_models():
            until, _ = self._paused.get(model, (0.0, 0))
            most = min(self._policies.of(model).concurrency, self._by_model[model] + room)
            if until <= now and self._by_model[model] < most:
                capacity[model] = most
        clock = time.time()
        taken = await self._store.claim(capacity, self._owner, clock + LEASE_SECONDS, clock)
        for job in taken:
            self._by_model[job.model] += 1
            task = asyncio.create_task(self._execute(job))
            self._running[job.id] = (job, task)
            task.add_done_callback(self._done_with(job))
        return len(taken)

    def _done_with(self, job: Job) -> Callable[[asyncio.Task[None]], None]:
        def done(task: asyncio.Task[None]) -> None:
            self._running.pop(job.id, None)
            self._by_model[job.model] -= 1
            self.wake()
            if not task.cancelled() and task.exception() is not None:
                log.error("execution failed", exc_info=task.exception(), extra={"job": job.id})

        return done

    async def _execute(self, job: Job) -> None:
        self._counts.executions[job.model] += 1
        try:
            async with asyncio.timeout(max(0.0, job.expires_at - time.time())):
                outcome = await self._execution.run(job, self._policies.of(job.model).max_result_bytes)
        except TimeoutError:
            return  # the clock has it expire
        except JobsUnavailableError as error:
            log.warning("a job's content cannot be had", extra={"job": job.id, "why": str(error)})
            outcome = Outcome(nobody_there=True)
        await self._keep(job, outcome)

    async def _keep(self, job: Job, outcome: Outcome) -> None:
        """Write down what became of it; tried again while the store is away, as long as the lease may be ours."""
        ends = time.time() + LEASE_SECONDS
        while True:
            try:
                await self._write(job, outcome)
            except JobsUnavailableError:
                if time.time() > ends:
                    return
                await asyncio.sleep(0.5)
            else:
                return

    async def _write(self, job: Job, outcome: Outcome) -> None:
        if outcome.finished is not None:
            self._paused.pop(job.model, None)
            if await self._store.finish(job.id, job.lease, outcome.finished, time.time()):
                self._counts.finished[job.model, outcome.finished.state] += 1
                self._ends.ended(job.id)
            return
        after = outcome.after
        if outcome.nobody_there:
            after = self._pause(job, outcome.wait)
        else:
            self._paused.pop(job.model, None)
        await self._store.put_back(job.id, job.lease, time.time() + after, outcome.counted)

    def _pause(self, job: Job, wait: float) -> float:
        """The model's whole queue waits, if it is the model that answers nobody; seconds this job itself waits.

        A job for one version says nothing of the others, so it alone waits.
        """
        now = time.monotonic()
        until, failures = self._paused.get(job.model, (0.0, 0))
        pause = max(wait, PAUSE.seconds(failures + 2))
        if job.version:
            return pause
        if until <= now:
            self._paused[job.model] = (now + pause, failures + 1)
        return 0.0

    async def _stop(self) -> None:
        running = list(self._running.values())
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        for job, _ in running:
            with suppress(JobsUnavailableError):
                await self._store.put_back(job.id, job.lease, time.time(), "nothing")
