"""The loop over several clusters: moving, one out of reach, one after another with a yes between."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from journeys.control_bench import (
    DEPLOYMENT,
    KEY,
    Control,
    OtherPlace,
    processes,
    until,
)

from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Phase
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.records import ReplicaState


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
    two.documents.delete("Deployment", str(KEY))
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
    one.documents.delete("Deployment", str(KEY), author="ada")
    await until(lambda: one.record() is None, 40)
    assert where(one) == {}
