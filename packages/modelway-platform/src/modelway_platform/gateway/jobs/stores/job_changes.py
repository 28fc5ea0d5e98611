"""What the acts of `JobStore` make of one job: pure, for stores that write jobs whole; None where nothing changes."""

from collections.abc import Callable
from dataclasses import replace

from modelway_platform.gateway.jobs.job import FINAL, CallbackState, Counted, Finished, Job, JobState
from modelway_platform.gateway.jobs.stores.port import MAX_LOSSES

Change = Callable[[Job], Job | None]


def taken(lease: str, owner: str, until: float, now: float) -> Change:
    """Under execution."""

    def change(job: Job) -> Job | None:
        if job.state != "queued" or job.not_before > now or job.expires_at <= now:
            return None
        return replace(
            job, state="running", lease=lease, lease_owner=owner, lease_until=until, started_at=job.started_at or now
        )

    return change


def renewed(lease: str, until: float) -> Change:
    """Longer under execution."""
    return lambda job: replace(job, lease_until=until) if _held(job, lease) else None


def finished(lease: str, how: Finished, now: float) -> Change:
    """Ended with a result."""

    def change(job: Job) -> Job | None:
        return replace(ended(job, how.state, how.reason, now), answer=how.answer) if _held(job, lease) else None

    return change


def put_back(lease: str, not_before: float, counted: Counted) -> Change:
    """In its queue again."""

    def change(job: Job) -> Job | None:
        if not _held(job, lease):
            return None
        return replace(
            _unleased(job),
            state="queued",
            not_before=not_before,
            attempts=job.attempts + (counted == "attempt"),
            losses=job.losses + (counted == "loss"),
        )

    return change


def by_clock(now: float, dead_owner: str) -> Change:
    """Expired, or back from an executor that died."""

    def change(job: Job) -> Job | None:
        if job.state not in {"queued", "running"}:
            return None
        lost = job.lease_owner == dead_owner if dead_owner else job.lease_until <= now
        if job.state == "running" and lost:
            if job.losses >= MAX_LOSSES:
                return ended(job, "dead", "executor_lost", now)
            if job.expires_at > now:
                return replace(_unleased(job), state="queued", not_before=now, losses=job.losses + 1)
        return ended(job, "expired", "expired", now) if job.expires_at <= now else None

    return change


def cancelled(now: float) -> Change:
    """Ended as its caller wished."""
    return lambda job: None if job.state in FINAL else ended(job, "cancelled", "cancelled", now)


def replayed(now: float, expires_at: float) -> Change:
    """As new."""

    def change(job: Job) -> Job | None:
        if job.state not in FINAL or job.state == "succeeded":
            return None
        return replace(
            job,
            state="queued",
            attempts=0,
            losses=0,
            not_before=now,
            expires_at=expires_at,
            kept_until=0.0,
            started_at=None,
            finished_at=None,
            answer=None,
            reason="",
            callback_state="waiting" if job.callback else "",
            callback_attempts=0,
        )

    return change


def telling_later(now: float, again_at: float) -> Change:
    """In delivery until `again_at`."""

    def change(job: Job) -> Job | None:
        due = job.callback_state == "pending" and job.callback_at <= now
        return replace(job, callback_at=again_at) if due else None

    return change


def told(state: CallbackState, at: float) -> Change:
    """After a delivery."""

    def change(job: Job) -> Job | None:
        if job.callback_state != "pending":
            return None
        return replace(job, callback_state=state, callback_at=at, callback_attempts=job.callback_attempts + 1)

    return change


def ended(job: Job, state: JobState, reason: str, now: float) -> Job:
    """In a final state."""
    return replace(
        _unleased(job),
        state=state,
        reason=reason,
        finished_at=now,
        kept_until=now + job.retention_seconds,
        callback_state="pending" if job.callback else "",
        callback_at=now,
    )


def _held(job: Job, lease: str) -> bool:
    return job.state == "running" and job.lease == lease


def _unleased(job: Job) -> Job:
    return replace(job, lease="", lease_owner="", lease_until=0.0)
