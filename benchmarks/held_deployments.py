"""Thousands of deployments that are ready already: what a reconcile pass over them takes, and how much memory control has.

The store is real; the cluster only remembers. Part of `make bench-deploy`: ARGUMENTS="--only held".
"""

import asyncio
import time
from pathlib import Path
from types import MappingProxyType

import psycopg
from journeys.fake_cluster import FakeOperator, FakePreparer, World
from journeys.postgres_server import programs, running_postgres

from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.held_replica import HeldReplica
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaState
from modelway_platform.store import schema
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.replicas import Replicas, row_of
from modelway_platform.store.upsert import upsert

HELD = 5000
PASSES = 5


def held(folder: Path, count: int = HELD) -> dict[str, float]:
    """The figures on both databases; without PostgreSQL's where it is not installed."""
    figures = asyncio.run(_measure(folder / "modelway.db", "sqlite", count))
    if programs() is not None:
        with running_postgres() as server:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE held")
            figures |= asyncio.run(_measure(server.url_of("held"), "postgresql", count))
    return figures


async def _measure(place: Path | str, engine: str, count: int) -> dict[str, float]:
    with Database.open(place) as database:
        wanted = [
            Deployment(key=VersionKey(f"p{n % 10}", f"m{n}", "v1"), package="sha256:" + f"{n % 50:064x}")
            for n in range(count)
        ]
        documents = Documents(database)
        started = time.monotonic()
        await asyncio.to_thread(documents.apply, wanted, author="bench")
        applied = time.monotonic() - started
        world, registered = _world(database, wanted)
        reconciler = _reconciler(database, documents, world, registered)
        await reconciler.adopt()
        first = await _pass(reconciler)
        await _settled(reconciler)
        passes = sorted([await _pass(reconciler) for _ in range(PASSES)])
    return {
        f"held_{engine}_apply_s": round(applied, 1),
        f"held_{engine}_first_pass_s": round(first, 1),
        f"held_{engine}_pass_s": round(passes[PASSES // 2], 2),
        f"held_{engine}_rss_mib": round(_resident_mib()),
    }


async def _settled(reconciler: Reconciler) -> None:
    """Packages are made startable beside the passes, which write what came of it."""
    for _ in range(3):
        await asyncio.sleep(0.5)
        await _pass(reconciler)


async def _pass(reconciler: Reconciler) -> float:
    started = time.monotonic()
    await reconciler.once()
    return time.monotonic() - started


def _world(database: Database, wanted: list[Deployment]) -> tuple[World, set[str]]:
    """Every deployment's replica runs, is registered and on record, as a control process of before has left it."""
    world, registered = World(), set[str]()
    rows: list[dict[str, object]] = []
    for deployment in wanted:
        spec = ReplicaSpec(
            id=f"{deployment.key.model}-v1-held",
            key=deployment.key,
            package=deployment.package,
            environment="held",
            workers=deployment.workers,
            env=MappingProxyType({}),
            drain_seconds=deployment.drain_seconds,
            cluster=deployment.cluster,
            resources=deployment.resources,
            processes=deployment.processes,
        )
        world.running[spec.id] = spec
        replica = HeldReplica(
            spec=spec,
            template=template_of(deployment),
            revision=1,
            state=ReplicaState.READY,
            started_at=time.time(),
            placement={"fake": True},
            answered=True,
        )
        rows.append(row_of(replica.to_record()))
    with database.write() as connection:
        upsert(connection, schema.replicas, rows)
    return world, registered


def _reconciler(database: Database, documents: Documents, world: World, registered: set[str]) -> Reconciler:
    changes = Changes()

    def never(_: object) -> FakeOperator:
        raise AssertionError("no other cluster is declared")

    operator = FakeOperator(world, registered, lambda _: changes.notify())
    events = Events(database)
    fleet = Fleet(
        store=Replicas(database), events=events, clusters=Clusters(operator, never), drop_endpoint=registered.discard
    )
    preparer = FakePreparer()
    return Reconciler(
        documents=documents,
        fleet=fleet,
        preparations=Preparations(lambda _: preparer, notify=changes.notify),
        book=PhaseBook(Phases(database)),
        changes=changes,
        registered=lambda: set(registered),
    )


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / (1 << 20)
