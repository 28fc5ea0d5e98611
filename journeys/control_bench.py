"""A control process's worth of objects over a real store and real processes, for tests of the reconciler; only the model server and the environment are stand-ins."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

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
from modelway_platform.domain.deployments.phases import PhaseName, PhaseState
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaRecord
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


async def until(what: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def processes(instance: str) -> dict[str, int]:
    found = [(marked.replica, marked.identity.pid) for marked in process_table.find_marked(instance)]
    assert len(dict(found)) == len(found), "a replica is running twice"
    return dict(found)
