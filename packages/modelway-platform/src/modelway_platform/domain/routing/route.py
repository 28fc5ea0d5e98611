"""The Route document as a value: how one model's traffic is shared and protected."""

from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.access.limits import NO_LIMITS, UsageLimits
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import USUAL_ADDRESSING, Addressing
from modelway_platform.domain.routing.assignment.assignment import NO_ASSIGNMENT, Assignment
from modelway_platform.domain.routing.jobs.async_policy import DEFAULT_ASYNC, AsyncPolicy
from modelway_platform.domain.routing.mirroring.mirrors import NO_MIRRORING, Mirroring
from modelway_platform.domain.routing.payload_policy import NO_PAYLOADS, PayloadPolicy
from modelway_platform.domain.routing.resilience.resilience import USUAL, Resilience

Access = Literal["key", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionWeight:
    """A version's relative share; 0 keeps it reachable by its pinned URL only."""

    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a person declares for (project, model).

    `idempotent` says that a request may safely be sent to a second replica after a failure in mid-flight. Without it only
    requests that provably never reached a replica, or that carry `Idempotency-Key`, are sent again.
    Without a Route document a model has an implicit one: everything to its first ready version, key needed.
    """

    key: ModelKey
    versions: tuple[VersionWeight, ...]
    access: Access = "key"
    idempotent: bool = False
    timeout_seconds: float = 30.0
    max_body_bytes: int = 64 * 1024 * 1024
    addressing: Addressing = USUAL_ADDRESSING
    resilience: Resilience = USUAL
    websocket: bool = False
    limits: UsageLimits = NO_LIMITS
    assignment: Assignment = NO_ASSIGNMENT
    mirroring: Mirroring = NO_MIRRORING
    asynchronous: AsyncPolicy = DEFAULT_ASYNC
    payloads: PayloadPolicy = NO_PAYLOADS
