"""Where jobs are kept: what every adapter promises; `tests/gateway_jobs/test_stores.py` holds all of them to it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelway_platform.gateway.jobs.job import CallbackState, Counted, Due, Durability, Finished, Job, Query, QueueDepth

# An executor that died may have died of the job.
MAX_LOSSES = 20


class JobsUnavailableError(Exception):
    """The store cannot be reached or cannot write; nothing was accepted, and what was accepted before is still there.

    `full`: for want of space.
    """

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class JobStore(Protocol):
    """Jobs that survive. Every method raises `JobsUnavailableError` and then has changed nothing, or all it says.

    A write has reached the disk when it returns, with `durability` `synced`; with `relaxed` a power cut may lose it.
    """

    @property
    def durability(self) -> Durability: ...

    async def open(self) -> None:
        """Connect, and make or check what has to be there. May be called again after it failed."""
        ...

    async def close(self) -> None: ...

    async def submit(self, job: Job) -> Job:
        """Keep a new job; the one there is if its consumer used the `idempotency_key` before (compare fingerprints)."""
        ...

    async def claim(self, capacity: Mapping[str, int], owner: str, until: float, now: float) -> list[Job]:
        """Take due jobs under a lease, best rank first, then oldest.

        Args:
            capacity: Most jobs of a model under execution at once, over all executors; models that are left out wait.
            owner: The executor.
            until: When the lease ends unless renewed.
            now: The time.
        """
        ...

    async def renew(self, leases: Sequence[tuple[str, str]], until: float) -> set[str]:
        """Prolong leases (job id, lease); ids of those that are still held: the others were cancelled or lost."""
        ...

    async def finish(self, job_id: str, lease: str, finished: Finished, now: float) -> bool:
        """The one result of a job; False, and nothing changed, if the lease is not held any more."""
        ...

    async def put_back(self, job_id: str, lease: str, not_before: float, counted: Counted) -> bool:
        """Back into the queue, with one more attempt or loss counted; False if the lease is not held."""
        ...

    async def look_at_clock(self, now: float, dead_owner: str = "") -> Due:
        """Requeue jobs whose lease ended or whose `dead_owner` is known to be gone; expire and forget what is due."""
        ...

    async def cancel(self, job_id: str, now: float) -> Job | None:
        """Cancel it unless it has ended; the job as it is then."""
        ...

    async def replay(self, job_id: str, now: float, expires_at: float) -> Job | None:
        """Queue an ended one that did not succeed again, as new; the job as it is then."""
        ...

    async def get(self, job_id: str) -> Job | None: ...

    async def position(self, job: Job) -> int:
        """How many wait before it, from 0."""
        ...

    async def find(self, query: Query) -> list[Job]: ...

    async def waiting_models(self) -> list[str]:
        """Models with queued jobs."""
        ...

    async def depths(self) -> list[QueueDepth]: ...

    async def due_callbacks(self, now: float, again_at: float, limit: int) -> list[Job]:
        """Ended jobs whose end is to be told now; nobody else gets them before `again_at`."""
        ...

    async def callback_done(self, job_id: str, state: CallbackState, at: float) -> None:
        """What became of a delivery: delivered, failed for good, or pending for another try `at`."""
        ...

    async def blobs(self) -> set[str]:
        """Names of all contents that jobs refer to."""
        ...
