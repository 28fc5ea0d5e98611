"""What is said before an apply, and that what happens then is just that."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.reconcile.decision import (
    Preparation,
    Replica,
    Stage,
    StartReplica,
    StopReplica,
    decide,
    template_of,
)
from modelway_platform.deploy.reconcile.effects import effects_of
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.documents.document_json import Document
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import (
    ClusterRecord,
    Declared,
    DeploymentRecord,
    ReplicaState,
    RouteRecord,
)
from modelway_platform.domain.routing.route import Route, VersionWeight

KEY = VersionKey("vision", "digits", "v1")
OLD = Deployment(key=KEY, package="sha256:" + "a" * 64, replicas=3, cluster="box")
ROUTE = Route(key=ModelKey("vision", "digits"), versions=(VersionWeight(version="v1", weight=1),))
CHANGES: dict[str, tuple[Deployment, list[str]]] = {
    "nothing": (OLD, []),
    "drain time": (replace(OLD, drain_seconds=3.0), ["in-place", "traffic"]),
    "stage": (replace(OLD, stage="canary"), ["in-place", "traffic"]),
    "more": (replace(OLD, replicas=5), ["start", "traffic"]),
    "fewer": (replace(OLD, replicas=1), ["stop", "traffic"]),
    "variables": (replace(OLD, env={"A": "b"}), ["rolling-restart", "traffic"]),
    "limits": (replace(OLD, resources=Resources(cpus=1.0)), ["rolling-restart", "traffic"]),
    "package": (replace(OLD, package="sha256:" + "b" * 64), ["build", "rolling-restart", "traffic"]),
    "cluster": (replace(OLD, cluster="local"), ["build", "move", "traffic"]),
    "none": (replace(OLD, replicas=0, workers=2), ["stop", "traffic"]),
}


def declared(*documents: Document) -> Declared:
    return Declared(
        deployments=tuple(record(each) for each in documents if isinstance(each, Deployment)),
        routes=tuple(
            RouteRecord(route=each, revision=1, created_at=0, updated_at=0)
            for each in documents
            if isinstance(each, Route)
        ),
        clusters=tuple(
            ClusterRecord(cluster=each, revision=1, created_at=0, updated_at=0)
            for each in documents
            if isinstance(each, Cluster)
        ),
    )


def record(deployment: Deployment) -> DeploymentRecord:
    return DeploymentRecord(deployment=deployment, revision=1, status=DeploymentStatus(), created_at=0, updated_at=0)


def said(document: Document, before: Declared, after: Declared) -> list[str]:
    return [f"{effect.kind}: {effect.text}" for effect in effects_of(document, before, after)]


@pytest.mark.parametrize("name", CHANGES)
def test_what_would_happen_is_what_the_reconciler_then_does(name: str) -> None:
    new, kinds = CHANGES[name]
    effects = [each.kind for each in effects_of(new, declared(OLD), declared(new))]
    assert effects == kinds
    started, stopped, kept = reconciled(OLD, new)
    if {"rolling-restart", "move"} & set(effects):
        assert (started, stopped, kept) == (new.replicas, OLD.replicas, 0)
    elif "start" in effects:
        assert (started, stopped) == (new.replicas - OLD.replicas, 0)
    elif "stop" in effects:
        assert (started, stopped) == (0, OLD.replicas - new.replicas)
    else:
        assert (started, stopped, kept) == (0, 0, OLD.replicas)


def reconciled(old: Deployment, new: Deployment) -> tuple[int, int, int]:
    """How many replicas the reconciler's decisions start and stop on the way from one to the other, and how many stay.

    Everything it starts is ready at once and what it stops is gone at once; on the way nothing is ever short.
    """
    there = {f"old-{n}": template_of(old) for n in range(old.replicas)}
    started = stopped = 0
    for _ in range(100):
        seen = [
            Replica(id=name, template=each, state=ReplicaState.READY, started_at=0.0) for name, each in there.items()
        ]
        steps = decide(record(new), Preparation(stage=Stage.PREPARED), seen, 1.0)
        if not steps:
            return started, stopped, sum(name.startswith("old") for name in there)
        for step in steps:
            match step:
                case StartReplica():
                    started += 1
                    there[f"new-{started}"] = template_of(new)
                case StopReplica(id=name):
                    stopped += 1
                    del there[name]
                case _:
                    pytest.fail(f"unexpected {step}")
        assert len(there) >= min(old.replicas, new.replicas)
    pytest.fail("it never came to rest")


def test_traffic_is_said_in_shares() -> None:
    both = replace(ROUTE, versions=(VersionWeight(version="v1", weight=3), VersionWeight(version="v2", weight=1)))
    second = replace(OLD, key=VersionKey("vision", "digits", "v2"), replicas=0)
    before, after = declared(OLD, second, ROUTE), declared(OLD, second, both)
    assert said(both, before, after) == [
        "traffic: v1 100% → 75%, v2 0% → 25%",
        "traffic: v2 has no replica declared: its share will fail",
        "in-place: gateways take the next route table; no replica is touched",
    ]


@pytest.mark.parametrize(
    ("others", "text"),
    [
        ((), "all of the model's as soon as it is ready: it has no Route"),
        ((replace(OLD, key=VersionKey("vision", "digits", "v0")),), "none: the first version has it"),
        ((replace(ROUTE, versions=(VersionWeight(version="v2", weight=1),)),), "none: its Route gives it no weight"),
        ((ROUTE,), "100% of the model's, as its Route says"),
    ],
)
def test_a_new_version_says_what_it_gets(others: tuple[Document, ...], text: str) -> None:
    assert said(OLD, declared(*others), declared(*others, OLD))[-1] == f"traffic: {text}"


def test_stopping_what_a_route_needs_is_said() -> None:
    new = replace(OLD, replicas=0)
    assert said(new, declared(OLD, ROUTE), declared(new, ROUTE))[-1] == (
        "traffic: 100% of the model's requests will find no replica"
    )


def test_a_changed_cluster_says_whom_it_concerns() -> None:
    box, moved = Cluster(name="box", operator="docker"), Cluster(name="box", operator="process")
    assert said(box, declared(), declared(box)) == ["cluster: deployments may name it from now on"]
    assert said(moved, declared(box, OLD), declared(moved, OLD))[0].startswith("cluster: 1 deployment(s) there")
