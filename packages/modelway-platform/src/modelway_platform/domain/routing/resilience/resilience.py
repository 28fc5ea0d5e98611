"""What a Route says about replicas that fail, hang or are overloaded, as values."""

from dataclasses import dataclass, field
from typing import Literal

RetryOn = Literal["connect", "reset", "502", "503", "504"]
RETRY_ON = ("connect", "reset", "502", "503", "504")
MAX_ATTEMPTS = 10
MIN_TRY_SECONDS = 0.05
MAX_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When and how often a request is sent again, always to another replica.

    `attempts` counts the first one. A try that has no answer after `per_try_seconds` (0: no such bound) is given up where
    another may follow. `on` says after what, for requests that may be sent twice; `connect` goes for all. Of the requests of
    the last seconds, `budget_percent` of a hundred, and ten a second, may be sent again (`RetryBudget`).
    """

    attempts: int = 4
    per_try_seconds: float = 0.0
    on: tuple[RetryOn, ...] = ("connect", "reset")
    budget_percent: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """When a replica is left out, and how it comes back.

    Args:
        check_seconds: Each gateway worker asks `GET /readyz` that often; 0 for never.
        check_timeout_seconds: How long it waits for the answer.
        unhealthy_after: Checks in a row without a 200, after which a replica is left out.
        healthy_after: Checks in a row with one, after which it is back.
        eject_after: Bad answers and given up tries in a row, after which it is left out for a while; 0 for no such rule.
        eject_percent: Share of server errors among a replica's answers, at twice its siblings' or more; 0 for no such rule.
        max_ejected_percent: Share of a version's replicas that may be left out by their answers. Never the last one.
        slow_start_seconds: A new or returning replica's share of its version's requests grows over that time.
    """

    check_seconds: float = 0.0
    check_timeout_seconds: float = 1.0
    unhealthy_after: int = 2
    healthy_after: int = 1
    eject_after: int = 3
    eject_percent: int = 50
    max_ejected_percent: int = 50
    slow_start_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """`latency_seconds`: what an answer may take on average before requests are shed; 0 for no shedding by the gateway."""

    latency_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """All of it. What is not declared is as in `USUAL`."""

    retries: Retries = field(default_factory=Retries)
    health: HealthPolicy = field(default_factory=HealthPolicy)
    overload: Overload = field(default_factory=Overload)


USUAL = Resilience()
