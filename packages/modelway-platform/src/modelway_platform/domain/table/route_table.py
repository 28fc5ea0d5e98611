"""The compiled, numbered snapshot of all routes and endpoints: the only thing the data plane reads."""

from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.access.limits import NO_LIMITS, UsageLimits
from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.routing.addresses.published_url import USUAL_ADDRESSING, Addressing
from modelway_platform.domain.routing.assignment.assignment import NO_ASSIGNMENT, Assignment
from modelway_platform.domain.routing.jobs.async_policy import DEFAULT_ASYNC, AsyncPolicy
from modelway_platform.domain.routing.mirroring.mirrors import NO_MIRRORING, Mirroring
from modelway_platform.domain.routing.payload_policy import NO_PAYLOADS, PayloadPolicy
from modelway_platform.domain.routing.resilience.resilience import Resilience
from modelway_platform.domain.routing.route import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaEntry:
    """Where one replica listens; `secure`: it speaks HTTPS. `grpc_port` is 0 where it speaks no gRPC."""

    id: str
    host: str
    port: int
    secure: bool = False
    grpc_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A version that can be asked for; `weight` 0 means by its pinned URL only. It may have no replica at the moment.

    `scaling` is there where the number of replicas follows the load.
    """

    version: str
    weight: int
    replicas: tuple[ReplicaEntry, ...]
    scaling: ScalingEntry | None = None

    @property
    def takes_requests(self) -> bool:
        """Whether it has a replica, or requests wait until it has one."""
        return bool(self.replicas) or (self.scaling is not None and self.scaling.hold_requests > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """All that the data plane needs to know about one model; all weights may be 0 while nothing is ready.

    Without `resilience` it is the usual one.
    """

    project: str
    model: str
    access: Access
    idempotent: bool
    timeout_seconds: float
    max_body_bytes: int
    versions: tuple[VersionEntry, ...]
    addressing: Addressing = USUAL_ADDRESSING
    websocket: bool = False
    limits: UsageLimits = NO_LIMITS
    assignment: Assignment = NO_ASSIGNMENT
    resilience: Resilience | None = None
    mirroring: Mirroring = NO_MIRRORING
    asynchronous: AsyncPolicy = DEFAULT_ASYNC
    payloads: PayloadPolicy = NO_PAYLOADS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """An API key as the data plane knows it: `sha256` is the hex digest of the whole secret.

    `previous_sha256`: of the secret that a rotation replaced, valid until `previous_until`. The worker itself judges both
    times (Unix, seconds) by its clock. No `scopes` means every model; without a `consumer` the key's name or id is it.
    """

    id: str
    name: str
    role: Literal["admin", "caller"]
    sha256: str
    consumer: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    previous_sha256: str = ""
    previous_until: float | None = None
    limits: UsageLimits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEntry:
    """Who else may vouch for callers, see `token_issuer.TokenIssuer`; `keys` are public JWKs as JSON texts."""

    name: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    leeway_seconds: float
    consumer_claim: str
    scopes: tuple[str, ...]
    scopes_claim: str
    required: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """Snapshot number `number`; numbers only grow, over restarts too."""

    number: int
    models: tuple[ModelEntry, ...]
    keys: tuple[KeyEntry, ...]
    issuers: tuple[IssuerEntry, ...] = ()
