"""Jobs and queues as callers see them."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from modelway_platform.gateway.jobs.job import FINAL, Durability, Job, QueueDepth

# A result that is at most this long is shown with its job; it can always be fetched by itself.
SHOWN_BYTES = 16 * 1024


def job_json(job: Job, durability: Durability, position: int | None = None) -> dict[str, Any]:
    """One job. `position`: how many wait before it, where it is in a queue."""
    found: dict[str, Any] = {
        "id": job.id,
        "state": job.state,
        "model": job.model,
        "target": job.target,
        "priority": job.priority,
        "attempts": job.attempts,
        "createdAt": _time(job.created_at),
        "expiresAt": _time(job.expires_at),
        "durability": durability,
        "url": f"/_/jobs/{job.id}",
    }
    optional = {
        "version": job.version,
        "consumer": job.consumer,
        "requestId": job.request_id,
        "startedAt": _time(job.started_at),
        "finishedAt": _time(job.finished_at),
        "keptUntil": _time(job.kept_until) if job.state in FINAL else None,
        "reason": job.reason,
    }
    found |= {name: value for name, value in optional.items() if value}
    if position is not None:
        found["position"] = position
    if job.callback:
        found["callback"] = {"url": job.callback, "state": job.callback_state, "attempts": job.callback_attempts}
    if job.answer is not None:
        found["result"] = _result(job)
    return found


def queue_json(depth: QueueDepth, now: float) -> dict[str, Any]:
    """One model's queue; ages in seconds."""
    oldest = round(max(0.0, now - depth.oldest_at), 3) if depth.oldest_at is not None else None
    return {
        "model": depth.model,
        "queued": depth.queued,
        "running": depth.running,
        "dead": depth.dead,
        "oldestQueuedSeconds": oldest,
    }


def page_json(jobs: Sequence[Job], durability: Durability, limit: int) -> dict[str, Any]:
    """A page of jobs; `next` is what to give as `before` for the one after it, where there may be one."""
    found: dict[str, Any] = {"items": [_listed(job_json(job, durability)) for job in jobs]}
    if len(jobs) == limit:
        found["next"] = jobs[-1].id
    return found


def encoded(value: Mapping[str, Any]) -> bytes:
    """As the body of an answer."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _listed(job: dict[str, Any]) -> dict[str, Any]:
    if "result" in job:
        job["result"] = {name: value for name, value in job["result"].items() if name not in {"json", "base64"}}
    return job


def _result(job: Job) -> dict[str, Any]:
    assert job.answer is not None
    answer = job.answer
    kind = next((value for name, value in answer.headers if name == "content-type"), "")
    found: dict[str, Any] = {
        "status": answer.status,
        "contentType": kind,
        "bytes": answer.content.size,
        "url": f"/_/jobs/{job.id}/result",
    }
    if answer.version:
        found["version"] = answer.version
    if not answer.content.blob and answer.content.size <= SHOWN_BYTES:
        found |= _shown(answer.content.data, kind)
    return found


def _shown(data: bytes, kind: str) -> dict[str, Any]:
    if kind.partition(";")[0].strip() == "application/json":
        try:
            return {"json": json.loads(data)}
        except (ValueError, RecursionError):
            pass
    return {"base64": base64.b64encode(data).decode()}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
