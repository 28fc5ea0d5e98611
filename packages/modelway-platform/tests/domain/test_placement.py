"""A Deployment's `clusters`: read, kept, refused where impossible; and whose turn it is at the barrier."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.api.read_yaml import read_yaml
from modelway_platform.deploy.reconcile.barrier import opening
from modelway_platform.deploy.reconcile.effects import effects_of
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import ClusterStatus, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.deployments.placement import Placement
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
            ", clusters: [{name: local}], autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 4}}",
            "spec.autoscale: each of several clusters",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(spec: str, told: str) -> None:
    found = read(spec)
    assert isinstance(found, list), found
    assert any(told in each for each in found), found


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
    assert deployments_on("engine", declared) == deployments_on("local", declared) == ["vision/digits/v1"]


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
