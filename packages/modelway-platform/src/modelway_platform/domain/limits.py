"""How often and how many at once: what a Route or a key allows, as values."""

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
class Limits:
    """All that a Route, or a key, limits. Without a member it limits nothing."""

    rates: tuple[RateLimit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    concurrency: Concurrency | None = None


NO_LIMITS = Limits()
