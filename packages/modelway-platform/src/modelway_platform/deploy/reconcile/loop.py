"""Keeps what is there as it is declared: level-triggered, so that a lost message loses nothing.

Each pass reads what is declared, looks at what is there, takes the next steps and says how it stands. Passes follow every
change of either side, and the clock.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from modelway_platform.deploy.reconcile.autoscaler import Autoscaler
from modelway_platform.deploy.reconcile.decision import (
    ForgetReplica,
    Preparation,
    Prepare,
    RemoveDeployment,
    RestartReplica,
    Stage,
    StartReplica,
    Step,
    StopReplica,
    Wait,
)
from modelway_platform.deploy.reconcile.early_phases import EARLY
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.gate import Gate, behind, open_gate
from modelway_platform.deploy.reconcile.holding import decide_held, told
from modelway_platform.deploy.reconcile.late_phases import phases_of
from modelway_platform.deploy.reconcile.pass_book import StatusBook
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.deploy.reconcile.spread import Looked, Spread
from modelway_platform.deploy.reconcile.status import status_of, unreachable
from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.phase_waits import Approved, marked, waits_of
from modelway_platform.domain.records import Declared, DeploymentRecord, ReplicaState
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.documents import Documents

RESYNC_SECONDS = 10.0
TIDY_SECONDS = 60.0
_AFTER_ERROR = 2.0

log = logging.getLogger(__name__)


class Reconciler:
    """Drives every deployment to what its document says.

    Args:
        documents: What is declared; gets the statuses.
        fleet: The replicas; has the book of what happened.
        preparations: Packages being made startable.
        book: How far each phase is.
        holds: What people said of revisions under way.
        approved: The phases that they said yes to, where a stage has them wait.
        gate: What speaks against starting a deployment whose package is prepared.
        approved_clusters: The clusters that they said yes to, where the next of several waits for one.
        changes: Whoever changes anything this depends on notifies it.
        registered: The ids of all registered endpoints, now.
        autoscaler: Says how many replicas there shall be where the load decides.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        fleet: Fleet,
        preparations: Preparations,
        book: PhaseBook,
        holds: Callable[[], Mapping[str, Hold]] = dict[str, Hold],
        approved: Callable[[], Approved] = dict[tuple[str, int], frozenset[PhaseName]],
        gate: Gate = open_gate,
        approved_clusters: Callable[[], Mapping[tuple[str, int], frozenset[str]]] = dict[
            tuple[str, int], frozenset[str]
        ],
        changes: Changes,
        registered: Callable[[], Collection[str]],
        autoscaler: Autoscaler | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._documents = documents
        self._statuses = StatusBook(documents)
        self._events = fleet.events
        self._fleet = fleet
        self._preparations = preparations
        self._book = book
        self._read_holds = holds
        self._holds: Mapping[str, Hold] = {}
        self._held_places: frozenset[tuple[str, str, PhaseName]] = frozenset()
        self._read_approved = approved
        preparations.held = self._is_held
        self._gate = gate
        self._changes = changes
        self._registered = registered
        self._autoscaler = autoscaler
        self._clock = clock
        self._told: dict[tuple[VersionKey, str], Preparation] = {}
        self._read_approved_clusters = approved_clusters
        self._approved_clusters: Mapping[tuple[str, int], frozenset[str]] = {}
        self._spread = Spread(
            events=fleet.events,
            replicas=lambda record: {each.id: (each.spec.cluster, each.seen()) for each in fleet.of(record.key)},
            look=self._look,
            take=self._take,
        )
        self._finishing = False

    async def run(self) -> None:
        """Adopts what runs already, then reconciles until `finish` is called."""
        await self.adopt()
        tidied = time.monotonic()
        while not self._finishing:
            seen = self._changes.number
            try:
                wake_at = await self.once()
                if time.monotonic() - tidied >= TIDY_SECONDS:
                    tidied = time.monotonic()
                    await self._fleet.tidy()
            except Exception:  # a full disk, a locked database: whatever it is, the next pass may succeed
                log.exception("reconcile pass failed")
                await asyncio.sleep(_AFTER_ERROR)
                continue
            timeout = min(max(wake_at - self._clock(), 0.0), RESYNC_SECONDS)
            await self._changes.wait(seen, timeout)

    async def retry(self, key: VersionKey) -> None:
        """Has whatever failed of a deployment tried again now, without waiting for its turn."""
        records = await asyncio.to_thread(self._documents.list_deployments)
        record = next((each for each in records if each.key == key), None)
        if record is not None:
            for cluster in record.deployment.clusters:
                self._preparations.retry(cluster, record.deployment.package)
            await self._fleet.hurry(key)
            self._changes.notify()

    def _is_held(self, cluster: str, package: str, phase: PhaseName) -> bool:
        return (cluster, package, phase) in self._held_places

    def _paused_places(self, records: Sequence[DeploymentRecord]) -> frozenset[tuple[str, str, PhaseName]]:
        """Phases, of packages on clusters, that nobody wants begun now: all who want the package there have paused."""
        held: set[tuple[str, str, PhaseName]] = set()
        wanted: set[tuple[str, str, PhaseName]] = set()
        for record in records:
            hold = self._holds.get(str(record.key))
            paused = hold is not None and hold.kind is HoldKind.PAUSED and hold.revision == record.revision
            before = hold.before if hold is not None else None
            for cluster in record.deployment.clusters:
                for phase in EARLY:
                    place = (cluster, record.deployment.package, phase)
                    (held if paused and before in {None, phase} else wanted).add(place)
        return frozenset(held - wanted)

    def _holds_of(self, declared: Declared, kept: Mapping[str, Hold], approved: Approved) -> Mapping[str, Hold]:
        """What people said comes before what stages have wait."""
        waits = waits_of(declared, approved, self._book.of)
        current = {name for name, hold in kept.items() if name not in waits or hold.revision == waits[name].revision}
        return {**waits, **{name: kept[name] for name in current}}

    def finish(self) -> None:
        """Lets `run` return after the pass it is in: cancelled in the middle of a start, it would lose a process."""
        self._finishing = True
        self._changes.notify()

    async def stop_all(self, limit_seconds: float) -> bool:
        """After `run` has ended: lets all replicas finish and leave. Returns whether all have gone in time."""
        await self._preparations.close()
        deadline = time.monotonic() + limit_seconds
        while True:
            seen = self._changes.number
            await self._fleet.look(())
            await self._fleet.stop_all("the platform is shut down")
            await self._events.flush()
            if not self._fleet.running():
                return True
            if time.monotonic() >= deadline:
                return False
            await self._changes.wait(seen, timeout=0.5)

    async def adopt(self) -> None:
        """Takes over what runs already."""
        await self._fleet.load()
        await self._book.load()

    async def once(self) -> float:
        """One pass; returns when to begin the next at the latest."""
        declared = await asyncio.to_thread(self._documents.declared)
        records = declared.deployments
        kept = await asyncio.to_thread(self._read_holds)
        self._holds = self._holds_of(declared, kept, await self._approvals(declared))
        self._held_places = self._paused_places(records)
        if any(place.approval for record in records for place in record.deployment.placements):
            self._approved_clusters = await asyncio.to_thread(self._read_approved_clusters)
        self._preparations.wake()
        await self._fleet.settle(record.cluster for record in declared.clusters)
        await self._fleet.look(frozenset(self._registered()))
        wake_at = self._clock() + RESYNC_SECONDS
        for record in records:
            try:
                wake_at = min(wake_at, await self._reconcile(record))
            except Exception:  # one deployment's trouble is not another's
                log.exception("reconcile failed", extra={"deployment": str(record.deployment.key)})
                wake_at = min(wake_at, self._clock() + _AFTER_ERROR)
            if self._events.is_due() or self._statuses.is_due():
                wake_at = min(wake_at, await self._write())
        for key in self._fleet.keys() - {record.deployment.key for record in records}:
            await self._clear(key)
        wake_at = min(wake_at, await self._write())
        await self._book.flush()
        return wake_at

    async def _write(self) -> float:
        """Writes what the pass has to say so far; returns when to look again at the latest."""
        await self._events.flush()
        kept = await self._statuses.flush()
        return self._clock() + (RESYNC_SECONDS if kept else _AFTER_ERROR)

    async def _approvals(self, declared: Declared) -> Approved:
        asked = any(record.stage.approve_phases for record in declared.stages)
        return await asyncio.to_thread(self._read_approved) if asked else {}

    async def _reconcile(self, record: DeploymentRecord) -> float:
        """Takes the next steps of one deployment; returns when to look again at the latest."""
        if self._autoscaler is not None:
            record = self._autoscaler.scaled(record)
        key, now = record.deployment.key, self._clock()
        hold = self._holds.get(str(key))
        if record.deployment.placements and not record.deleting:
            approved = self._approved_clusters.get((str(key), record.revision), frozenset())
            looked = await self._spread.look(record, hold, approved, now)
            status = told(looked.status, record, hold)
        else:
            looked = await self._look(record, hold, None)
            status = told(looked.status, record, hold)
        if self._autoscaler is not None:
            status = self._autoscaler.told(status, record)
        place = (looked.part.deployment.cluster, record.deployment.package)
        early, stage = self._preparations.runs(*place), looked.stage
        kept = self._book.of(record)
        runs = phases_of(looked.part, kept, early, stage=stage, replicas=looked.replicas, status=status, now=now)
        self._book.note(record, marked(runs, hold))
        if status != record.status:
            self._statuses.note(key, status)
        return looked.wake_at

    async def _look(self, record: DeploymentRecord, hold: Hold | None, only: Collection[str] | None) -> Looked:
        """Takes the next steps of a deployment, or of its part on one cluster whose replicas are `only`."""
        key, now = record.deployment.key, self._clock()
        place = (record.deployment.cluster, record.deployment.package)
        preparation = behind(self._gate, record, self._preparations.state(*place))
        self._tell(key, place[0], preparation)
        before = {held.id for held in self._fleet.of(key)}
        seen = [held.seen() for held in self._fleet.of(key) if only is None or held.id in only]
        wake_at = now + RESYNC_SECONDS
        several = record.deleting and record.deployment.placements  # one that is away does not keep the others
        trouble = "" if several else self._fleet.trouble(record.deployment.cluster)
        for step in () if trouble else decide_held(record, preparation, seen, hold, now):
            if isinstance(step, Wait):
                wake_at = min(wake_at, step.until)
            else:
                await self._take(step, record)
        new = {held.id for held in self._fleet.of(key)} - before
        after = [held.seen() for held in self._fleet.of(key) if only is None or held.id in only or held.id in new]
        preparation = behind(self._gate, record, self._preparations.state(*place))
        status = status_of(record, preparation, after, now)
        if trouble:
            status = unreachable(status, record, trouble, now)
        return Looked(part=record, stage=preparation.stage, replicas=after, status=status, wake_at=wake_at)

    async def _take(self, step: Step, record: DeploymentRecord) -> None:
        place = (record.deployment.cluster, record.deployment.package)
        match step:
            case Prepare():
                self._preparations.begin(*place)
            case StartReplica():
                environment = self._preparations.environment(*place)
                if environment := await self._preparations.startable(*place, environment):
                    await self._fleet.start(record, environment)
            case RestartReplica(id=replica_id):
                spec = self._fleet.get(replica_id).spec
                if environment := await self._preparations.startable(spec.cluster, spec.package, spec.environment):
                    await self._fleet.restart(replica_id, environment)
            case StopReplica(id=replica_id, why=why):
                await self._fleet.stop(replica_id, why)
            case ForgetReplica(id=replica_id):
                await self._fleet.forget(replica_id)
            case RemoveDeployment():
                await asyncio.to_thread(self._documents.remove_deployment, record.deployment.key)
                for place in [each for each in self._told if each[0] == record.deployment.key]:
                    del self._told[place]
            case Wait():
                pass

    async def _clear(self, key: VersionKey) -> None:
        """Ends replicas nobody declares: their document went while control was away."""
        for held in self._fleet.of(key):
            if self._fleet.trouble(held.spec.cluster):
                continue
            if held.state in {ReplicaState.STOPPED, ReplicaState.CRASHED}:
                await self._fleet.forget(held.id)
            elif held.state is not ReplicaState.DRAINING:
                await self._fleet.stop(held.id, "its deployment is gone")

    def _tell(self, key: VersionKey, cluster: str, preparation: Preparation) -> None:
        """Records how preparing ended, once."""
        before = self._told.get((key, cluster))
        if preparation.stage not in {Stage.PREPARED, Stage.FAILED} or preparation == before:
            return
        self._told[key, cluster] = preparation
        level = "Warning" if preparation.stage is Stage.FAILED else "Normal"
        reason = preparation.reason if preparation.stage is Stage.FAILED else "EnvironmentBuilt"
        self._events.note(key, level, reason, preparation.message)
