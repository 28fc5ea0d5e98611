"""The table of jobs, and rows as values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from modelway_platform.gateway.jobs.job import Answer, Content, Job

# A change of the table takes a new number and a step in `store_sql`.
SHAPE = 1

metadata = MetaData()
shape = Table("jobs_shape", metadata, Column("number", Integer, primary_key=True))
jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("consumer", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("target", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_blob", String, nullable=False),
    Column("body_size", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("kept_until", Double, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("retention_seconds", Double, nullable=False),
    Column("request_id", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("idempotency_key", String, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("started_at", Double, nullable=True),
    Column("finished_at", Double, nullable=True),
    Column("lease", String, nullable=False),
    Column("lease_owner", String, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("status", Integer, nullable=True),
    Column("answer_headers", Text, nullable=False),
    Column("answer_version", String, nullable=False),
    Column("result", LargeBinary, nullable=False),
    Column("result_blob", String, nullable=False),
    Column("result_size", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("callback", Text, nullable=False),
    Column("callback_state", String, nullable=False),
    Column("callback_attempts", Integer, nullable=False),
    Column("callback_at", Double, nullable=False),
    UniqueConstraint("consumer", "idempotency_key", name="jobs_once"),
)
Index("jobs_in_line", jobs.c.state, jobs.c.model, jobs.c.rank, jobs.c.id)
Index("jobs_of_consumer", jobs.c.consumer, jobs.c.id)
Index("jobs_expiring", jobs.c.expires_at, sqlite_where=jobs.c.state.in_(("queued", "running")))
Index("jobs_kept", jobs.c.kept_until, sqlite_where=jobs.c.kept_until > 0, postgresql_where=jobs.c.kept_until > 0)
Index("jobs_telling", jobs.c.callback_state, jobs.c.callback_at)


def row_of(job: Job) -> dict[str, Any]:
    """A job as a row."""
    answer = job.answer or Answer(status=0)
    return {
        "id": job.id,
        "model": job.model,
        "version": job.version,
        "consumer": job.consumer,
        "key_id": job.key_id,
        "target": job.target,
        "headers": json.dumps(job.headers),
        "body": job.body.data,
        "body_blob": job.body.blob,
        "body_size": job.body.size,
        "state": job.state,
        "rank": job.rank,
        "created_at": job.created_at,
        "not_before": job.not_before,
        "expires_at": job.expires_at,
        "kept_until": job.kept_until,
        "max_attempts": job.max_attempts,
        "retention_seconds": job.retention_seconds,
        "request_id": job.request_id,
        "fingerprint": job.fingerprint,
        "idempotency_key": job.idempotency_key,
        "attempts": job.attempts,
        "losses": job.losses,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "lease": job.lease,
        "lease_owner": job.lease_owner,
        "lease_until": job.lease_until,
        "callback": job.callback,
        "callback_state": job.callback_state,
        "callback_attempts": job.callback_attempts,
        "callback_at": job.callback_at,
        "reason": job.reason,
    } | answer_columns(answer)


def answer_columns(answer: Answer) -> dict[str, Any]:
    """The columns that hold a job's result."""
    return {
        "status": answer.status or None,
        "answer_headers": json.dumps(answer.headers),
        "answer_version": answer.version,
        "result": answer.content.data,
        "result_blob": answer.content.blob,
        "result_size": answer.content.size,
    }


def job_of(row: Mapping[Any, Any]) -> Job:
    """The reverse."""
    answer = None
    if row["status"] is not None:
        answer = Answer(
            status=row["status"],
            headers=_pairs(row["answer_headers"]),
            content=Content(data=bytes(row["result"]), blob=row["result_blob"], size=row["result_size"]),
            version=row["answer_version"],
        )
    return Job(
        id=row["id"],
        model=row["model"],
        version=row["version"],
        consumer=row["consumer"],
        key_id=row["key_id"],
        target=row["target"],
        headers=_pairs(row["headers"]),
        body=Content(data=bytes(row["body"]), blob=row["body_blob"], size=row["body_size"]),
        state=row["state"],
        priority=9 - row["rank"],
        created_at=row["created_at"],
        not_before=row["not_before"],
        expires_at=row["expires_at"],
        kept_until=row["kept_until"],
        max_attempts=row["max_attempts"],
        retention_seconds=row["retention_seconds"],
        request_id=row["request_id"],
        fingerprint=row["fingerprint"],
        idempotency_key=row["idempotency_key"],
        attempts=row["attempts"],
        losses=row["losses"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        lease=row["lease"],
        lease_owner=row["lease_owner"],
        lease_until=row["lease_until"],
        answer=answer,
        reason=row["reason"],
        callback=row["callback"],
        callback_state=row["callback_state"],
        callback_attempts=row["callback_attempts"],
        callback_at=row["callback_at"],
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    found: Sequence[Sequence[str]] = json.loads(text)
    return tuple((name, value) for name, value in found)
