"""The loop with a real store and real processes; only the model server and the environment are stand-ins."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from modelway.errors import UnavailableError
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.operators.processes.process import Launch, ProcessOperator
from modelway_platform.deploy.reconcile.early_phases import PhaseReport
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, Phase
from modelway_platform.domain.deployments.hold import HoldKind
from modelway_platform.domain.deployments.phases import PhaseName, PhaseState
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaRecord, ReplicaState
from modelway_platform.domain.stages.stage import Stage, StageKey
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.replicas import Replicas

KEY = VersionKey("vision", "digits", "v1")
DEPLOYMENT = Deployment(key=KEY, package="sha256:" + "a" * 64, replicas=2, drain_seconds=2.0)
OTHER = "sha256:" + "b" * 64


class KilledError(BaseException):
    """Stands for kill -9 of control: nothing may catch it."""


class FailingReplicas(Replicas):
    """Dies before or after its n-th write."""

    def __init__(self, database: Database, notify: Callable[[], None], point: int) -> None:
        super().__init__(database, notify)
        self._left = point

    def save_all(self, records: Sequence[ReplicaRecord]) -> None:
        self._step()
        super().save_all(records)
        self._step()

    def delete(self, replica_id: str) -> None:
        self._step()
        super().delete(replica_id)
        self._step()

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise KilledError


class OtherPlace(ProcessOperator):
    """A cluster elsewhere, which can be out of reach."""

    away = False

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        if self.away:
            raise UnavailableError("nobody answers at its address")
        return await super().adopt(placements)


class StandInPreparer:
    """A package is startable at once, unless its digest says that it is broken."""

    skips: Mapping[PhaseName, str] = {PhaseName.PUSH: "no image"}

    def __init__(self) -> None:
        self.broken: dict[str, PreparationError] = {}

    def is_startable(self, package: str, environment: str) -> bool:
        return True

    async def do(self, phase: PhaseName, package: str, made: str, report: PhaseReport) -> str:
        if phase is PhaseName.BUILD:
            report("installing")
            if package in self.broken:
                raise self.broken[package]
        return "e"


class Control:
    """One control process's worth of objects over a directory; `kill` leaves replicas running, as kill -9 would."""

    def __init__(self, folder: Path, instance: str, launch: Callable[[ReplicaSpec], Launch], point: int = 0) -> None:
        self.changes = Changes()
        self.database = Database.open(folder / "modelway.db")
        notify = self.changes.notify
        self.documents = Documents(self.database, notify)
        self.events = Events(self.database, notify)
        self.replicas = FailingReplicas(self.database, notify, point)
        self.registered: set[str] = set()
        self.folder = folder / "replicas"
        self.operator = ProcessOperator(self.folder, instance=instance, launch=launch, on_change=self._ended)
        self.others: dict[str, OtherPlace] = {}

        def other(cluster: Cluster) -> OtherPlace:
            where = self.folder.parent / cluster.name
            self.others[cluster.name] = OtherPlace(
                where, instance=f"{instance}-{cluster.name}", launch=launch, on_change=self._ended
            )
            return self.others[cluster.name]

        self.clusters = Clusters(self.operator, other)
        self.preparer = StandInPreparer()
        self.preparations = Preparations(lambda _: self.preparer, notify=notify)
        self.phases = Phases(self.database, notify)
        self.holds = Holds(self.database, notify)
        self.approvals = ClusterApprovals(self.database, notify)
        fleet = Fleet(
            store=self.replicas, events=self.events, clusters=self.clusters, drop_endpoint=self.registered.discard
        )
        self.reconciler = Reconciler(
            documents=self.documents,
            fleet=fleet,
            preparations=self.preparations,
            book=PhaseBook(self.phases),
            holds=self.holds.all,
            approved=self.approvals.all,
            approved_clusters=self.approvals.clusters,
            changes=self.changes,
            registered=lambda: self.registered,
        )
        self.discovery = asyncio.create_task(self._discover())
        self.task = asyncio.create_task(self.reconciler.run())

    def _ended(self, replica_id: str) -> None:
        self.registered.discard(replica_id)
        self.changes.notify()

    async def _discover(self) -> None:
        """Stands for discovery: whoever runs and has said `ready` registers."""
        while True:
            await asyncio.sleep(0.01)
            for replica_id, observed in self._seen().items():
                log = self._log_folder(replica_id) / "server.log"
                said = log.read_text() if log.exists() else ""
                alive = observed.exited_at is None and "ready" in said and "stopping" not in said
                if alive and replica_id not in self.registered:
                    self.registered.add(replica_id)
                    self.changes.notify()

    def _seen(self) -> dict[str, Observed]:
        return {name: seen for each in self.clusters.all().values() for name, seen in each.observe().items()}

    def _log_folder(self, replica_id: str) -> Path:
        places = [self.folder, *(self.folder.parent / name for name in self.others)]
        return next((each / replica_id for each in places if (each / replica_id).exists()), self.folder / replica_id)

    def record(self) -> DeploymentRecord | None:
        return self.documents.get_deployment(KEY)

    def settled(self, ready: int) -> bool:
        record = self.record()
        return (
            record is not None
            and record.status.observed_revision == record.revision
            and record.status.phase is Phase.READY
            and (record.status.updated_replicas, record.status.ready_replicas) == (ready, ready)
            and record.status.conditions[-1].reason == "AllReady"
        )

    def through(self, revision: int) -> bool:
        runs = self.phases.of(str(KEY), revision)
        return len(runs) == len(PhaseName) and runs[-1].state is PhaseState.DONE

    def reached(self, wanted: int) -> bool:
        return self.settled(wanted) if wanted else self.record() is None

    async def kill(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError, KilledError):
            await self.task
        await self.preparations.close()
        self.discovery.cancel()
        with suppress(asyncio.CancelledError):
            await self.discovery
        self.clusters.close()
        self.database.close()


@pytest.fixture
def instance() -> str:
    return f"test-{os.getpid()}-{time.monotonic_ns()}"


@pytest_asyncio.fixture
async def control(
    tmp_path: Path, instance: str, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[Callable[..., Control]]:
    made: list[Control] = []

    def make(point: int = 0, folder: Path | None = None) -> Control:
        made.append(Control(folder or tmp_path, instance, launch, point))
        return made[-1]

    yield make
    for one in made:
        await one.kill()
    process_table.end_marked(instance)


async def until(what: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def processes(instance: str) -> dict[str, int]:
    found = [(marked.replica, marked.identity.pid) for marked in process_table.find_marked(instance)]
    assert len(dict(found)) == len(found), "a replica is running twice"
    return dict(found)


async def test_starts_what_is_declared_and_says_so(control: Callable[..., Control], instance: str) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    record = one.record()
    assert record is not None
    assert [condition.type for condition in record.status.conditions] == [
        "PackageVerified",
        "EnvironmentBuilt",
        "ReplicasReady",
    ]
    assert all(condition.status for condition in record.status.conditions)
    assert set(processes(instance)) == one.registered
    reasons = {event.reason for event in one.events.list("Deployment", str(KEY))}
    assert {"EnvironmentBuilt", "ReplicaStarted", "ReplicaReady"} <= reasons


async def test_every_phase_is_kept_with_its_times(control: Callable[..., Control]) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.through(1))
    runs = one.phases.of(str(KEY), 1)
    assert [run.phase for run in runs] == list(PhaseName)
    states = {run.phase: run.state for run in runs}
    assert states.pop(PhaseName.PUSH) is PhaseState.SKIPPED
    assert set(states.values()) == {PhaseState.DONE}
    assert all(run.attempts == 1 and 0 < run.started_at <= run.ended_at for run in runs)
    assert [run.message for run in runs][3:5] == ["no image", "2 of 2 replicas are started"]
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=3))
    await until(lambda: one.through(2))
    assert [run.state for run in one.phases.of(str(KEY), 2)][:2] == [PhaseState.DONE] * 2


async def test_a_phase_that_failed_says_why_and_counts_its_attempts(control: Callable[..., Control]) -> None:
    one = control()
    one.preparer.broken[DEPLOYMENT.package] = PreparationError("BuildFailed", "no such version: torch==99")
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: [r.state for r in one.phases.of(str(KEY), 1)][2:3] == [PhaseState.FAILED])
    failed = one.phases.of(str(KEY), 1)[2]
    assert failed.log == ("installing", "no such version: torch==99")
    one.preparer.broken.clear()
    one.preparations.retry("local", DEPLOYMENT.package)
    await until(lambda: one.through(1))
    assert [run.attempts for run in one.phases.of(str(KEY), 1)][2:5] == [2, 1, 1]


async def test_a_paused_revision_waits_and_an_aborted_one_leaves(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    before = processes(instance)
    one.holds.put(str(KEY), 2, HoldKind.PAUSED, "ada")
    one.documents.apply_deployment(replace(DEPLOYMENT, env={"MODE": "serve"}))
    await until(lambda: (record := one.record()) and record.status.conditions[0].reason == "Paused")
    assert processes(instance) == before
    one.holds.lift(str(KEY))
    await until(lambda: one.settled(2))
    after = processes(instance)
    assert not before.keys() & after.keys()
    one.documents.apply_deployment(replace(DEPLOYMENT, env={"MODE": "crash"}))
    await until(lambda: (record := one.record()) and record.status.phase is Phase.DEGRADED)
    one.holds.put(str(KEY), 3, HoldKind.ABORTED, "ada")
    await until(lambda: {record.id for record in one.replicas.list()} == set(after))
    assert processes(instance) == after, "those that answered go on"


async def test_a_stage_has_phases_wait_for_a_yes_over_kills(control: Callable[..., Control], instance: str) -> None:
    waiting = Stage(key=StageKey("vision", "production"), approve_phases=(PhaseName.BUILD, PhaseName.READY))
    one = control()
    one.documents.apply([waiting, DEPLOYMENT], author="ada")

    def reason(of: Control) -> str:
        record = of.record()
        return record.status.conditions[0].reason if record and record.status.conditions else ""

    def states(of: Control, revision: int) -> list[str]:
        return [run.state.value for run in of.phases.of(str(KEY), revision)]

    await until(lambda: states(one, 1)[:3] == ["Done", "Done", "Waiting"] and reason(one) == "WaitsForApproval")
    assert not processes(instance)
    assert "somebody's yes" in one.phases.of(str(KEY), 1)[2].message
    await one.kill()
    two = control()
    await until(lambda: reason(two) == "WaitsForApproval")
    assert not processes(instance), "a kill is nobody's yes"
    two.approvals.approve(str(KEY), 1, PhaseName.BUILD, author="bob")
    await until(lambda: two.through(1))

    before = processes(instance)
    two.documents.apply_deployment(replace(DEPLOYMENT, env={"MODE": "serve"}))
    two.approvals.approve(str(KEY), 2, PhaseName.BUILD, author="bob")
    await until(lambda: reason(two) == "WaitsForApproval" and len(processes(instance)) == 3)
    assert before.keys() <= processes(instance).keys(), "one new beside all old ones, until somebody says yes"
    two.approvals.approve(str(KEY), 2, PhaseName.READY, author="bob")
    await until(lambda: two.through(2))
    await until(lambda: not before.keys() & processes(instance).keys())  # they finish what they have first


# A start that was under way in a thread loses its `Popen`, as it would to kill -9; the process is found by its mark.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_phases_go_on_where_a_killed_control_was(control: Callable[..., Control]) -> None:
    one = control()
    one.documents.apply_deployment(replace(DEPLOYMENT, env={"MODE": "serve"}))
    await until(lambda: len(one.phases.of(str(KEY), 1)) > 0)
    await one.kill()
    two = control()
    await until(lambda: two.through(1))
    runs = two.phases.of(str(KEY), 1)
    assert [run.phase for run in runs] == list(PhaseName)
    assert all(run.state in {PhaseState.DONE, PhaseState.SKIPPED} for run in runs)


async def test_scales_and_deletes(control: Callable[..., Control], instance: str) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    before = processes(instance)
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=3))
    await until(lambda: one.settled(3))
    assert before.items() <= processes(instance).items()
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=1))
    await until(lambda: one.settled(1) and len(processes(instance)) == 1)
    one.documents.mark_deleting(KEY)
    await until(lambda: one.record() is None)
    assert not processes(instance)
    assert one.replicas.list() == []


async def test_replaces_without_ever_having_too_few(control: Callable[..., Control], instance: str) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    before = set(processes(instance))
    one.documents.apply_deployment(replace(DEPLOYMENT, package=OTHER))
    fewest = 2
    while not one.settled(2):
        fewest = min(fewest, len(one.registered))
        await asyncio.sleep(0.005)
    assert fewest == 2
    await until(lambda: len(processes(instance)) == 2)
    assert not before & set(processes(instance))


async def test_a_killed_replica_leaves_the_routes_at_once_and_comes_back(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    name, pid = next(iter(processes(instance).items()))
    os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    await until(lambda: name not in one.registered)
    await until(lambda: one.record().status.phase is Phase.DEGRADED)  # type: ignore[union-attr]
    await until(lambda: one.settled(2))
    assert time.monotonic() - started > 0.9  # the first back-off
    assert name in processes(instance)
    assert [record.restarts for record in one.replicas.list() if record.id == name] == [1]


async def test_a_replica_that_cannot_start_says_why_and_is_tried_again(control: Callable[..., Control]) -> None:
    one = control()
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=1, env={"MODE": "crash"}))
    await until(lambda: (record := one.record()) and record.status.phase is Phase.FAILED)
    record = one.record()
    assert record is not None
    assert "exited with status 3: ValueError: the model is broken" in record.status.conditions[-1].message
    await until(lambda: one.replicas.list()[0].restarts >= 2)
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=1))
    await until(lambda: one.settled(1))


async def test_a_package_that_cannot_be_built_leaves_the_old_one_serving(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    before = processes(instance)
    one.preparer.broken[OTHER] = PreparationError("BuildFailed", "no such version: torch==99")
    one.documents.apply_deployment(replace(DEPLOYMENT, package=OTHER))
    await until(lambda: (record := one.record()) and record.status.phase is Phase.DEGRADED)
    record = one.record()
    assert record is not None
    assert "no such version: torch==99" in " ".join(condition.message for condition in record.status.conditions)
    assert processes(instance) == before
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    assert processes(instance) == before


async def test_a_killed_control_is_followed_by_one_that_adopts(control: Callable[..., Control], instance: str) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    before = processes(instance)
    await one.kill()
    assert processes(instance) == before
    victim = min(before)
    os.kill(before[victim], signal.SIGKILL)
    two = control()
    await until(lambda: two.settled(2) and len(processes(instance)) == 2)
    after = processes(instance)
    assert set(after) == set(before)
    assert [name for name in after if after[name] != before[name]] == [victim]


async def test_stopping_everything_leaves_no_process_and_no_record(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    one.documents.apply_deployment(DEPLOYMENT)
    await until(lambda: one.settled(2))
    one.task.cancel()
    with suppress(asyncio.CancelledError):
        await one.task
    assert await one.reconciler.stop_all(10)
    assert not processes(instance)
    assert one.replicas.list() == []
    await one.kill()
    two = control()
    await until(lambda: two.settled(2) and len(processes(instance)) == 2)


async def test_a_deployment_moves_to_another_cluster_without_ever_having_too_few(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    one.documents.apply([Cluster(name="other", operator="docker"), DEPLOYMENT], author="test")
    await until(lambda: one.settled(2))
    one.documents.apply_deployment(replace(DEPLOYMENT, cluster="other"))
    fewest = 2
    while not one.settled(2):
        fewest = min(fewest, len(one.registered))
        await asyncio.sleep(0.005)
    assert fewest == 2
    await until(lambda: not processes(instance) and len(processes(f"{instance}-other")) == 2)
    await one.kill()
    two = control()  # adopts on both
    await until(lambda: two.settled(2))
    assert set(processes(f"{instance}-other")) == {record.id for record in two.replicas.list()}
    two.documents.mark_deleting(KEY)
    await until(lambda: two.record() is None)
    assert not processes(f"{instance}-other")


async def test_what_runs_on_a_cluster_out_of_reach_is_left_alone_and_said(
    control: Callable[..., Control], instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = control()
    one.documents.apply([Cluster(name="other", operator="docker"), replace(DEPLOYMENT, cluster="other")], author="test")
    await until(lambda: one.settled(2))
    before = processes(f"{instance}-other")
    await one.kill()
    monkeypatch.setattr(OtherPlace, "away", True)
    two = control()
    await until(lambda: (record := two.record()) and record.status.conditions[-1].reason == "ClusterUnreachable")
    assert "nobody answers at its address" in two.record().status.conditions[-1].message  # type: ignore[union-attr]
    assert processes(f"{instance}-other") == before
    monkeypatch.setattr(OtherPlace, "away", False)
    two.changes.notify()
    await until(lambda: two.settled(2))
    assert processes(f"{instance}-other") == before
    process_table.end_marked(f"{instance}-other")


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_any_write_the_next_control_finishes_without_doubles_or_orphans(
    control: Callable[..., Control], instance: str, tmp_path: Path
) -> None:
    """Start, replace and delete; control dies before and after every durable write of a replica's record."""
    steps: list[Callable[[Documents], object]] = [
        lambda documents: documents.apply_deployment(DEPLOYMENT),
        lambda documents: documents.apply_deployment(replace(DEPLOYMENT, package=OTHER, replicas=1)),
        lambda documents: documents.mark_deleting(KEY),
    ]
    kills = 0
    for point in range(1, 60):
        folder = tmp_path / str(point)
        one, survived = control(point, folder), True
        for number, step in enumerate(steps):
            step(one.documents)
            wanted = (2, 1, 0)[number]
            deadline = time.monotonic() + 15
            while not one.reached(wanted):
                assert time.monotonic() < deadline, f"kill at {point}: step {number} did not finish"
                if one.task.done():
                    survived = False
                    kills += 1
                    await one.kill()
                    one = control(0, folder)
                await asyncio.sleep(0.02)
            await until(lambda wanted=wanted: len(processes(instance)) == wanted)
        assert one.replicas.list() == []
        await one.kill()
        if survived:
            break
    assert kills >= 20


SPREAD = replace(
    DEPLOYMENT,
    replicas=3,
    placements=(
        Placement(name="local", replicas=1, step=1),
        Placement(name="east", replicas=1, step=2),
        Placement(name="west", replicas=1, step=3, approval=True),
    ),
)


def begin_spread(one: Control) -> None:
    one.documents.apply([Cluster(name="east"), Cluster(name="west"), SPREAD], author="ada")


def where(one: Control) -> dict[str, list[int]]:
    """Revisions of the replicas on each cluster."""
    found: dict[str, list[int]] = {}
    for record in one.replicas.list():
        if record.state in {ReplicaState.STARTING, ReplicaState.READY}:
            found.setdefault(record.placement["cluster"], []).append(record.revision)
    return found


def progress(one: Control) -> str:
    record = one.record()
    found = [each for each in record.status.conditions if each.type == "AllClusters"] if record else []
    return found[0].reason if found else ""


async def test_clusters_come_one_after_another_and_a_yes_is_waited_for_over_kills(
    control: Callable[..., Control], instance: str
) -> None:
    one = control()
    begin_spread(one)
    await until(lambda: progress(one) == "WaitsForApproval", 40)
    assert where(one) == {"local": [1], "east": [1]}
    record = one.record()
    assert record is not None
    assert [(each.name, each.phase, each.opened) for each in record.status.clusters] == [
        ("local", Phase.READY, True),
        ("east", Phase.READY, True),
        ("west", Phase.PENDING, False),
    ]
    assert record.status.clusters[0].passed_at <= record.status.clusters[1].passed_at
    await one.kill()
    two = control()
    await until(lambda: progress(two) == "WaitsForApproval", 40)
    assert set(where(two)) == {"local", "east"}, "a kill is nobody's yes"
    two.approvals.approve_cluster(str(KEY), 1, "west", author="bob")
    await until(lambda: two.settled(3) and progress(two) == "Reached", 40)
    assert where(two) == {"local": [1], "east": [1], "west": [1]}
    assert two.approvals.all() == {}, "it is no yes to a phase"
    happened = [event.reason for event in two.events.list("Deployment", str(KEY))]
    assert happened.count("ClusterBegun") == happened.count("ClusterReady") == 3


async def test_what_fails_on_one_cluster_does_not_reach_the_next_and_undo_leads_back(
    control: Callable[..., Control],
) -> None:
    one = control()
    begin_spread(one)
    one.approvals.approve_cluster(str(KEY), 1, "west")
    await until(lambda: one.settled(3), 40)
    one.documents.apply_deployment(replace(SPREAD, env={"MODE": "crash"}))
    await until(lambda: progress(one) == "Stopped", 40)
    record = one.record()
    assert record is not None
    assert record.status.phase is Phase.DEGRADED
    assert "local is" in next(each.message for each in record.status.conditions if each.type == "AllClusters")
    assert (where(one)["east"], where(one)["west"]) == ([1], [1])
    assert "StoppedAtBarrier" in {event.reason for event in one.events.list("Deployment", str(KEY))}
    one.documents.undo("Deployment", str(KEY), 1)
    await until(lambda: progress(one) == "WaitsForApproval", 40)
    one.approvals.approve_cluster(str(KEY), 3, "west")
    await until(lambda: one.settled(3) and progress(one) == "Reached", 40)
    assert where(one) == {"local": [1], "east": [1], "west": [1]}, "nothing had to be replaced"


async def test_a_cluster_out_of_reach_keeps_the_next_waiting(
    control: Callable[..., Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = control()
    begin_spread(one)
    one.approvals.approve_cluster(str(KEY), 1, "west")
    await until(lambda: one.settled(3), 40)
    await one.kill()
    monkeypatch.setattr(OtherPlace, "away", True)
    two = control()
    two.documents.apply_deployment(replace(SPREAD, env={"MODE": "serve"}))
    two.approvals.approve_cluster(str(KEY), 2, "west")
    await until(lambda: where(two).get("local") == [2], 40)
    await until(lambda: (record := two.record()) and "nobody answers" in record.status.clusters[1].message, 40)
    assert (where(two)["east"], where(two)["west"]) == ([1], [1])
    monkeypatch.setattr(OtherPlace, "away", False)
    two.changes.notify()
    await until(lambda: two.settled(3) and progress(two) == "Reached", 40)
    assert where(two) == {"local": [2], "east": [2], "west": [2]}


async def test_clusters_that_are_named_no_more_are_left_when_the_others_have_it(
    control: Callable[..., Control],
) -> None:
    one = control()
    begin_spread(one)
    one.approvals.approve_cluster(str(KEY), 1, "west")
    await until(lambda: one.settled(3), 40)
    one.documents.apply_deployment(replace(SPREAD, replicas=2, placements=SPREAD.placements[:2]))
    await until(lambda: where(one).keys() == {"local", "east"}, 40)
    one.documents.apply_deployment(replace(DEPLOYMENT, replicas=1, cluster="east"))
    await until(lambda: one.settled(1) and where(one).keys() == {"east"}, 40)
    one.documents.apply([SPREAD], author="ada")
    one.approvals.approve_cluster(str(KEY), 4, "west")
    await until(lambda: one.settled(3), 40)
    one.documents.mark_deleting(KEY, author="ada")
    await until(lambda: one.record() is None, 40)
    assert where(one) == {}
