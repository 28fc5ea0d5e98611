"""What is said to the database about jobs; the same words for SQLite and PostgreSQL, but for who waits for whose lock."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, literal, select, text, update

from modelway_platform.gateway.jobs.job import (
    FINAL,
    CallbackState,
    Counted,
    Due,
    Finished,
    Job,
    Query,
    QueueDepth,
    time_of,
)
from modelway_platform.gateway.jobs.stores.job_table import answer_columns, job_of, jobs, row_of
from modelway_platform.gateway.jobs.stores.port import MAX_LOSSES

_NO_LEASE: Mapping[str, Any] = {"lease": "", "lease_owner": "", "lease_until": 0.0}
_COLUMNS = ", ".join(column.name for column in jobs.columns)
_VALUES = ", ".join(f":{column.name}" for column in jobs.columns)
_INSERT = text(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING")  # noqa: S608 - our own names
# A loose index scan: one look-up per model, however many jobs each has.
_MODELS = text(
    "WITH RECURSIVE found(model) AS (SELECT MIN(model) FROM jobs WHERE state = 'queued' UNION ALL "
    "SELECT (SELECT MIN(model) FROM jobs WHERE state = 'queued' AND model > found.model) FROM found "
    "WHERE found.model IS NOT NULL) SELECT model FROM found WHERE model IS NOT NULL"
)
_FORGET_AT_ONCE = 500


def submit(connection: Connection, job: Job) -> Job:
    """See `JobStore.submit`."""
    if connection.execute(_INSERT, row_of(job)).rowcount == 1:
        return job
    found = connection.execute(
        select(jobs).where(jobs.c.consumer == job.consumer, jobs.c.idempotency_key == job.idempotency_key)
    )
    return job_of(found.mappings().one())


def claim(connection: Connection, capacity: Mapping[str, int], owner: str, until: float, now: float) -> list[Job]:
    """See `JobStore.claim`."""
    postgres = connection.dialect.name == "postgresql"
    taken: list[Job] = []
    for model, most in capacity.items():
        if (
            postgres
            and not connection.execute(
                text("SELECT pg_try_advisory_xact_lock(7233, hashtext(:model))"), {"model": model}
            ).scalar()
        ):
            continue  # another executor takes of this model just now; both counting at once would exceed `most`
        running = connection.execute(
            select(func.count()).where(jobs.c.state == "running", jobs.c.model == model)
        ).scalar_one()
        if running < most:
            due = _due(connection, model, most - running, now)
            taken += _take(connection, due, owner, until, now)
    return taken


def _due(connection: Connection, model: str, most: int, now: float) -> list[Job]:
    due = (
        select(jobs)
        .where(jobs.c.state == "queued", jobs.c.model == model, jobs.c.not_before <= now, jobs.c.expires_at > now)
        .order_by(jobs.c.rank, jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)  # not rendered for SQLite, where one transaction writes at a time
    )
    return [job_of(row) for row in connection.execute(due).mappings()]


def _take(connection: Connection, found: list[Job], owner: str, until: float, now: float) -> list[Job]:
    taken = [
        replace(
            job,
            state="running",
            lease=secrets.token_hex(8),
            lease_owner=owner,
            lease_until=until,
            started_at=job.started_at or now,
        )
        for job in found
    ]
    if taken:
        connection.execute(
            update(jobs)
            .where(jobs.c.id == bindparam("taken"))
            .values(
                state="running",
                lease=bindparam("the_lease"),
                lease_owner=owner,
                lease_until=until,
                started_at=bindparam("the_start"),
            ),
            [{"taken": job.id, "the_lease": job.lease, "the_start": job.started_at} for job in taken],
        )
    return taken


def renew(connection: Connection, leases: Sequence[tuple[str, str]], until: float) -> set[str]:
    """See `JobStore.renew`."""
    held: set[str] = set()
    for job_id, lease in leases:
        done = connection.execute(update(jobs).where(*_held(job_id, lease)).values(lease_until=until))
        if done.rowcount:
            held.add(job_id)
    return held


def finish(connection: Connection, job_id: str, lease: str, finished: Finished, now: float) -> bool:
    """See `JobStore.finish`."""
    values = _end(finished.state, finished.reason, now)
    if finished.answer is not None:
        values |= answer_columns(finished.answer)
    return bool(connection.execute(update(jobs).where(*_held(job_id, lease)).values(**values)).rowcount)


def put_back(connection: Connection, job_id: str, lease: str, not_before: float, counted: Counted) -> bool:
    """See `JobStore.put_back`."""
    values = {
        "state": "queued",
        "not_before": not_before,
        "attempts": jobs.c.attempts + int(counted == "attempt"),
        "losses": jobs.c.losses + int(counted == "loss"),
        **_NO_LEASE,
    }
    return bool(connection.execute(update(jobs).where(*_held(job_id, lease)).values(**values)).rowcount)


def look_at_clock(connection: Connection, now: float, dead_owner: str) -> Due:
    """See `JobStore.look_at_clock`."""
    lost = (jobs.c.lease_until <= now) if not dead_owner else (jobs.c.lease_owner == dead_owner)
    worn_out = update(jobs).where(jobs.c.state == "running", lost, jobs.c.losses >= MAX_LOSSES)
    ended = _ended(connection, worn_out.values(**_end("dead", "executor_lost", now)))
    back = update(jobs).where(jobs.c.state == "running", lost)
    requeued = connection.execute(
        back.values(state="queued", not_before=now, losses=jobs.c.losses + 1, **_NO_LEASE)
    ).rowcount
    late = update(jobs).where(jobs.c.expires_at <= now, jobs.c.state.in_(("queued", "running")))
    ended += _ended(connection, late.values(**_end("expired", "expired", now)))
    return Due(requeued=requeued, ended=tuple(ended), blobs=_forget(connection, now))


def _ended(connection: Connection, statement: Any) -> list[str]:
    return list(connection.execute(statement.returning(jobs.c.id)).scalars())


def _forget(connection: Connection, now: float) -> tuple[str, ...]:
    old = (
        select(jobs.c.id, jobs.c.body_blob, jobs.c.result_blob)
        .where(jobs.c.kept_until > 0, jobs.c.kept_until <= now)
        .limit(_FORGET_AT_ONCE)
    )
    rows = connection.execute(old).all()
    if rows:
        connection.execute(jobs.delete().where(jobs.c.id.in_([row.id for row in rows])))
    return tuple(blob for row in rows for blob in (row.body_blob, row.result_blob) if blob)


def cancel(connection: Connection, job_id: str, now: float) -> Job | None:
    """See `JobStore.cancel`."""
    open_still = jobs.c.state.in_(("queued", "running"))
    connection.execute(
        update(jobs).where(jobs.c.id == job_id, open_still).values(**_end("cancelled", "cancelled", now))
    )
    return get(connection, job_id)


def replay(connection: Connection, job_id: str, now: float, expires_at: float) -> Job | None:
    """See `JobStore.replay`."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(sorted(FINAL - {"succeeded"})))
        .values(
            state="queued",
            attempts=0,
            losses=0,
            not_before=now,
            expires_at=expires_at,
            kept_until=0.0,
            finished_at=None,
            started_at=None,
            status=None,
            answer_headers="[]",
            result=b"",
            result_blob="",
            result_size=0,
            reason="",
            callback_state=_callback_state("waiting"),
            callback_attempts=0,
        )
    )
    return get(connection, job_id)


def get(connection: Connection, job_id: str) -> Job | None:
    """See `JobStore.get`."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
    return None if row is None else job_of(row)


def position(connection: Connection, job: Job) -> int:
    """See `JobStore.position`."""
    before = (jobs.c.rank < job.rank) | ((jobs.c.rank == job.rank) & (jobs.c.id < job.id))
    counted = select(func.count()).where(jobs.c.state == "queued", jobs.c.model == job.model, before)
    return connection.execute(counted).scalar_one()


def find(connection: Connection, query: Query) -> list[Job]:
    """See `JobStore.find`."""
    wanted = select(jobs).order_by(jobs.c.id.desc()).limit(query.limit)
    if query.consumer is not None:
        wanted = wanted.where(jobs.c.consumer == query.consumer)
    if query.model:
        wanted = wanted.where(jobs.c.model == query.model)
    if query.states:
        wanted = wanted.where(jobs.c.state.in_(query.states))
    if query.before:
        wanted = wanted.where(jobs.c.id < query.before)
    return [job_of(row) for row in connection.execute(wanted).mappings()]


def waiting_models(connection: Connection) -> list[str]:
    """See `JobStore.waiting_models`."""
    return list(connection.execute(_MODELS).scalars())


def depths(connection: Connection) -> list[QueueDepth]:
    """See `JobStore.depths`."""
    counted = (
        select(jobs.c.model, jobs.c.state, func.count().label("count"), func.min(jobs.c.id).label("oldest"))
        .where(jobs.c.state.in_(("queued", "running", "dead")))
        .group_by(jobs.c.model, jobs.c.state)
    )
    found: dict[str, QueueDepth] = {}
    for row in connection.execute(counted).mappings():
        known = found.get(row["model"], QueueDepth(model=row["model"]))
        match row["state"]:
            case "queued":
                found[row["model"]] = replace(known, queued=row["count"], oldest_at=time_of(row["oldest"]))
            case "running":
                found[row["model"]] = replace(known, running=row["count"])
            case _:
                found[row["model"]] = replace(known, dead=row["count"])
    return [found[model] for model in sorted(found)]


def due_callbacks(connection: Connection, now: float, again_at: float, limit: int) -> list[Job]:
    """See `JobStore.due_callbacks`."""
    due = (
        select(jobs)
        .where(jobs.c.callback_state == "pending", jobs.c.callback_at <= now)
        .order_by(jobs.c.callback_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [job_of(row) for row in connection.execute(due).mappings()]
    if found:
        ids = [job.id for job in found]
        connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(callback_at=again_at))
    return found


def callback_done(connection: Connection, job_id: str, state: CallbackState, at: float) -> None:
    """See `JobStore.callback_done`."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.callback_state == "pending")
        .values(callback_state=state, callback_at=at, callback_attempts=jobs.c.callback_attempts + 1)
    )


def blobs(connection: Connection) -> set[str]:
    """See `JobStore.blobs`."""
    rows = connection.execute(
        select(jobs.c.body_blob, jobs.c.result_blob).where((jobs.c.body_blob != "") | (jobs.c.result_blob != ""))
    )
    return {blob for row in rows for blob in row if blob}


def _held(job_id: str, lease: str) -> tuple[Any, ...]:
    return (jobs.c.id == job_id, jobs.c.state == "running", jobs.c.lease == lease)


def _end(state: str, reason: str, now: float) -> dict[str, Any]:
    return {
        "state": state,
        "reason": reason,
        "finished_at": now,
        "kept_until": now + jobs.c.retention_seconds,
        "callback_state": _callback_state("pending"),
        "callback_at": now,
        **_NO_LEASE,
    }


def _callback_state(to: str) -> Any:
    """`to` for jobs that have a callback."""
    return case((jobs.c.callback != "", literal(to)), else_="")
