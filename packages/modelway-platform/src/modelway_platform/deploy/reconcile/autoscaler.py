"""Follows the load of deployments that want it: measures, has it decided how many replicas there shall be, and says why."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from modelway.errors import NotFoundError
from modelway_platform.deploy.operators.cluster_scaling import CpuTarget, ScalingCluster
from modelway_platform.deploy.reconcile.decision import Replica, template_of, templates_of
from modelway_platform.deploy.reconcile.load_book import Measured
from modelway_platform.domain.deployments.autoscale import Autoscale
from modelway_platform.domain.deployments.deployment import Condition, DeploymentStatus, Phase
from modelway_platform.domain.deployments.scale_decision import LoadSample, Memory, Scale, decide_scale
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.files.load_reports import VersionLoad

TICK_SECONDS = 1.0
# Measurements further apart than this leave it open what was in between.
GAP_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    """One deployment's load and what was made of it."""

    wanted: int
    why: str
    memory: Memory
    template: str
    proven: bool  # whether what is declared has answered once
    samples: deque[LoadSample] = field(default_factory=deque[LoadSample])
    in_flight: float = 0.0
    held: int = 0


class Autoscaler:
    """How many replicas each deployment shall have by its load; asked by the reconciler, run beside it.

    What it knows is in memory. Begun anew, it goes on from what was wanted last, and takes nothing away before it has watched for
    a whole window.

    Args:
        documents: What is declared, with the status that says what was wanted last.
        events: What happened, for people.
        replicas: Those of a deployment, as the reconciler sees them.
        measure: The load now; called in a thread.
        cluster: The operator of a cluster, where that decides; raises NotFoundError where there is none of the name.
        changes: Notified when something else is wanted.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        events: Events,
        replicas: Callable[[VersionKey], Sequence[Replica]],
        measure: Callable[[], Measured],
        changes: Changes,
        cluster: Callable[[str], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._followed: dict[VersionKey, str] = {}
        self._documents = documents
        self._events = events
        self._replicas = replicas
        self._measure = measure
        self._changes = changes
        self._clock = clock
        self._watched: dict[VersionKey, _Watched] = {}
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Measure now: somebody waits."""
        self._bell.set()

    async def run(self) -> None:
        """Measures and decides, for ever; cancel to stop."""
        while True:
            try:
                await self.look()
            except Exception:  # a locked database, a full disk: the next look may succeed
                log.exception("the load could not be followed")
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                continue
            self._bell.clear()

    async def look(self) -> None:
        """One measurement and what follows from it."""
        declared = await asyncio.to_thread(self._documents.declared)
        records = [each for each in declared.deployments if each.deployment.autoscale is not None and not each.deleting]
        keys = {each.key for each in records}
        self._watched = {key: each for key, each in self._watched.items() if key in keys}
        self._let_go(records)
        if not records:
            return
        measured = await asyncio.to_thread(self._measure)
        changed = False
        for record in records:
            changed |= await self._decide(record, measured)
        if changed:
            self._changes.notify()

    def scaled(self, record: DeploymentRecord) -> DeploymentRecord:
        """The deployment with as many replicas declared as its load asks for."""
        if record.deployment.autoscale is None or record.deleting:
            return record
        wanted = self._of(record).wanted
        return replace(record, deployment=replace(record.deployment, replicas=wanted))

    def told(self, status: DeploymentStatus, record: DeploymentRecord) -> DeploymentStatus:
        """The status with what is wanted, and why."""
        watched = self._watched.get(record.key)
        if watched is None or record.deployment.autoscale is None or record.deleting:
            return status
        before = next((each for each in record.status.conditions if each.type == "Autoscaled"), None)
        asleep = watched.wanted == 0
        same = before is not None and record.status.wanted_replicas == watched.wanted
        if before is not None and same:
            condition = before  # its words would change every second; what they say of the last change stays true
        else:
            reason = "Asleep" if asleep else "FollowsLoad"
            condition = Condition(
                type="Autoscaled", status=True, reason=reason, message=watched.why, since=self._clock()
            )
        others = tuple(each for each in status.conditions if each.type != "Autoscaled")
        return replace(status, wanted_replicas=watched.wanted, conditions=(*others, condition))

    def gauges(self) -> dict[str, float]:
        """Samples for `/metrics`: what is wanted, and the load it follows."""
        found: dict[str, float] = {}
        for key, each in self._watched.items():
            labels = f'{{project="{key.project}",model="{key.model}",version="{key.version}"}}'
            found[f"modelway_autoscale_wanted_replicas{labels}"] = each.wanted
            found[f"modelway_autoscale_in_flight{labels}"] = each.in_flight
            found[f"modelway_autoscale_held_requests{labels}"] = each.held
        return found

    def _of(self, record: DeploymentRecord) -> _Watched:
        policy = record.deployment.autoscale
        assert policy is not None
        watched = self._watched.get(record.key)
        template = template_of(record.deployment)
        if watched is None:
            watched = self._watched[record.key] = self._begin(record, policy, template)
        elif watched.template != template:
            # Something new runs from now on: it shall be seen whether it starts, also while nobody asks for it.
            watched.template, watched.proven = template, False
            watched.wanted = max(watched.wanted, policy.first)
        watched.wanted = min(max(watched.wanted, policy.min_replicas), policy.max_replicas)
        return watched

    def _begin(self, record: DeploymentRecord, policy: Autoscale, template: str) -> _Watched:
        now = self._clock()
        last = record.status.wanted_replicas
        known = last is not None and record.status.observed_revision == record.revision
        proven = known and record.status.phase is Phase.READY
        running = sum(
            each.state in {ReplicaState.STARTING, ReplicaState.READY}
            and each.template in templates_of(record.deployment)
            for each in self._replicas(record.key)
        )
        wanted = last if last is not None and known else max(policy.first, last or 0, running)
        why = "as before control was started" if known else f"a revision begins with {wanted}"
        memory = Memory(since=now, active_at=now)
        return _Watched(wanted=wanted, why=why, memory=memory, template=template, proven=proven)

    async def _decide(self, record: DeploymentRecord, measured: Measured) -> bool:
        """Whether something else is wanted than before."""
        policy = record.deployment.autoscale
        assert policy is not None
        watched, now = self._of(record), self._clock()
        self._take(watched, policy, measured, measured.by_version.get(str(record.key)), now)
        replicas = [each for each in self._replicas(record.key) if each.state is ReplicaState.READY]
        watched.proven = watched.proven or any(each.template in templates_of(record.deployment) for each in replicas)
        if policy.cpu_percent:
            scale = self._asked(record, policy, watched)
        else:
            scale = decide_scale(
                policy, watched.samples, ready=len(replicas), wanted=watched.wanted, memory=watched.memory, now=now
            )
        watched.memory, watched.why = scale.memory, scale.why
        if scale.wanted == watched.wanted or (scale.wanted < watched.wanted and not watched.proven):
            return False
        reason = "ScaledUp" if scale.wanted > watched.wanted else "ScaledDown"
        reason = "ScaledToZero" if scale.wanted == 0 else "WokenUp" if watched.wanted == 0 else reason
        text = f"from {watched.wanted} to {scale.wanted}: {scale.why}"
        watched.wanted = scale.wanted
        log.info(reason, extra={"deployment": str(record.key), "detail": text})
        await asyncio.to_thread(self._events.add, "Deployment", str(record.key), "Normal", reason, text)
        return True

    def _asked(self, record: DeploymentRecord, policy: Autoscale, watched: _Watched) -> Scale:
        """What the cluster's own autoscaler says."""
        name = record.deployment.cluster
        try:
            operator = self._cluster(name)
        except NotFoundError:
            operator = None
        if not isinstance(operator, ScalingCluster):
            return Scale(wanted=watched.wanted, why=f"cluster {name} is not there yet", memory=watched.memory)
        self._followed[record.key] = name
        target = CpuTarget(policy.min_replicas, policy.max_replicas, policy.cpu_percent)
        there = {ReplicaState.STARTING, ReplicaState.READY}
        running = sum(each.state in there for each in self._replicas(record.key))
        wish = operator.wish(record.key, target, running)
        return Scale(wanted=watched.wanted if wish.wanted is None else wish.wanted, why=wish.why, memory=watched.memory)

    def _let_go(self, records: Sequence[DeploymentRecord]) -> None:
        """Of what clusters no longer decide."""
        decided = {
            each.key: each.deployment.cluster
            for each in records
            if each.deployment.autoscale is not None and each.deployment.autoscale.cpu_percent
        }
        for key, name in [each for each in self._followed.items() if decided.get(each[0]) != each[1]]:
            del self._followed[key]
            with suppress(NotFoundError):
                operator = self._cluster(name)
                if isinstance(operator, ScalingCluster):
                    operator.unfollow(key)

    def _take(
        self, watched: _Watched, policy: Autoscale, measured: Measured, load: VersionLoad | None, now: float
    ) -> None:
        if not measured.heard:
            return
        said = load or VersionLoad(name="")
        samples = watched.samples
        if samples and now - samples[-1].at > GAP_SECONDS:
            samples.clear()
            watched.memory = replace(watched.memory, since=now)
        watched.in_flight, watched.held = said.in_flight, said.held
        samples.append(
            LoadSample(
                at=now,
                in_flight=said.in_flight,
                held=said.held + said.refused,  # who is turned away wants it no less
                active=said.active,
                complete=measured.complete,
            )
        )
        while samples[0].at < now - policy.stable_seconds:
            samples.popleft()
