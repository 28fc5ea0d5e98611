"""What is asked of a new key, checked: name, role, consumer, scopes, expiry, limits; every problem in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.access.consumers import CONSUMER_RULE, is_consumer
from modelway_platform.domain.access.limit_text import QUOTA_RULE, RATE_RULE, read_quota, read_rate
from modelway_platform.domain.access.limits import MAX_LIMITS, NO_LIMITS, UsageLimits
from modelway_platform.domain.access.scopes import MAX_SCOPES, SCOPE_RULE, is_scope
from modelway_platform.domain.parsing.durations import DURATION_RULE, seconds_in

Role = Literal["admin", "caller", "gateway"]
LONGEST_LIFE = 3650 * 86_400.0
LONGEST_GRACE = 90 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key to be made. No `scopes` means every model; `lifetime` in seconds, None for one without an end."""

    name: str
    role: Role = "caller"
    consumer: str = ""
    scopes: tuple[str, ...] = ()
    lifetime: float | None = None
    limits: UsageLimits = NO_LIMITS


def key_spec(
    *,
    name: str,
    role: Role,
    consumer: str = "",
    scopes: Sequence[str] = (),
    expires: str = "",
    limits: Sequence[str] = (),
    quotas: Sequence[str] = (),
) -> KeySpec | list[str]:
    """The key that is meant, or everything that speaks against it."""
    problems = list(_problems(name, role, consumer, scopes, expires))
    rates = [read_rate(each) for each in limits]
    read_quotas = [read_quota(each) for each in quotas]
    problems += [f"limit {text!r}: expected {RATE_RULE}" for text, rate in zip(limits, rates, strict=True) if not rate]
    problems += [
        f"quota {text!r}: expected {QUOTA_RULE}" for text, quota in zip(quotas, read_quotas, strict=True) if not quota
    ]
    if len(limits) + len(quotas) > MAX_LIMITS:
        problems.append(f"limits and quotas: at most {MAX_LIMITS}")
    if problems:
        return problems
    return KeySpec(
        name=name,
        role=role,
        consumer=consumer,
        scopes=tuple(dict.fromkeys(scopes)),
        lifetime=seconds_in(expires) if expires else None,
        limits=UsageLimits(rates=tuple(filter(None, rates)), quotas=tuple(filter(None, read_quotas))),
    )


def grace_seconds(text: str) -> float | None:
    """How long a replaced secret stays valid: `0` (or `0s`) ends it at once; None for what is no such length."""
    if text in {"0", "0s"}:
        return 0.0
    seconds = seconds_in(text)
    return seconds if seconds is not None and seconds <= LONGEST_GRACE else None


def _problems(name: str, role: Role, consumer: str, scopes: Sequence[str], expires: str) -> Iterator[str]:
    if not 0 < len(name) <= 100 or not name.isprintable() or name != name.strip():
        yield "name: expected 1 to 100 printable characters"
    if consumer and not is_consumer(consumer):
        yield f"consumer {consumer!r}: {CONSUMER_RULE}"
    if len(scopes) > MAX_SCOPES:
        yield f"scopes: at most {MAX_SCOPES}"
    for scope in scopes:
        if not is_scope(scope):
            yield f"scope {scope!r}: expected {SCOPE_RULE}"
    if scopes and role == "admin":
        yield "scopes: an admin key opens everything; leave them out or make a caller key"
    if expires:
        seconds = seconds_in(expires)
        if seconds is None or seconds > LONGEST_LIFE:
            yield f"expires {expires!r}: expected {DURATION_RULE}, at most 3650d"
