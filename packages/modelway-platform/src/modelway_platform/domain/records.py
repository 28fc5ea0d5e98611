"""What the store keeps about documents, replicas and keys, as values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from modelway_platform.domain.access.limits import NO_LIMITS, UsageLimits
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An accepted change of one document: numbered from 1 per document, kept for ever.

    `name` is `project/model/version` for a Deployment, `project/model` for a Route, `project/stage` for a Stage, its own name for another. `document` is the normalised document
    as JSON values; empty for the revision that deleted it. `cause` says how it came about ("apply", "undo to revision 3",
    "delete"). `created_at` is Unix time in seconds.
    """

    kind: Literal["Deployment", "Route", "Cluster", "Stage", "Rollout"]
    name: str
    number: int
    document: dict[str, Any]
    author: str
    cause: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """A deployment as declared now, with what is observed of it."""

    deployment: Deployment
    revision: int
    status: DeploymentStatus
    created_at: float
    updated_at: float
    deleting: bool = False

    @property
    def key(self) -> VersionKey:
        return self.deployment.key


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRecord:
    """A route as declared now."""

    route: Route
    revision: int
    created_at: float
    updated_at: float

    @property
    def key(self) -> ModelKey:
        return self.route.key


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """A cluster as declared now."""

    cluster: Cluster
    revision: int
    created_at: float
    updated_at: float

    @property
    def key(self) -> str:
        return self.cluster.key


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """A stage as declared now."""

    stage: Stage
    revision: int
    created_at: float
    updated_at: float

    @property
    def key(self) -> StageKey:
        return self.stage.key


Record = DeploymentRecord | RouteRecord | ClusterRecord | StageRecord | RolloutRecord
"""A document of any kind as declared now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that is declared at one moment; decisions about a change are taken on it.

    `entries` is what has passed the gates of a stage: deployment, package, stage.
    """

    deployments: tuple[DeploymentRecord, ...]
    routes: tuple[RouteRecord, ...]
    clusters: tuple[ClusterRecord, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    entries: frozenset[tuple[str, str, str]] = frozenset()
    rollouts: tuple[RolloutRecord, ...] = ()


class ReplicaState(StrEnum):
    """What the operator observes of one replica."""

    STARTING = "Starting"
    READY = "Ready"
    DRAINING = "Draining"
    CRASHED = "Crashed"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRecord:
    """One replica as its operator last saw it; enough to find and adopt it after a restart of control.

    `placement` is the operator's own handle (for the process operator: pid and the kernel's start time of it).
    """

    id: str
    key: VersionKey
    revision: int
    package: str
    state: ReplicaState
    placement: dict[str, Any]
    restarts: int
    started_at: float
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a document, for `describe`; equal ones in a row are counted, not repeated."""

    kind: Literal["Deployment", "Route", "Cluster", "Stage", "Rollout"]
    name: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """A key as kept: never the secret, only its SHA-256 and the first characters for recognition.

    `previous_sha256` is that of the secret before the last rotation, valid until `previous_until`. No `scopes` means every
    model. Times are Unix time in seconds.
    """

    id: str
    name: str
    role: Literal["admin", "caller", "gateway"]
    prefix: str
    sha256: str
    created_at: float
    revoked_at: float | None = None
    consumer: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    rotated_at: float | None = None
    previous_sha256: str = ""
    previous_until: float | None = None
    limits: UsageLimits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecord:
    """A stored package: `digest` is `sha256:<hex>` of the archive, `endpoints` those of its signature."""

    digest: str
    name: str
    version: str
    size: int
    endpoints: tuple[str, ...]
    added_at: float
