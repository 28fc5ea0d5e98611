"""Row R5: control is killed, fails or is slow before and after every step; it always ends right, with nothing doubled or left.

The store is real, the cluster only remembers. Scenarios run side by side, each with a database of its own. Kills strike at every
step; errors and slowness at every third, with MODELWAY_R5=all at every one.
"""

import asyncio
import inspect
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from journeys.fake_cluster import FakeOperator, FakePreparer, World

from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.domain.deployments.deployment import Deployment, Phase
from modelway_platform.domain.deployments.phases import OVER, PhaseName
from modelway_platform.domain.identity import VersionKey
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.replicas import Replicas

KEY = VersionKey("vision", "digits", "v1")
FIRST = Deployment(key=KEY, package="sha256:" + "a" * 64, replicas=2)
SECOND = replace(FIRST, package="sha256:" + "b" * 64)
Kind = Literal["kill", "error", "sleep"]
SIDE_BY_SIDE = 16
SLOW_SECONDS = 0.3
LIMIT_SECONDS = 120.0


class KilledError(BaseException):
    """Stands for kill -9 of control: nothing may catch it."""


@dataclass
class Plan:
    """Which of all the steps that control takes meets with a fault; 0 for none."""

    point: int = 0
    kind: Kind = "kill"
    steps: int = 0
    struck: str = ""
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self, name: str) -> float:
        """Counts; strikes where it is due. Returns seconds to be slow for."""
        if self.killed.is_set():
            raise KilledError  # whatever a dead process still has in its threads does nothing
        self.steps += 1
        if self.steps != self.point:
            return 0.0
        self.struck = name
        if self.kind == "kill":
            self.killed.set()
            raise KilledError
        if self.kind == "error":
            raise OSError(f"injected at {name}")
        return SLOW_SECONDS


class Faulty:
    """Any port with a step before and after each call of the methods named."""

    def __init__(self, inner: Any, plan: Plan, *names: str) -> None:
        self._inner = inner
        self._plan = plan
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found
        label = f"{type(self._inner).__name__}.{name}"
        if inspect.iscoroutinefunction(found):

            async def call_async(*args: Any, **more: Any) -> Any:
                await asyncio.sleep(self._plan.step(f"before {label}"))
                answer = await found(*args, **more)
                await asyncio.sleep(self._plan.step(f"after {label}"))
                return answer

            return call_async

        def call(*args: Any, **more: Any) -> Any:
            time.sleep(self._plan.step(f"before {label}"))
            answer = found(*args, **more)
            time.sleep(self._plan.step(f"after {label}"))
            return answer

        return call


class Control:
    """One control process's worth of objects over a database and a world."""

    def __init__(self, path: Path, world: World, plan: Plan) -> None:
        self.changes = changes = Changes()
        self.database = Database.open(path)
        self.documents = Documents(self.database, changes.notify)
        self.replicas = Replicas(self.database, changes.notify)
        self.phases = Phases(self.database, changes.notify)
        self.plan = plan
        registered: set[str] = set()
        self.operator = FakeOperator(world, registered, lambda _: changes.notify())
        preparer: Any = Faulty(FakePreparer(), plan, "do")
        operator: Any = Faulty(self.operator, plan, "adopt", "start", "stop", "forget")
        documents: Any = Faulty(self.documents, plan, "save_statuses", "remove_deployment")
        replicas: Any = Faulty(self.replicas, plan, "save", "save_all", "delete")
        phases: Any = Faulty(self.phases, plan, "save")
        events: Any = Faulty(Events(self.database, changes.notify), plan, "add_all")
        self.preparations = Preparations(lambda _: preparer, notify=changes.notify)

        def never(_: Any) -> Any:
            raise AssertionError("no other cluster is declared")

        self.reconciler = Reconciler(
            documents=documents,
            fleet=Fleet(
                store=replicas, events=events, clusters=Clusters(operator, never), drop_endpoint=registered.discard
            ),
            preparations=self.preparations,
            book=PhaseBook(phases),
            changes=changes,
            registered=lambda: set(registered),
        )
        self.task = asyncio.create_task(self.reconciler.run())

    async def end(self) -> None:
        self.plan.killed.set()
        self.operator.close()
        self.task.cancel()
        with suppress(asyncio.CancelledError, KilledError, OSError):
            await self.task
        await self.preparations.close()
        self.database.close()


@dataclass
class Scenario:
    """A deployment's whole life with one fault in it."""

    folder: Path
    plan: Plan
    world: World = field(default_factory=World)
    control: Control = field(init=False)
    restarts: int = 0

    async def run(self) -> None:
        self.control = Control(self.folder / "modelway.db", self.world, self.plan)
        try:
            await self.declare(lambda documents: documents.apply_deployment(FIRST))
            await self.until(self.is_ready)
            await self.declare(lambda documents: documents.apply_deployment(SECOND))
            await self.until(self.is_ready)
            self.check_ready()
            await self.declare(lambda documents: documents.delete("Deployment", str(KEY)))
            await self.until(lambda: self.control.documents.get_deployment(KEY) is None)
            await self.until(lambda: not self.world.running and not self.control.replicas.list())
            self.check_history()
        finally:
            await self.control.end()

    async def declare(self, change: Callable[[Documents], object]) -> None:
        await asyncio.to_thread(change, self.control.documents)

    def is_ready(self) -> bool:
        record = self.control.documents.get_deployment(KEY)
        if record is None or record.status.phase is not Phase.READY:
            return False
        package = record.deployment.package
        runs = self.control.phases.of(str(KEY), record.revision)
        return (
            record.status.observed_revision == record.revision
            and {spec.package for spec in self.world.running.values()} == {package}
            and len(self.world.running) == len(self.control.replicas.list()) == 2
            and len(runs) == len(PhaseName)
            and all(run.state in OVER for run in runs)
        )

    def check_ready(self) -> None:
        known = {each.id for each in self.control.replicas.list()}
        assert set(self.world.running) == known, "orphans"
        for revision in (1, 2):
            runs = self.control.phases.of(str(KEY), revision)
            assert Counter(run.phase for run in runs) == Counter(PhaseName), "each phase once"

    def check_history(self) -> None:
        revisions = self.control.documents.revisions("Deployment", str(KEY))
        assert [each.cause for each in revisions] == ["apply", "apply", "delete"], "no change is recorded twice"

    async def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not await asyncio.to_thread(done):
            assert time.monotonic() < deadline, f"{self.plan.kind} {self.plan.struck}: it does not end"
            if self.plan.killed.is_set() or self.control.task.done():
                await self.control.end()
                self.restarts += 1
                self.plan = Plan()
                self.control = Control(self.folder / "modelway.db", self.world, self.plan)
            await asyncio.sleep(0.05)


async def many(scenarios: list[Callable[[], Awaitable[None]]]) -> None:
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(scenario: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await scenario()

    await asyncio.gather(*(one(each) for each in scenarios))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["kill", "error", "sleep"])
async def test_whatever_happens_at_whichever_step_it_ends_right(
    kind: Kind, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    Database.open(tmp_path / "empty.db").close()
    empty = (tmp_path / "empty.db").read_bytes()

    def scenario(point: int) -> Scenario:
        folder = tmp_path / str(point)
        folder.mkdir()
        (folder / "modelway.db").write_bytes(empty)
        return Scenario(folder=folder, plan=Plan(point=point, kind=kind))

    whole = scenario(0)
    whole_plan = whole.plan
    await whole.run()
    assert whole_plan.steps >= 60
    stride = 1 if kind == "kill" or os.environ.get("MODELWAY_R5") == "all" else 3
    struck = [scenario(point) for point in range(1, whole_plan.steps + 1, stride)]
    plans = [each.plan for each in struck]
    await many([each.run for each in struck])
    hit = [plan.struck for plan in plans if plan.struck]
    restarts = sum(each.restarts for each in struck)
    record_property(f"r5_{kind}_places", len(set(hit)))
    record_property(f"r5_{kind}_restarts", restarts)
    record_property(f"r5_{kind}", len(hit))
    assert len(hit) >= 50 // stride
    assert restarts >= (50 if kind == "kill" else 0)
