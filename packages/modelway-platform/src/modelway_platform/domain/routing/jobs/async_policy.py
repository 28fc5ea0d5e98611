"""How asynchronous requests to a model are kept and executed."""

from dataclasses import dataclass

MAX_CONCURRENCY = 1000
MAX_ATTEMPTS = 100
LONGEST_SECONDS = 30 * 86_400.0
MAX_RESULT_BYTES = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncPolicy:
    """What a Route says under `async`.

    Args:
        enabled: Whether `Prefer: respond-async` is heeded; a preference that is not is answered synchronously (RFC 7240).
        concurrency: Jobs of the model under execution at once.
        attempts: Executions that may fail before a job becomes a dead letter.
        expiry_seconds: A job not finished this long after its acceptance has expired; callers may ask for less.
        retention_seconds: How long a finished job and its result are kept.
        max_result_bytes: A larger answer is not kept; the job has then failed.
    """

    enabled: bool = True
    concurrency: int = 4
    attempts: int = 5
    expiry_seconds: float = 86_400.0
    retention_seconds: float = 86_400.0
    max_result_bytes: int = 64 * 1024 * 1024


DEFAULT_ASYNC = AsyncPolicy()


def async_problem(policy: AsyncPolicy) -> str:
    """What is wrong with it, in words; empty if nothing is."""
    if not 1 <= policy.concurrency <= MAX_CONCURRENCY:
        return f"async concurrency of {policy.concurrency}"
    if not 1 <= policy.attempts <= MAX_ATTEMPTS:
        return f"{policy.attempts} async attempts"
    if not 0 < policy.expiry_seconds <= LONGEST_SECONDS:
        return f"async expiry of {policy.expiry_seconds} s"
    if not 0 < policy.retention_seconds <= LONGEST_SECONDS:
        return f"async retention of {policy.retention_seconds} s"
    if not 0 <= policy.max_result_bytes <= MAX_RESULT_BYTES:
        return f"async result limit of {policy.max_result_bytes} bytes"
    return ""
