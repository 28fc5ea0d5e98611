"""What is Kubernetes' own: services, nodes, pods that others delete, namespaces that are shared, claims."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from journeys.operator_benches import KubernetesBench

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.deployments.volumes import Volume

pytestmark = [pytest.mark.slow]


async def test_pods_are_found_by_their_service_and_the_service_goes_with_the_last(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await kubernetes.when(lambda: _ids(kubernetes) == {"digits-1", "digits-2"})
    endpoint = kubernetes.leases.endpoints()[0]
    assert (str(endpoint.key), endpoint.port, endpoint.host[:8]) == ("vision/digits/v1", 8080, "10.77.2.")
    operator.stop("digits-1", 5)
    await kubernetes.when(lambda: _ids(kubernetes) == {"digits-2"})
    await kubernetes.ended(operator, "digits-1")
    operator.forget("digits-1")
    assert len(await asyncio.to_thread(_services, kubernetes)) == 1
    operator.stop("digits-2", 5)
    await kubernetes.ended(operator, "digits-2")
    operator.forget("digits-2")
    await kubernetes.when(lambda: not _services(kubernetes) and not kubernetes.ask("GET", "pods")["items"])


async def test_an_image_that_cannot_be_had_and_a_room_that_is_not_there_are_told_as_what_they_are(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    await operator.start(replace(spec("digits-1"), environment="missing.test/digits"))
    assert await kubernetes.ended(operator, "digits-1") == (
        "cannot be started: ErrImagePull: missing.test/digits: not found"
    )
    await operator.start(replace(spec("digits-2"), resources=Resources(cpus=0.5, memory=2**26, gpus=3)))
    await kubernetes.when(lambda: "waits for a node" in operator.observe()["digits-2"].waiting)
    assert "Insufficient nvidia.com/gpu" in operator.observe()["digits-2"].waiting
    assert operator.observe()["digits-2"].exited_at is None
    assert "digits-2" in kubernetes.told
    await operator.start(replace(spec("digits-3"), resources=Resources(cpus=0.5, memory=2**26, gpus=1)))
    await kubernetes.when(lambda: kubernetes.running() == {"digits-3"})


async def test_a_pod_that_others_delete_is_told_and_one_that_is_not_ours_is_left_alone(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    await operator.start(spec())
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1"})
    first = operator.observe()["digits-1"]
    await asyncio.to_thread(kubernetes.ask, "DELETE", f"pods/{first.endpoint}", {"gracePeriodSeconds": 0})
    assert await kubernetes.fell(operator, "digits-1") == "its pod was deleted"
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1"})
    again = operator.observe()["digits-1"]
    assert again.exited_at is None
    assert again.endpoint != first.endpoint
    assert again.run != first.run, "which is counted as a fall"
    strange = {"metadata": {"name": "digits-9"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    await asyncio.to_thread(kubernetes.ask, "POST", "pods", strange)
    await asyncio.to_thread(operator.tidy, ["digits-1"])
    names = {each["metadata"]["name"] for each in (await asyncio.to_thread(kubernetes.ask, "GET", "pods"))["items"]}
    assert "digits-9" in names


async def test_two_platforms_in_one_namespace_do_not_touch_each_other(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await kubernetes.operator()
    await first.start(spec("digits-1"))
    kubernetes.instance = "another"
    second = await kubernetes.operator()
    await second.start(spec("digits-2"))
    await asyncio.to_thread(second.tidy, ["digits-2"])
    await kubernetes.when(lambda: kubernetes.running() == {"digits-1", "digits-2"})
    assert set(first.observe()) == {"digits-1"}
    assert len(await asyncio.to_thread(_services, kubernetes)) == 2


async def test_a_claim_that_is_not_there_keeps_a_pod_waiting_and_one_that_is_runs(
    kubernetes: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await kubernetes.operator()
    claim = Volume(name="weights", kind="claim", source="weights")
    await operator.start(replace(spec(), volumes=(claim,)))
    await kubernetes.when(lambda: "weights" in operator.observe()["digits-1"].waiting)
    assert 'persistentvolumeclaim "weights" not found' in operator.observe()["digits-1"].waiting
    await asyncio.to_thread(_give_claim, kubernetes, "weights")
    given = (
        claim,
        Volume(name="room", kind="scratch", size=2**26, read_only=False),
        Volume(name="words", kind="configMap", source="words", path="/words"),
        Volume(name="keys", kind="secret", source="keys"),
    )
    await operator.start(replace(spec("digits-2"), volumes=given))
    await kubernetes.when(lambda: "digits-2" in kubernetes.running())
    pod = await asyncio.to_thread(kubernetes.pod, "digits-2")
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in pod["spec"]["containers"][0]["volumeMounts"]}
    wanted = {"/volumes/weights": True, "/volumes/room": False, "/words": True, "/volumes/keys": True}
    assert mounts.items() >= wanted.items()
    limits = [each["emptyDir"].get("sizeLimit") for each in pod["spec"]["volumes"] if "emptyDir" in each]
    assert "64Mi" in limits


def _give_claim(bench: KubernetesBench, name: str) -> None:
    """A claim with a volume behind it, as an administrator makes both."""
    room = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    pv = f"{bench.namespace}-{name}"
    volume: dict[str, Any] = {
        "metadata": {"name": pv},
        "spec": {**room, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/srv"}},
    }
    volume["spec"]["claimRef"] = {"name": name, "namespace": bench.namespace}
    bench.cluster.ask("POST", "/api/v1/persistentvolumes", volume)
    wanted = {**room, "volumeName": pv, "resources": {"requests": {"storage": "1Gi"}}}
    bench.ask("POST", "persistentvolumeclaims", {"metadata": {"name": name}, "spec": wanted})
    bound = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}}
    path = f"/api/v1/namespaces/{bench.namespace}/persistentvolumeclaims/{name}"
    merge = "application/merge-patch+json"
    bench.cluster.ask("PATCH", path, bound, content_type=merge)
    bench.cluster.ask("PATCH", f"{path}/status", {"status": {"phase": "Bound"}}, content_type=merge)


def _ids(bench: KubernetesBench) -> set[str]:
    ready = {each.id for each in bench.leases.endpoints()}
    return {name for name, seen in bench.made[0].observe().items() if seen.endpoint in ready}


def _services(bench: KubernetesBench) -> list[Any]:
    return bench.ask("GET", "services")["items"]
