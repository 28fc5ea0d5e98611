"""One deployment over several clusters: each gets its part in its turn, and what is behind the barrier stays as it is."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelway_platform.deploy.reconcile.barrier import (
    Opening,
    kept_of,
    opening,
    part_of,
    placed,
    seen_of,
    under_way,
    whole_status,
)
from modelway_platform.deploy.reconcile.decision import ForgetReplica, Replica, Stage, Step, StopReplica
from modelway_platform.deploy.reconcile.pass_book import EventBook
from modelway_platform.domain.deployments.deployment import ClusterStatus, DeploymentStatus, Phase
from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.records import DeploymentRecord, ReplicaState


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at a deployment, or at its part on one cluster, has found after the next steps were taken.

    Args:
        part: What is declared there.
        stage: How far its package is.
        replicas: Those there are.
        status: What is told of it.
        wake_at: When to look again at the latest, Unix time in seconds.
    """

    part: DeploymentRecord
    stage: Stage
    replicas: Sequence[Replica]
    status: DeploymentStatus
    wake_at: float


LookAtPart = Callable[[DeploymentRecord, Hold | None, Sequence[str]], Awaitable[Looked]]


class Spread:
    """Looks at the parts of a deployment one after another.

    Args:
        events: What happened, for people.
        replicas: Every replica of a deployment by id, with its cluster.
        look: Takes the next steps of one part, of which it is told the replicas' ids, and says what is there.
        take: Takes one step.
    """

    def __init__(
        self,
        *,
        events: EventBook,
        replicas: Callable[[DeploymentRecord], Mapping[str, tuple[str, Replica]]],
        look: LookAtPart,
        take: Callable[[Step, DeploymentRecord], Awaitable[None]],
    ) -> None:
        self._events = events
        self._replicas = replicas
        self._look = look
        self._take = take

    async def look(self, record: DeploymentRecord, hold: Hold | None, approved: Collection[str], now: float) -> Looked:
        """The next steps on all clusters that may have the revision, and what is seen of all."""
        kept = kept_of(record)
        placements = placed(record, kept)
        waits: dict[str, Opening] = {}
        looked: dict[str, Looked] = {}
        clusters: list[ClusterStatus] = []
        there = self._replicas(record)
        for each in placements:
            opened = opening(each, placements, kept, approved, now)
            if not opened.open:
                waits[each.name] = opened
            ids = [replica_id for replica_id, (cluster, _) in there.items() if cluster == each.name]
            looked[each.name] = await self._look(part_of(record, each), _held(record, hold, opened), ids)
            clusters.append(seen_of(each, looked[each.name].status, kept.get(each.name), opened, now))
        if all(each.opened and each.phase is Phase.READY for each in clusters):
            await self._leave(record, there)
        self._tell(record, placements, kept, clusters)
        shown = looked[under_way(clusters).name]
        status = whole_status(record, clusters, waits, shown.status, now)
        self._tell_stop(record, status)
        wakes = [each.until for each in waits.values() if each.until]
        wake_at = min([*wakes, *(each.wake_at for each in looked.values())])
        return Looked(part=shown.part, stage=shown.stage, replicas=shown.replicas, status=status, wake_at=wake_at)

    async def _leave(self, record: DeploymentRecord, there: Mapping[str, tuple[str, Replica]]) -> None:
        """Replicas on clusters that are not named any more go when all others have what is declared."""
        for replica_id, (cluster, replica) in there.items():
            if cluster in record.deployment.clusters:
                continue
            if replica.state in {ReplicaState.STOPPED, ReplicaState.CRASHED}:
                await self._take(ForgetReplica(id=replica_id), record)
            elif replica.state is not ReplicaState.DRAINING:
                await self._take(StopReplica(id=replica_id, why=f"cluster {cluster} is not named any more"), record)

    def _tell(
        self,
        record: DeploymentRecord,
        placements: Sequence[Placement],
        kept: Mapping[str, ClusterStatus],
        clusters: Sequence[ClusterStatus],
    ) -> None:
        if len(placements) < 2:
            return
        for each in clusters:
            before = kept.get(each.name, ClusterStatus(name=each.name, step=each.step))
            if each.opened and not before.opened:
                text = f"revision {record.revision} begins on {each.name} (step {each.step})"
                self._event(record, "Normal", "ClusterBegun", text)
            if each.passed_at and not before.passed_at:
                self._event(record, "Normal", "ClusterReady", f"revision {record.revision} is ready on {each.name}")

    def _tell_stop(self, record: DeploymentRecord, status: DeploymentStatus) -> None:
        now = next(each for each in status.conditions if each.type == "AllClusters")
        before = next((each for each in record.status.conditions if each.type == "AllClusters"), None)
        if now.reason == "Stopped" and (before is None or before.reason != "Stopped"):
            self._event(record, "Warning", "StoppedAtBarrier", now.message)

    def _event(self, record: DeploymentRecord, level: Literal["Normal", "Warning"], reason: str, text: str) -> None:
        self._events.note(record.key, level, reason, text)


def _held(record: DeploymentRecord, hold: Hold | None, opened: Opening) -> Hold | None:
    """A person's word, else the barrier's: nothing is begun, what falls over is started again."""
    if (hold is not None and hold.revision == record.revision) or opened.open:
        return hold
    return Hold(kind=HoldKind.PAUSED, revision=record.revision, author="the barrier", since=record.updated_at)
