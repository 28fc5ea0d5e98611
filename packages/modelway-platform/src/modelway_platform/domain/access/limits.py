"""How often and how many at once: what a Route or a key allows, as values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Per = Literal["consumer", "route", "model", "key"]
ROUTE_PER = ("consumer", "route", "model")
MAX_REQUESTS = 1_000_000_000
MAX_LIMITS = 8
MIN_WINDOW = 0.1
MAX_WINDOW = 366 * 86_400.0
MIN_QUOTA_WINDOW = 60.0
MAX_AT_ONCE = 1_000_000
MAX_WAIT = 600.0
MAX_HEADER_BYTES = 32 * 1024  # what the engine takes at all


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket: `burst` requests at once, then `requests` per `window` seconds.

    `per` says whose requests share a bucket: each consumer's on this route, all of this route, all to the model by whichever
    route they came, or (on keys) all that came with the key.
    """

    per: Per
    requests: int
    window: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A number of requests per window; windows of `window` seconds begin at multiples of it since 1970, so `1d` at 0:00 UTC."""

    per: Per
    requests: int
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """How many requests of a route are with replicas at once; beyond that, up to `queue` wait for up to `wait_seconds`.

    `per_consumer` bounds how many of them one consumer may have, 0 for no such bound. All are numbers of the whole gateway,
    of which each worker takes its share.
    """

    max: int
    per_consumer: int = 0
    queue: int = 0
    wait_seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLimits:
    """All that a Route, or a key, limits. Without a member it limits nothing; 0 `max_header_bytes` leaves it to the engine."""

    rates: tuple[RateLimit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    concurrency: Concurrency | None = None
    max_header_bytes: int = 0


NO_LIMITS = UsageLimits()


def limit_problems(limits: UsageLimits) -> Iterator[str]:
    """Everything wrong with limits of a table, in words."""
    if len(limits.rates) + len(limits.quotas) > MAX_LIMITS:
        yield f"more than {MAX_LIMITS} limits"
    for rate in limits.rates:
        if not MIN_WINDOW <= rate.window <= MAX_WINDOW:
            yield f"a limit's window of {rate.window} s"
        if not 1 <= rate.requests <= MAX_REQUESTS or not 1 <= rate.burst <= MAX_REQUESTS:
            yield f"a limit of {rate.requests} requests, {rate.burst} at once"
    for quota in limits.quotas:
        if not MIN_QUOTA_WINDOW <= quota.window <= MAX_WINDOW or not 1 <= quota.requests <= MAX_REQUESTS:
            yield f"a quota of {quota.requests} requests in {quota.window} s"
    if not 0 <= limits.max_header_bytes <= MAX_HEADER_BYTES:
        yield f"a limit of {limits.max_header_bytes} bytes of header"
    at_once = limits.concurrency
    if at_once is not None and not (
        1 <= at_once.max <= MAX_AT_ONCE
        and 0 <= at_once.per_consumer <= MAX_AT_ONCE
        and 0 <= at_once.queue <= MAX_AT_ONCE
        and 0 < at_once.wait_seconds <= MAX_WAIT
    ):
        yield f"{at_once.max} requests at once, {at_once.queue} waiting for {at_once.wait_seconds} s"
