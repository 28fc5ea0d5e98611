"""What the reconciler asks of a cluster; the only view it has of one."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from modelway_platform.domain.deployments.cluster import LOCAL
from modelway_platform.domain.deployments.model_processes import IN_THE_WORKER, ModelProcesses
from modelway_platform.domain.deployments.resources import NO_LIMITS, Resources
from modelway_platform.domain.deployments.volumes import Volume
from modelway_platform.domain.identity import VersionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """All that starting one replica needs; JSON-able, so that a fallen one can be started again from its record.

    `package` is the digest of its package, `environment` what it is started from: the key of a built environment, or an
    image where the cluster runs images. `secrets` are names, by variable; whoever starts it gets the values, which are kept nowhere.
    """

    id: str
    key: VersionKey
    package: str
    environment: str
    workers: int = 1
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drain_seconds: float = 10.0
    cluster: str = LOCAL
    resources: Resources = NO_LIMITS
    processes: ModelProcesses = IN_THE_WORKER
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    volumes: tuple[Volume, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the operator sees of a replica it knows.

    `exited_at` is None while it runs. `reason` says how it ended, with its last words, as half a sentence:
    "exited with status 1: ModuleNotFoundError: No module named 'x'". `waiting` says why it does not run yet, as far as that
    is out of the ordinary: "waits for a node: 0/3 nodes are available". `ends_soon` says why it will end by itself before
    long, so that another shall take its place: "its time ends at 12:00:00".

    `run` names the present run where the cluster itself starts again what fell: another name than before means that it
    fell, `reason` then says how the run before ended. `endpoint` is the id that it is registered by, if that is not its own.
    `moved` says why that run is another one although nothing fell: one that was ready already took its place.
    """

    exited_at: float | None = None
    reason: str = ""
    waiting: str = ""
    ends_soon: str = ""
    run: str = ""
    endpoint: str = ""
    moved: str = ""


class Operator(Protocol):
    """Makes replicas real on one cluster and reports what is really there.

    Every method may be called again after a crash of the caller: starting finds what was started before, stopping
    goes on where it was.
    """

    @property
    def on_change(self) -> Callable[[str], None]:
        """Called with a replica's id as soon as it is seen to have ended."""
        ...

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        """Takes over the replicas that run already, by id; ends those of ours that are not in `placements`.

        Returns the placements of those found, which may say more than what was given: a replica whose start was
        interrupted before its placement could be recorded is found, too.
        """
        ...

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        """Starts a replica whose id is recorded already, and returns its placement, to be recorded."""
        ...

    def observe(self) -> Mapping[str, Observed]:
        """Everything known and not forgotten, by replica id."""
        ...

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        """Asks the replica to finish and leave; it is ended by force some seconds after the drain time."""
        ...

    def forget(self, replica_id: str) -> None:
        """Lets go of what is left of an ended replica."""
        ...

    def tidy(self, known: Collection[str]) -> None:
        """Housekeeping, now and then: whatever grows is bounded. `known` are the replicas still recorded. May block."""
        ...

    def close(self) -> None:
        """Stops watching; the replicas go on."""
        ...
