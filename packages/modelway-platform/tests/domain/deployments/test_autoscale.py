"""A Deployment's `autoscale`: read, kept, refused where impossible, told gateways; never a reason to replace replicas."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.domain.deployments.autoscale import Autoscale, ScaleToZero, ScalingEntry
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus, Phase
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.routing.endpoint import EndpointView
from modelway_platform.domain.table.compile_again import TableCompiler
from modelway_platform.domain.table.compile_route_table import compile_table

ZERO = ", autoscale: {minReplicas: 0, maxReplicas: 3, target: {inFlightPerReplica: 8}, scaleToZero: {idleSeconds: 30}}"


def read(spec: str) -> Deployment | list[str]:
    text = (
        "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: vision, model: digits, version: v1}\n"
        f"spec: {{package: 'sha256:{'a' * 64}'{spec}}}\n"
    )
    found = read_document("f.yaml", read_yaml(text)[0])
    if not isinstance(found, Written):
        return [f"{each.message} ({each.hint})" for each in found]
    assert isinstance(found.document, Deployment)
    return found.document


def deployment(spec: str) -> Deployment:
    found = read(spec)
    assert isinstance(found, Deployment), found
    return found


def test_it_is_read_and_kept() -> None:
    found = deployment(ZERO)
    assert found.autoscale == Autoscale(min_replicas=0, max_replicas=3, in_flight=8, zero=ScaleToZero(idle_seconds=30))
    assert found.replicas == 1  # a new revision is seen to start
    shown = document_to_json(found)
    assert "replicas" not in shown["spec"]
    assert shown["spec"]["autoscale"]["scaleToZero"]["holdSeconds"] == 60
    assert document_from_json(shown) == found


def test_percent_of_cpu_is_read_and_kept() -> None:
    found = deployment(", autoscale: {minReplicas: 2, maxReplicas: 3, target: {cpuPercent: 70}}")
    assert found.autoscale == Autoscale(min_replicas=2, max_replicas=3, cpu_percent=70)
    shown = document_to_json(found)
    assert shown["spec"]["autoscale"]["target"] == {"cpuPercent": 70}
    assert document_from_json(shown) == found


def test_a_document_without_it_is_as_it_was() -> None:
    found = deployment(", replicas: 2")
    assert (found.autoscale, found.replicas) == (None, 2)
    assert "autoscale" not in document_to_json(found)["spec"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (", replicas: 2" + ZERO, "spec.replicas: autoscale decides"),
        (", autoscale: {maxReplicas: 2}", "missing field spec.autoscale.target"),
        (", autoscale: {maxReplicas: 2, target: {}}", "name one of inFlightPerReplica and cpuPercent"),
        (", autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 4, cpuPercent: 50}}", "name one of"),
        (", autoscale: {maxReplicas: 2, target: {cpuPercent: 101}}", "cpuPercent"),
        (", autoscale: {minReplicas: 0, maxReplicas: 2, target: {cpuPercent: 50}}", "no request wakes a deployment"),
        (
            ", autoscale: {maxReplicas: 2, target: {cpuPercent: 50}, panicWindowSeconds: 3}",
            "the cluster's autoscaler decides by its own",
        ),
        (", autoscale: {target: {inFlightPerReplica: 4}}", "missing field spec.autoscale.maxReplicas"),
        (", autoscale: {maxReplicas: 101, target: {inFlightPerReplica: 4}}", "maxReplicas"),
        (", autoscale: {minReplicas: 3, maxReplicas: 2, target: {inFlightPerReplica: 4}}", "is more than maxReplicas"),
        (", autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 0}}", "inFlightPerReplica"),
        (
            ", autoscale: {maxReplicas: 2, target: {rps: 4, inFlightPerReplica: 1}}",
            "unknown field spec.autoscale.target.rps",
        ),
        (", autoscale: {maxreplicas: 2, target: {inFlightPerReplica: 4}}", 'did you mean "maxReplicas"'),
        (
            ", autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 4}, stableWindowSeconds: 3}",
            "panicWindowSeconds: longer than",
        ),
        (
            ", autoscale: {minReplicas: 1, maxReplicas: 2, target: {inFlightPerReplica: 4}, scaleToZero: {}}",
            "never happens",
        ),
        (", autoscale: 3", "expected a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused(spec: str, told: str) -> None:
    found = read(spec)
    assert isinstance(found, list), found
    assert any(told in each for each in found), found


def test_following_the_load_replaces_nothing() -> None:
    fixed, following = deployment(""), deployment(ZERO)
    assert template_of(fixed) == template_of(following) == template_of(replace(following, replicas=0))


def record(spec: str, phase: Phase = Phase.READY) -> DeploymentRecord:
    status = DeploymentStatus(phase=phase)
    return DeploymentRecord(deployment=deployment(spec), revision=1, status=status, created_at=1.0, updated_at=1.0)


@pytest.mark.parametrize(
    ("spec", "phase", "entry", "weight"),
    [
        ("", Phase.READY, None, 0),
        (", autoscale: {maxReplicas: 2, target: {inFlightPerReplica: 4}}", Phase.READY, ScalingEntry(), 0),
        (ZERO, Phase.READY, ScalingEntry(hold_requests=1000, hold_bytes=2**26, hold_seconds=60), 1),
        (ZERO, Phase.FAILED, ScalingEntry(hold_requests=1000, hold_bytes=2**26, hold_seconds=60, broken=True), 1),
    ],
)
def test_gateways_are_told_who_sleeps(spec: str, phase: Phase, entry: ScalingEntry | None, weight: int) -> None:
    """One that sleeps has the traffic of a model without a Route although it has no endpoint: it can be woken."""
    declared = Declared(deployments=(record(spec, phase),), routes=())
    compiler = TableCompiler()
    view = EndpointView(number=1, by_version={}, touched=None)
    tables = compile_table(declared, (), (), 1), compiler.compile(declared, view, (), 1)
    for table in tables:
        version = table.models[0].versions[0]
        assert (version.scaling, version.weight) == (entry, weight)
    failed = Declared(deployments=(record(spec, Phase.FAILED),), routes=())
    again = compiler.compile(failed, EndpointView(number=2, by_version={}, touched=frozenset()), (), 2)
    told = again.models[0].versions[0].scaling
    assert (told is not None and told.broken) == (entry is not None and entry.hold_requests > 0)
