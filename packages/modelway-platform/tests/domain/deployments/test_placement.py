"""A Deployment's `clusters`: read, kept, refused where impossible; and whose turn it is at the barrier."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.reconcile.barrier import opening, placed
from modelway_platform.deploy.reconcile.decision import template_of, templates_of
from modelway_platform.deploy.reconcile.effects import effects_of
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import ClusterStatus, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.deployments.placement_shares import shared_out, shares
from modelway_platform.domain.documents.admit_clusters import cluster_problems, deployments_on
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.records import ClusterRecord, Declared, DeploymentRecord

TWO = ", clusters: [{name: local}, {name: engine, replicas: 2, soakSeconds: 60, approval: true}]"


def read(spec: str) -> Written | list[str]:
    text = (
        "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: vision, model: digits, version: v1}\n"
        f"spec: {{package: 'sha256:{'a' * 64}'{spec}}}\n"
    )
    found = read_document("f.yaml", read_yaml(text)[0])
    return found if isinstance(found, Written) else [f"{each.message} ({each.hint})" for each in found]


def written(spec: str) -> tuple[Written, Deployment]:
    found = read(spec)
    assert isinstance(found, Written), found
    assert isinstance(found.document, Deployment)
    return found, found.document


def test_they_are_read_and_kept() -> None:
    _, found = written(TWO)
    assert found.placements == (
        Placement(name="local", replicas=1, step=1),
        Placement(name="engine", replicas=2, step=2, soak_seconds=60, approval=True),
    )
    assert (found.cluster, found.replicas, found.clusters) == ("local", 3, ("local", "engine"))
    shown = document_to_json(found)
    assert not {"cluster", "replicas"} & shown["spec"].keys()
    assert document_from_json(shown) == found
    _, beside = written(", clusters: [{name: local}, {name: a, step: 2}, {name: b, step: 2}, {name: c}]")
    assert [each.step for each in beside.placements] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (", clusters: []", "is empty"),
        (", clusters: local", "expected a list"),
        (", clusters: [{name: local}, {name: local}]", "cluster local appears twice"),
        (", clusters: [{name: local, soakSeconds: 5}]", "nothing comes before step 1"),
        (", clusters: [{name: local, approval: true}, {name: engine}]", "nothing comes before step 1"),
        (", clusters: [{name: local}], replicas: 2", "spec.replicas: clusters says"),
        (", clusters: [{name: local}], cluster: local", "spec.cluster: clusters says"),
        (", clusters: [{name: local, Replicas: 2}]", 'did you mean "replicas"'),
        (
            ", clusters: [{name: local}], autoscale: {maxReplicas: 2, target: {cpuPercent: 50}}",
            "spec.autoscale.target.cpuPercent: each of several clusters",
        ),
        (
            ", clusters: [{name: local, replicas: 0}], autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 4}}",
            "spec.clusters: with autoscale, replicas are proportions, and all of them are 0",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(spec: str, told: str) -> None:
    found = read(spec)
    assert isinstance(found, list), found
    assert any(told in each for each in found), found


AUTO = ", autoscale: {minReplicas: 2, maxReplicas: 9, target: {inFlightPerReplica: 4}}"


def test_with_autoscale_each_cluster_has_a_proportion() -> None:
    _, found = written(TWO + AUTO)
    assert (found.replicas, found.clusters) == (2, ("local", "engine"))
    assert document_from_json(document_to_json(found)) == found
    assert templates_of(found) == {template_of(replace(found, cluster=name)) for name in found.clusters}
    record = DeploymentRecord(
        deployment=replace(found, replicas=9), revision=1, status=DeploymentStatus(), created_at=1.0, updated_at=1.0
    )
    assert [each.replicas for each in placed(record, {})] == [3, 6]
    asleep = replace(record, deployment=replace(found, replicas=0))
    assert [each.replicas for each in placed(asleep, {})] == [1, 1], "it is seen whether it starts"
    passed = {"local": ClusterStatus(name="local", step=1, opened=True, passed_at=5.0)}
    assert [each.replicas for each in placed(asleep, passed)] == [0, 1]


@given(st.integers(0, 100), st.lists(st.integers(0, 100), max_size=8))
def test_shares_are_whole_near_and_never_fall_when_there_is_more(total: int, proportions: list[int]) -> None:
    found, more = shares(total, proportions), shares(total + 1, proportions)
    assert sum(found) == (total if any(proportions) else 0)
    assert all(one or not count for one, count in zip(proportions, found, strict=True))
    grown = [after - before for before, after in zip(found, more, strict=True)]
    assert sorted(grown) == [0] * (len(grown) - any(proportions)) + [1] * any(proportions)
    for one, mine in zip(proportions, found, strict=True):
        for other, theirs in zip(proportions, found, strict=True):
            # Nobody could give one of his to another and be nearer to what is due to both.
            assert not mine or one * (2 * theirs + 1) >= other * (2 * mine - 1)


@given(st.integers(0, 30), st.lists(st.integers(0, 9), min_size=1, max_size=5), st.data())
def test_what_is_wanted_in_all_holds_once_all_clusters_have_shown_that_it_starts(
    total: int, proportions: list[int], data: st.DataObject
) -> None:
    placements = [Placement(name=f"c{at}", replicas=one) for at, one in enumerate(proportions)]
    names = [each.name for each in placements]
    proven = data.draw(st.sets(st.sampled_from(names)))
    found = shared_out(placements, total, proven)
    assert [each.name for each in found] == names
    if proven == set(names):
        assert sum(each.replicas for each in found) == (total if any(proportions) else 0)
    for each, declared in zip(found, placements, strict=True):
        assert each.replicas >= (0 if each.name in proven else min(declared.replicas, 1))
        assert each.replicas <= max(total, 1) * bool(declared.replicas)


def test_a_cluster_there_is_not_is_shown_where_it_is_named() -> None:
    document, deployment = written(TWO)
    (problem,) = cluster_problems([document], Declared(deployments=(), routes=()))
    assert problem.message.endswith("there is no cluster 'engine'")
    record = DeploymentRecord(
        deployment=deployment, revision=1, status=DeploymentStatus(), created_at=1.0, updated_at=1.0
    )
    cluster = ClusterRecord(cluster=Cluster(name="engine"), revision=1, created_at=1.0, updated_at=1.0)
    declared = Declared(deployments=(record,), routes=(), clusters=(cluster,))
    assert list(cluster_problems([document], declared)) == []
    assert deployments_on("engine", declared) == ["vision/digits/v1"]
    assert deployments_on("local", declared) == [], "it stays when its document goes"


FIRST, SECOND = Placement(name="a", step=1), Placement(name="b", step=2, soak_seconds=60, approval=True)
READY = ClusterStatus(name="a", step=1, phase=Phase.READY, opened=True, passed_at=100.0)


@pytest.mark.parametrize(
    ("seen", "approved", "now", "reason"),
    [
        (None, (), 100.0, "WaitsForEarlier"),
        (replace(READY, phase=Phase.PLACING, passed_at=0.0), (), 100.0, "WaitsForEarlier"),
        (replace(READY, phase=Phase.FAILED, passed_at=0.0, message="it fell"), ("b",), 900.0, "Stopped"),
        (replace(READY, phase=Phase.DEGRADED), ("b",), 900.0, "Stopped"),
        (READY, ("b",), 159.0, "Soaks"),
        (READY, (), 160.0, "WaitsForApproval"),
        (READY, ("b",), 160.0, ""),
    ],
)
def test_the_next_begins_when_the_one_before_has_held(
    seen: ClusterStatus | None, approved: tuple[str, ...], now: float, reason: str
) -> None:
    kept = {"a": seen} if seen else {}
    found = opening(SECOND, (FIRST, SECOND), kept, approved, now)
    assert (found.open, found.reason) == (not reason, reason)
    assert found.open or found.why
    if reason == "Soaks":
        assert found.until == 160.0
    assert opening(FIRST, (FIRST, SECOND), kept, approved, now).open
    begun = {**kept, "b": ClusterStatus(name="b", step=2, opened=True)}
    assert opening(SECOND, (FIRST, SECOND), begun, (), now).open, "who has begun goes on"


def test_a_dry_run_says_the_order() -> None:
    _, deployment = written(TWO)
    record = DeploymentRecord(
        deployment=deployment, revision=1, status=DeploymentStatus(), created_at=1.0, updated_at=1.0
    )
    nothing = Declared(deployments=(), routes=())
    texts = {each.kind: each.text for each in effects_of(deployment, nothing, replace(nothing, deployments=(record,)))}
    assert texts["start"] == "3 replicas on local, engine"
    assert texts["steps"].endswith("local, then engine (after 60 s and somebody's yes)")
