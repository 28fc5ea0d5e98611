"""What a cluster that has an autoscaler of its own is asked for, and what that says."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from modelway_platform.domain.identity import VersionKey


@dataclass(frozen=True, slots=True)
class CpuTarget:
    """What the cluster's autoscaler is to follow: percent of a replica's CPUs, within bounds."""

    min_replicas: int
    max_replicas: int
    cpu_percent: int


@dataclass(frozen=True, slots=True)
class ClusterWish:
    """How many replicas the cluster's autoscaler asks for, and why; None as long as it has said nothing."""

    wanted: int | None
    why: str


@runtime_checkable
class ScalingCluster(Protocol):
    """An operator whose cluster has an autoscaler."""

    def wish(self, key: VersionKey, target: CpuTarget, running: int) -> ClusterWish:
        """Has it follow `target` from now on, with so many replicas at present; what it has said last. Does not block."""
        ...

    def unfollow(self, key: VersionKey) -> None:
        """Has it let go of a version."""
        ...
