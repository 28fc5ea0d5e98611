"""The Deployment document as a value, and what is observed of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from modelway_platform.domain.deployments.autoscale import Autoscale
from modelway_platform.domain.deployments.cluster import LOCAL
from modelway_platform.domain.deployments.model_processes import IN_THE_WORKER, ModelProcesses
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.deployments.resources import NO_LIMITS, Resources
from modelway_platform.domain.deployments.volumes import Volume
from modelway_platform.domain.identity import VersionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a person declares: this package, as this version, so many times, on that cluster.

    `package` is `sha256:<64 hex>` once accepted; a path in a document is replaced by its digest when applied. `origin` is the
    store's address it is fetched from if nobody uploads it; empty where somebody has to.
    With `placements` it runs on several clusters; `cluster` is then the first of them, `replicas` the sum.
    With `autoscale` the load decides how many there are; `replicas` is then how many a new revision begins with.
    """

    key: VersionKey
    package: str
    origin: str = ""
    cluster: str = LOCAL
    replicas: int = 1
    workers: int = 1
    stage: str = "production"
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drain_seconds: float = 10.0
    resources: Resources = NO_LIMITS
    processes: ModelProcesses = IN_THE_WORKER
    autoscale: Autoscale | None = None
    placements: tuple[Placement, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of all clusters it runs on."""
        return tuple(each.name for each in self.placements) or (self.cluster,)


class Phase(StrEnum):
    """Where a deployment is on its way; the word shown in tables."""

    PENDING = "Pending"
    FETCHING = "Fetching"
    BUILDING = "Building"
    PLACING = "Placing"
    READY = "Ready"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    DELETING = "Deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One fact about a deployment with its reason, in words a person can act on.

    Types in use: `PackageVerified`, `EnvironmentBuilt`, `ReplicasReady`, `Autoscaled`, `AllClusters`. `status` is true, false, or None for unknown.
    `since` is in seconds of Unix time.
    """

    type: str
    status: bool | None
    reason: str
    message: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """What is there of a deployment on one of its clusters.

    `opened`: the newest revision may be there. `passed_at` is when it was ready with that for the first time (Unix time, 0 before).
    """

    name: str
    step: int
    phase: Phase = Phase.PENDING
    wanted_replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    message: str = ""
    opened: bool = False
    passed_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """What is really there: written by the reconciler, read by people.

    `wanted_replicas` is how many the load asks for at present; None where the document says how many. `clusters`: where it runs on
    several.
    """

    phase: Phase = Phase.PENDING
    observed_revision: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    conditions: tuple[Condition, ...] = ()
    wanted_replicas: int | None = None
    clusters: tuple[ClusterStatus, ...] = ()
