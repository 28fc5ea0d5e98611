"""The loop with a real store and real processes: started, replaced, scaled, ended, and what is said of it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from journeys.control_bench import (
    DEPLOYMENT,
    KEY,
    OTHER,
    Control,
    processes,
    until,
)

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.domain.deployments.deployment import Phase
from modelway_platform.domain.deployments.hold import HoldKind
from modelway_platform.domain.deployments.phases import PhaseName, PhaseState
from modelway_platform.domain.stages.stage import Stage, StageKey


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
    one.documents.delete("Deployment", str(KEY))
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
