"""A Deployment's model processes and devices: read, kept, refused where impossible, and a reason to replace replicas."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.held_replica import HeldReplica, from_record
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.model_processes import ModelProcesses
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.records import ReplicaState

TWO = ModelProcesses(count=2, devices=("cuda:0", "cuda:1"))


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


def test_they_are_read_and_kept() -> None:
    found = deployment(", modelProcesses: 2, devices: [cuda:0, cuda:1]")
    assert found.processes == TWO
    spec = document_to_json(found)["spec"]
    assert (spec["modelProcesses"], spec["devices"]) == (2, ["cuda:0", "cuda:1"])
    assert document_from_json(document_to_json(found)) == found


def test_a_document_without_them_is_as_it_was() -> None:
    found = deployment("")
    assert found.processes == ModelProcesses()
    assert not {"modelProcesses", "devices"} & document_to_json(found)["spec"].keys()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (", modelProcesses: 65", "modelProcesses"),
        (", modelProcesses: -1", "modelProcesses"),
        (", modelProcesses: two", "modelProcesses"),
        (", modelprocesses: 2", 'did you mean "modelProcesses"'),
        (", devices: cuda", "devices"),
        (", devices: [gpu]", "spec.devices[0]: not a device (cpu, cuda, cuda:1 or mps)"),
        (", devices: [{a: 1}]", "spec.devices[0]: not a device"),
        (", devices: ['cuda:0,cuda:1']", "spec.devices[0]: not a device"),
        (", devices: [cuda:0, cuda:1]", "spec.devices: 2 devices for 1 copy of the model"),
        (", modelProcesses: 2, devices: [cpu, cpu, cpu]", "3 devices for 2 copies"),
        (", modelProcesses: 2, devices: [cuda:0, cuda:1], resources: {gpus: 1}", "cuda:1, but resources.gpus is 1"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(spec: str, told: str) -> None:
    found = read(spec)
    assert isinstance(found, list), found
    assert any(told in each for each in found), found


def test_devices_go_to_workers_too() -> None:
    assert deployment(", workers: 2, devices: [cuda:0, cuda:1]").processes.devices == ("cuda:0", "cuda:1")


def test_a_change_replaces_replicas_and_none_leaves_older_ones_alone() -> None:
    plain = deployment("")
    assert template_of(replace(plain, processes=TWO)) != template_of(plain)
    assert template_of(replace(plain, processes=TWO)) != template_of(replace(plain, processes=ModelProcesses(count=2)))
    assert template_of(plain) == "9e5bd920fb9d5bbe"


def test_a_replica_is_started_again_with_them_after_a_restart_of_control() -> None:
    spec = ReplicaSpec(id="r1", key=deployment("").key, package="p", environment="e", processes=TWO)
    held = HeldReplica(spec=spec, template="t", revision=1, state=ReplicaState.READY, started_at=1.0)
    assert from_record(held.to_record()) == held
    before = held.to_record()
    older = replace(before, placement={name: each for name, each in before.placement.items() if name != "processes"})
    assert from_record(older).spec.processes == ModelProcesses()
