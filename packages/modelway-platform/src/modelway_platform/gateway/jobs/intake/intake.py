"""A request as the gateway hands it over becomes a job, or is refused."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from modelway.errors import InvalidRequestError, ModelwayError
from modelway.http1 import Request
from modelway_platform.domain.parsing.durations import seconds_in
from modelway_platform.domain.routing.jobs import job_headers
from modelway_platform.domain.routing.jobs.async_policy import AsyncPolicy
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules, address_problem
from modelway_platform.gateway.jobs.job import MAX_PRIORITY, USUAL_PRIORITY, Job, new_id

MAX_KEY_BYTES = 255
# Between caller and gateway, or of this one exchange; everything else is sent along when the job is executed.
_NOT_KEPT = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "prefer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who speaks to us through the gateway, as it says."""

    consumer: str
    key_id: str
    admin: bool

    @property
    def is_known(self) -> bool:
        return bool(self.consumer)


def caller_of(request: Request) -> Caller:
    """Whom the gateway's own headers name."""
    fields = texts_of(request)
    return Caller(
        consumer=fields.get(job_headers.CONSUMER, ""),
        key_id=fields.get(job_headers.KEY_ID, ""),
        admin=job_headers.ADMIN in fields,
    )


def texts_of(request: Request) -> Mapping[str, str]:
    """Headers as text, the last of each name."""
    return {name.decode("latin-1"): value.strip().decode("latin-1") for name, value in request.fields.items()}


def job_from(request: Request, digest: bytes, policy: AsyncPolicy, rules: CallbackRules) -> Job:
    """The job that a request asks for, its body left out.

    Args:
        request: As the gateway hands it over.
        digest: SHA-256 of the body.
        policy: Of its model's Route.
        rules: Which callbacks are allowed.

    Raises:
        ModelwayError: What its headers ask for cannot be done.
    """
    fields = texts_of(request)
    caller = caller_of(request)
    now = time.time()
    key = fields.get("idempotency-key")
    if key is not None:
        _check_key(key, caller)
    target = fields[job_headers.TARGET]
    content_type = fields.get("content-type", "")
    callback = fields.get(job_headers.CALLBACK, "")
    if callback and (problem := address_problem(callback, rules)):
        raise ModelwayError(
            f"{job_headers.CALLBACK}: {problem}", hint="give a public https:// URL", code="callback_refused"
        )
    return Job(
        id=new_id(now),
        model=fields[job_headers.MODEL],
        version=fields.get(job_headers.VERSION, ""),
        consumer=caller.consumer,
        key_id=caller.key_id,
        target=target,
        headers=_kept_headers(request),
        priority=_priority(fields),
        created_at=now,
        not_before=now,
        expires_at=now + _expiry(fields, policy),
        max_attempts=policy.attempts,
        retention_seconds=policy.retention_seconds,
        request_id=fields.get("x-request-id", ""),
        fingerprint=_fingerprint(target, content_type, digest),
        idempotency_key=key,
        callback=callback,
        callback_state="waiting" if callback else "",
    )


def _kept_headers(request: Request) -> tuple[tuple[str, str], ...]:
    named = ((name.decode("latin-1"), value.strip().decode("latin-1")) for name, value in request.headers)
    return tuple((name, value) for name, value in named if name not in _NOT_KEPT and not name.startswith("modelway-"))


def _check_key(key: str, caller: Caller) -> None:
    if not caller.is_known:
        raise InvalidRequestError(
            "Idempotency-Key: nobody knows whose it is on an open route", hint="send an API key, or leave it out"
        )
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise InvalidRequestError(f"Idempotency-Key: 1 to {MAX_KEY_BYTES} characters, got {len(key)}")


def _priority(fields: Mapping[str, str]) -> int:
    text = fields.get(job_headers.PRIORITY)
    if text is None:
        return USUAL_PRIORITY
    if not text.isascii() or not text.isdigit() or int(text[:4]) > MAX_PRIORITY:
        raise InvalidRequestError(f"{job_headers.PRIORITY}: a number from 0 to {MAX_PRIORITY}, higher first")
    return int(text)


def _expiry(fields: Mapping[str, str], policy: AsyncPolicy) -> float:
    text = fields.get(job_headers.EXPIRES)
    if text is None:
        return policy.expiry_seconds
    seconds = seconds_in(text)
    if seconds is None or not 0 < seconds <= policy.expiry_seconds:
        raise InvalidRequestError(
            f"{job_headers.EXPIRES}: a length of time up to {policy.expiry_seconds:g} s, as the Route allows",
            hint="for example 90s, 15m or 12h",
        )
    return seconds


def _fingerprint(target: str, content_type: str, digest: bytes) -> str:
    whole = hashlib.sha256(digest)
    for part in (target, content_type):
        whole.update(len(part).to_bytes(4, "big") + part.encode("latin-1"))
    return whole.hexdigest()
