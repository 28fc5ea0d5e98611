"""The autoscaler over a real store: it follows what gateways say, goes on after a restart, and proves a new revision first."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from modelway_platform.deploy.operators.cluster_scaling import ClusterWish, CpuTarget
from modelway_platform.deploy.reconcile.autoscaler import Autoscaler
from modelway_platform.deploy.reconcile.decision import Replica, template_of
from modelway_platform.deploy.reconcile.load_book import LoadBook, Measured
from modelway_platform.domain.deployments.autoscale import Autoscale, ScaleToZero
from modelway_platform.domain.deployments.deployment import Deployment, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.files.load_reports import VersionLoad, WorkerLoad, load_path, write_load

KEY = VersionKey("vision", "digits", "v1")
POLICY = Autoscale(
    min_replicas=0,
    max_replicas=5,
    in_flight=2,
    stable_seconds=10,
    panic_seconds=2,
    down_seconds=5,
    zero=ScaleToZero(idle_seconds=20),
)
DEPLOYMENT = Deployment(key=KEY, package="sha256:" + "a" * 64, autoscale=POLICY)


@dataclass
class World:
    """Time, load and replicas as the test says; everything wanted is ready at the next look if `starts`."""

    database: Database
    now: float = 1000.0
    load: Measured | None = None
    starts: bool = True
    ready: int = 0
    changes: Changes = field(default_factory=Changes)
    cluster: object = None

    def __post_init__(self) -> None:
        self.documents = Documents(self.database, self.changes.notify)
        self.events = Events(self.database, self.changes.notify)
        self.restart()

    def restart(self) -> None:
        self.autoscaler = Autoscaler(
            documents=self.documents,
            events=self.events,
            replicas=self.replicas,
            measure=lambda: self.load or Measured(by_version={}, heard=0, complete=True),
            changes=self.changes,
            cluster=lambda _: self.cluster,
            clock=lambda: self.now,
        )

    def replicas(self, key: VersionKey) -> list[Replica]:
        record = self.documents.get_deployment(key)
        template = template_of(record.deployment) if record else ""
        return [
            Replica(id=f"r{at}", template=template, state=ReplicaState.READY, started_at=0.0)
            for at in range(self.ready)
        ]

    def said(self, in_flight: float = 0.0, *, held: int = 0, complete: bool = True) -> None:
        load = VersionLoad(name=str(KEY), in_flight=in_flight, held=held, active=in_flight > 0)
        self.load = Measured(by_version={str(KEY): load} if in_flight or held else {}, heard=1, complete=complete)

    @property
    def record(self) -> DeploymentRecord:
        found = self.documents.get_deployment(KEY)
        assert found is not None
        return found

    async def look(self, seconds: int = 1) -> int:
        """Once a second, as control does; what is wanted at the end."""
        for _ in range(seconds):
            self.now += 1
            await self.autoscaler.look()
            wanted = self.autoscaler.scaled(self.record).deployment.replicas
            if self.starts:
                self.ready = wanted
            phase = Phase.READY if self.ready >= wanted else Phase.PLACING
            status = replace(
                self.record.status, phase=phase, observed_revision=self.record.revision, ready_replicas=self.ready
            )
            self.documents.save_status(KEY, self.autoscaler.told(status, self.record))
        return self.autoscaler.scaled(self.record).deployment.replicas

    def happened(self) -> list[str]:
        return [event.reason for event in self.events.list("Deployment", str(KEY))]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Database.open(tmp_path / "modelway.db") as database:
        made = World(database)
        made.documents.apply_deployment(DEPLOYMENT)
        yield made


@pytest.mark.asyncio
async def test_it_follows_the_load_up_down_to_sleep_and_back(world: World) -> None:
    world.said()
    assert await world.look() == 1
    world.said(9.0)
    assert await world.look(12) == 5
    assert "in flight" in next(each.message for each in world.record.status.conditions if each.type == "Autoscaled")
    assert world.record.status.wanted_replicas == 5
    world.said(1.0)
    assert await world.look(40) == 1
    world.said()
    assert await world.look(30) == 0
    assert next(each for each in world.record.status.conditions if each.type == "Autoscaled").reason == "Asleep"
    world.said(held=3)
    assert await world.look() == 1
    assert world.happened()[0] == "ScaledUp"
    assert world.happened()[-2:] == ["ScaledToZero", "WokenUp"]


@pytest.mark.asyncio
async def test_silence_and_a_missing_gateway_take_nothing_away(world: World) -> None:
    world.said(9.0)
    assert await world.look(12) == 5
    world.load = None
    assert await world.look(100) == 5
    world.said(complete=False)
    assert await world.look(100) == 5
    world.said(complete=True)
    assert await world.look(60) == 0


@pytest.mark.asyncio
async def test_a_new_control_process_goes_on_where_the_last_one_was(world: World) -> None:
    world.said(9.0)
    assert await world.look(12) == 5
    world.restart()
    world.said()
    assert await world.look(8) == 5  # not watched for long enough
    assert await world.look(60) == 0
    world.restart()
    assert await world.look(5) == 0
    world.said(held=1)
    assert await world.look() == 1


@pytest.mark.asyncio
async def test_a_new_revision_is_started_once_although_it_could_sleep(world: World) -> None:
    world.said()
    await world.look(30)
    assert await world.look() == 0
    world.starts, world.ready = False, 0
    world.documents.apply_deployment(replace(DEPLOYMENT, package="sha256:" + "b" * 64))
    assert await world.look(100) == 1  # it has never answered
    world.starts = True
    await world.look(3)
    assert await world.look(40) == 0


@pytest.mark.asyncio
async def test_other_bounds_hold_at_once(world: World) -> None:
    world.said(9.0)
    assert await world.look(12) == 5
    world.documents.apply_deployment(replace(DEPLOYMENT, autoscale=replace(POLICY, max_replicas=3)))
    assert world.autoscaler.scaled(world.record).deployment.replicas == 3
    world.documents.apply_deployment(replace(DEPLOYMENT, autoscale=None, replicas=2))
    await world.look()
    assert world.autoscaler.scaled(world.record).deployment.replicas == 2
    assert world.autoscaler.gauges() == {}


def test_the_book_adds_up_gateways_here_and_elsewhere(tmp_path: Path) -> None:
    now = 50.0
    book = LoadBook(tmp_path, clock=lambda: now)
    assert book.measure() == Measured(by_version={}, heard=0, complete=True)
    write_load(tmp_path, WorkerLoad(worker=0, versions=(VersionLoad(name="p/m/v", in_flight=2.5, active=True),)))
    write_load(tmp_path, WorkerLoad(worker=1))
    assert not book.heard("far", [WorkerLoad(worker=0, versions=(VersionLoad(name="p/m/v", in_flight=1.0),))])
    assert book.heard("further", [WorkerLoad(worker=0, versions=(VersionLoad(name="p/m/v", held=2),))])
    measured = book.measure()
    assert (measured.heard, measured.complete) == (4, True)
    assert measured.by_version["p/m/v"] == VersionLoad(name="p/m/v", in_flight=3.5, held=2, active=True)
    now = 60.0
    measured = book.measure()
    assert (measured.heard, measured.complete) == (2, False)  # those elsewhere are missed
    now = 500.0
    assert book.measure().complete  # and given up
    load_path(tmp_path, 1).write_bytes(b"{")
    assert book.measure().heard == 1


class Cluster:
    """One with an autoscaler of its own, which says what the test says."""

    def __init__(self) -> None:
        self.says = ClusterWish(None, "not yet")
        self.asked: list[tuple[CpuTarget, int]] = []
        self.let_go: list[VersionKey] = []

    def wish(self, key: VersionKey, target: CpuTarget, running: int) -> ClusterWish:
        assert key == KEY
        self.asked.append((target, running))
        return self.says

    def unfollow(self, key: VersionKey) -> None:
        self.let_go.append(key)


async def test_a_clusters_own_autoscaler_is_asked_and_followed(world: World) -> None:
    cluster = Cluster()
    policy = Autoscale(min_replicas=1, max_replicas=4, cpu_percent=60)
    world.documents.apply_deployment(replace(DEPLOYMENT, cluster="k8s", autoscale=policy))
    world.cluster = cluster
    world.restart()
    assert await world.look(2) == 1  # what it has not said yet changes nothing
    cluster.says = ClusterWish(3, "83 % of CPU")
    assert await world.look() == 3
    assert await world.look() == 3
    assert cluster.asked[-1] == (CpuTarget(1, 4, 60), 3)
    event = next(each for each in world.events.list("Deployment", str(KEY)) if each.reason == "ScaledUp")
    assert event.message == "from 1 to 3: 83 % of CPU"
    cluster.says = ClusterWish(None, "the cluster does not answer")
    assert await world.look() == 3
    world.documents.apply_deployment(replace(DEPLOYMENT, cluster="k8s"))
    world.said(1.0)
    await world.look()
    assert cluster.let_go == [KEY]
