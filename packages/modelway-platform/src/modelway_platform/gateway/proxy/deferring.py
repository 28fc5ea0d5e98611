"""Asynchronous requests: admitted like any other, then handed to the jobs process in a replica's stead.

`Prefer: respond-async` (RFC 7240, section 4.1) on a POST asks for it; `/_/jobs` is where callers look after what they asked for.
"""

import re
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.domain.routing.jobs import job_headers, job_pass
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry
from modelway_platform.gateway.proxy import admission
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.heads.request_head import forwarded_lines, log_fields, with_lines
from modelway_platform.gateway.proxy.limits.limiting import Allowance
from modelway_platform.gateway.proxy.live_routes import LiveModel
from modelway_platform.gateway.proxy.metrics import VersionMetrics
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica, LiveVersion

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

JOBS = job_headers.JOBS_PATH.encode()
_ASYNC = re.compile(rb"(?:^|,)\s*respond-async\s*(?:$|[,;=])", re.IGNORECASE)
_CALLER_HEADERS = tuple(name.encode() for name in (job_headers.CALLBACK, job_headers.EXPIRES))
# Callers may wait for a job's end (`?wait=`) for up to a minute.
_JOBS_SECONDS = 75.0
_JOBS_BODY_BYTES = 64 * 1024
JOBS_AWAY = Refusal(
    status=503,
    code="jobs_unavailable",
    message="asynchronous requests cannot be kept or looked up at the moment",
    hint="send it again, with the same Idempotency-Key if it has one; requests without Prefer: respond-async are not affected",
    headers=b"retry-after: 1\r\n",
)


class JobsDoor:
    """The jobs process as a worker knows it: its address on this machine, and the secret both share."""

    __slots__ = ("model", "replica", "secret")

    def __init__(self, port: int, secret: str) -> None:
        # Of no version that anything could be routed to: nobody else may answer, however unwell it is.
        alone = LiveVersion("", VersionMetrics("_", "jobs", ""), b'"project":"_","model":"jobs","version":""')
        self.replica = LiveReplica(ReplicaEntry(id="jobs", host="127.0.0.1", port=port), alone)
        self.secret = job_pass.derived_secret(secret, "gateway to jobs").encode()
        entry = ModelEntry(
            project="_",
            model="jobs",
            access="key",
            idempotent=False,
            timeout_seconds=_JOBS_SECONDS,
            max_body_bytes=_JOBS_BODY_BYTES,
            versions=(),
        )
        self.model = LiveModel(entry, {}, None)


def is_about_jobs(request: Request) -> bool:
    """Whether it looks after jobs rather than calling a model."""
    path = request.path
    return path.startswith(JOBS) and path[len(JOBS) : len(JOBS) + 1] in {b"", b"/"}


def admit_to_jobs(exchange: "Exchange") -> Refusal | None:
    """Whoever comes with a secret comes with a good one; without one only a job's own, unguessable address is open."""
    request = exchange.request
    decided = exchange.admission
    decided.endpoint = b"jobs"
    decided.logged = log_fields(request, b"jobs")
    refusal = admission.require_table(decided, request, exchange.worker.routes)
    if refusal is not None:
        return refusal
    secret = admission.secret_of(request)
    identity = exchange.worker.routes.credentials.identify(secret) if secret is not None else None
    if (identity is None or identity.from_job) and (secret is not None or request.path == JOBS):
        return admission.UNAUTHENTICATED
    door = exchange.worker.jobs
    if door is None:
        return JOBS_AWAY
    decided.model = door.model
    refusal = admission.limit_body(decided, request, exchange.worker.routes)
    if refusal is not None:
        return refusal
    if identity is not None:
        decided.identity = identity
        decided.key_id = identity.key_id
        decided.logged += b',"consumer":"%b"' % identity.consumer
    _hand_on(exchange, door, request.target[1:], b"")
    return None


def consider(exchange: "Exchange") -> Refusal | None:
    """Defer a request that prefers to be, unless its Route does not have that; a preference may be left unheeded."""
    request = exchange.request
    decided = exchange.admission
    model = decided.model
    if model is None or request.method != b"POST" or not model.entry.asynchronous.enabled:
        return None
    if not any(name == b"prefer" and _ASYNC.search(value) for name, value in request.headers):
        return None
    if decided.identity is not None and decided.identity.from_job:
        return None
    door = exchange.worker.jobs
    if door is None:
        return JOBS_AWAY
    if decided.allowance is not None and decided.allowance.gate is not None:
        # Keeping a request is no work of the model's: it takes its place there when it is executed.
        decided.allowance = Allowance(decided.allowance.buckets, None) if decided.allowance.buckets else None
    lines = (
        (job_headers.MODEL, model.name.encode()),
        (job_headers.VERSION, decided.pinned),
        (job_headers.TARGET, request.target),
    )
    _hand_on(exchange, door, job_headers.SUBMIT_PATH.encode(), b"".join(_line(name, value) for name, value in lines))
    return None


def _hand_on(exchange: "Exchange", door: JobsDoor, path_tail: bytes, lines: bytes) -> None:
    request = exchange.request
    decided = exchange.admission
    identity = decided.identity
    consumer = identity.consumer if identity is not None else b""
    ours = [lines, _line(job_headers.SECRET, door.secret), _line(job_headers.KEY_ID, decided.key_id)]
    if identity is not None and identity.admin:
        ours.append(_line(job_headers.ADMIN, b"true"))
    ours += [b"%b: %b\r\n" % (name, request.fields[name].strip()) for name in _CALLER_HEADERS if name in request.fields]
    decided.forwarded = with_lines(forwarded_lines(request, path_tail, consumer), b"".join(ours))
    decided.idempotent = False
    decided.deferred = True


def _line(name: str, value: bytes) -> bytes:
    return b"%b: %b\r\n" % (name.encode(), value)
