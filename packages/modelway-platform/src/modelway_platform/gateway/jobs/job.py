"""An accepted asynchronous request as a value, from its acceptance to its end."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Final, Literal

JobState = Literal["queued", "running", "succeeded", "failed", "dead", "expired", "cancelled"]
CallbackState = Literal["", "waiting", "pending", "delivered", "failed"]
Counted = Literal["nothing", "attempt", "loss"]
Durability = Literal["synced", "relaxed"]
STATES: Final[tuple[JobState, ...]] = ("queued", "running", "succeeded", "failed", "dead", "expired", "cancelled")
FINAL: Final[frozenset[JobState]] = frozenset({"succeeded", "failed", "dead", "expired", "cancelled"})
MAX_PRIORITY = 9
USUAL_PRIORITY = 4
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The octets of a request or an answer: here, or under `blob` in the content store."""

    data: bytes = b""
    blob: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said: HTTP status, header lines worth keeping, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content: Content = Content()
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. Times are Unix time in seconds; `model` is `project/model`.

    Args:
        id: Grows with time and cannot be guessed.
        model: Whose queue it waits in.
        version: Pinned, or empty for one by weights.
        consumer: Who asked; empty for a caller of an open route who said nothing of himself.
        key_id: The key used, as the access log writes it.
        target: Path and query at the gateway.
        headers: End-to-end headers that are sent along.
        body: The request's body.
        priority: 0 to 9, higher first.
        fingerprint: Tells requests with the same `Idempotency-Key` apart.
        idempotency_key: Unique per consumer; None where there is none.
        attempts: Executions that failed.
        losses: Executions whose executor died.
        lease: Who executes it now; empty if nobody does.
        reason: Stable code of why it is in its final state, where that is no success.
        callback: Where its end is told.
        callback_state: `waiting` for its end, `pending` delivery, …
    """

    id: str
    model: str
    target: str
    version: str = ""
    consumer: str = ""
    key_id: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: Content = Content()
    state: JobState = "queued"
    priority: int = USUAL_PRIORITY
    created_at: float = 0.0
    not_before: float = 0.0
    expires_at: float = 0.0
    kept_until: float = 0.0
    max_attempts: int = 5
    retention_seconds: float = 86_400.0
    request_id: str = ""
    fingerprint: str = ""
    idempotency_key: str | None = None
    attempts: int = 0
    losses: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    lease: str = ""
    lease_owner: str = ""
    lease_until: float = 0.0
    answer: Answer | None = None
    reason: str = ""
    callback: str = ""
    callback_state: CallbackState = ""
    callback_attempts: int = 0
    callback_at: float = 0.0

    @property
    def rank(self) -> int:
        """Order in the queue: smaller first."""
        return MAX_PRIORITY - self.priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a job ended."""

    state: JobState
    answer: Answer | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which jobs to list, newest first; `consumer` None means everybody's. `before` is the id the last page ended with."""

    consumer: str | None
    model: str = ""
    states: tuple[JobState, ...] = ()
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """One model's jobs that are not finished, and its dead letters; `oldest_at` is Unix time of the oldest that waits."""

    model: str
    queued: int = 0
    running: int = 0
    dead: int = 0
    oldest_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a look at the clock changed: jobs brought back from dead executors, and those that ended by it."""

    requeued: int = 0
    ended: tuple[str, ...] = ()
    blobs: tuple[str, ...] = field(default=())


def new_id(now: float | None = None) -> str:
    """`job_` and 26 characters: 52 bits of microseconds, so that ids sort by time, then 78 random ones."""
    microseconds = int((time.time() if now is None else now) * 1e6)
    value = (microseconds & ((1 << 52) - 1)) << 78 | secrets.randbits(78)
    return "job_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def time_of(job_id: str) -> float:
    """When it was made, as its id says; Unix time in seconds."""
    value = 0
    for each in job_id[4:]:
        value = value << 5 | _ALPHABET.index(each)
    return (value >> 78) / 1e6


def is_id(text: str) -> bool:
    """Whether it has the form of a job's id."""
    return len(text) == 30 and text.startswith("job_") and all(each in _ALPHABET for each in text[4:])
