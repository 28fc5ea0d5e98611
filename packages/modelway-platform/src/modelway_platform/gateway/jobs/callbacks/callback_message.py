"""What a callback says and how its receiver knows that we said it: signed as Standard Webhooks 1.0 has it.

Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from modelway_platform.domain.routing.jobs import job_pass
from modelway_platform.gateway.jobs.callbacks.callback_guard import Target
from modelway_platform.gateway.jobs.job import Job


def signing_secret(secret: str, consumer: str) -> str:
    """A consumer's own secret, `whsec_…`; the same as long as the platform's is."""
    key = hmac.new(job_pass.derived_secret(secret, "callbacks").encode(), consumer.encode(), hashlib.sha256).digest()
    return secret_text(key)


def secret_text(key: bytes) -> str:
    """A key as its receiver is given it."""
    return "whsec_" + base64.b64encode(key).decode()


def event_id(job: Job) -> str:
    """The same at every delivery of one end, so that a receiver can tell a repeated one; another after a replay."""
    return f"evt_{job.id.removeprefix('job_')}_{int((job.finished_at or 0) * 1000):x}"


def message_of(job: Job) -> bytes:
    """The body: which job ended and how; the result is fetched, as it may be large or not for the receiver."""
    data = {"id": job.id, "model": job.model, "state": job.state, "reason": job.reason, "attempts": job.attempts}
    at = datetime.fromtimestamp(job.finished_at or 0, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"type": f"job.{job.state}", "timestamp": at, "data": data}, separators=(",", ":")).encode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, time and body, joined by full stops."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def request_of(target: Target, job: Job, secret: str, now: float) -> bytes:
    """The whole request, ready to write."""
    body = message_of(job)
    message_id = event_id(job)
    lines = (
        f"POST {target.path} HTTP/1.1",
        f"host: {target.authority}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "user-agent: modelway",
        f"webhook-id: {message_id}",
        f"webhook-timestamp: {int(now)}",
        f"webhook-signature: {signature(secret, message_id, int(now), body)}",
        "connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
