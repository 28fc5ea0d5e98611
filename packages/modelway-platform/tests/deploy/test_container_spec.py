"""What a replica's container is allowed, and what it is told."""

from collections.abc import Callable
from dataclasses import replace

from modelway_platform.deploy.operators.containers.container_spec import labels_of, request_of
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.domain.deployments.resources import Resources


def test_it_may_do_nothing_but_serve(spec: Callable[..., ReplicaSpec]) -> None:
    request = request_of(spec(), instance="i", network="models")
    assert request.user == "10001:10001"
    assert request.host["NetworkMode"] == "models"
    assert request.host["ReadonlyRootfs"] is True
    assert request.host["CapDrop"] == ["ALL"]
    assert "Memory" not in request.host
    assert request.labels.items() >= labels_of("i", "local").items()


def test_limits_are_the_engines(spec: Callable[..., ReplicaSpec]) -> None:
    limited = replace(spec(), resources=Resources(cpus=0.5, memory=64 * 1024**2, gpus=2))
    host = request_of(limited, instance="i", network="bridge").host
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 64 * 1024**2, 64 * 1024**2)
    assert host["DeviceRequests"][0]["Count"] == 2


def test_a_document_cannot_make_it_claim_to_be_another(spec: Callable[..., ReplicaSpec]) -> None:
    sly = replace(spec(), env={"MODELWAY_MODEL": "other", "TONE": "calm"})
    variables = request_of(sly, instance="i", network="bridge").environment
    assert (variables["MODELWAY_MODEL"], variables["TONE"]) == ("digits", "calm")
