"""What Kubernetes itself is given of a deployment, and what its own controllers make of that; pods of before are taken over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from journeys.container_bench import IMAGE
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import KubernetesBench

from modelway_platform.deploy.operators.pods.pod_manifest import pod_of
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.resources import Resources

pytestmark = [pytest.mark.slow]


@pytest.fixture
def spec(spec: Callable[..., ReplicaSpec]) -> Callable[..., ReplicaSpec]:
    def make(replica_id: str = "digits-1", mode: str = "serve") -> ReplicaSpec:
        return replace(spec(replica_id, mode), cluster="k8s", environment=IMAGE, drain_seconds=0)

    return make


@pytest_asyncio.fixture
async def bench(
    kubernetes_cluster: KubernetesCluster, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[KubernetesBench]:
    assert launch  # writes the stand-in
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


async def test_a_revision_is_a_deployment_whose_number_is_in_no_applied_field(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    asked = Resources(cpus=0.5, memory=2**26, gpus=1)
    await operator.start(replace(spec("digits-1"), resources=asked))
    await bench.when(lambda: bench.running() == {"digits-1"})
    (found,) = await asyncio.to_thread(bench.objects, "apps/v1", "deployments")
    assert found["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    inside = found["spec"]["template"]["spec"]
    container = inside["containers"][0]
    wanted = {"cpu": "500m", "memory": str(2**26), "nvidia.com/gpu": "1"}
    assert container["resources"] == {"limits": wanted, "requests": wanted}
    assert inside["nodeSelector"] == {"room": bench.namespace}
    assert {each["key"] for each in inside["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    ours = next(each for each in found["metadata"]["managedFields"] if each["manager"] == "modelway")
    assert ours["operation"] == "Apply"
    assert "f:replicas" not in ours["fieldsV1"]["f:spec"]
    assert "f:template" in ours["fieldsV1"]["f:spec"]
    await operator.start(replace(spec("digits-2"), resources=asked))
    await bench.when(lambda: "Insufficient nvidia.com/gpu" in operator.observe()["digits-2"].waiting)

    def counted() -> bool:
        (budget,) = bench.objects("policy/v1beta1", "poddisruptionbudgets")
        status = budget["status"]
        return (status.get("expectedPods"), status.get("currentHealthy"), status.get("disruptionsAllowed")) == (2, 1, 0)

    await bench.when(counted)


async def test_a_pod_that_kubernetes_may_not_make_is_told_with_its_reason(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    await asyncio.to_thread(bench.ask, "POST", "resourcequotas", quota)
    path = "resourcequotas/few"
    await bench.when(lambda: bool(bench.ask("GET", path).get("status", {}).get("hard")))
    operator = await bench.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await bench.when(lambda: "exceeded quota: few" in operator.observe()["digits-2"].waiting)
    assert operator.observe()["digits-2"].waiting.startswith("no pod can be made: ")
    await asyncio.to_thread(bench.ask, "DELETE", path)
    operator.stop("digits-2", 0)
    assert await bench.ended(operator, "digits-2") == "had no pod"
    await bench.when(lambda: bench.objects("apps/v1", "deployments")[0]["spec"]["replicas"] == 1)


async def test_what_somebody_else_scaled_is_as_declared_again(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
    (found,) = await asyncio.to_thread(bench.objects, "apps/v1", "deployments")
    await asyncio.to_thread(bench.scale, found["metadata"]["name"], 5)
    await bench.when(lambda: bench.objects("apps/v1", "deployments")[0]["spec"]["replicas"] == 2)
    await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
    assert [each.reason for each in operator.observe().values()] == ["", ""]


async def test_a_deployment_that_others_delete_is_told_and_made_again(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    (found,) = await asyncio.to_thread(bench.objects, "apps/v1", "deployments")
    path = f"/apis/apps/v1/namespaces/{bench.namespace}/deployments/{found['metadata']['name']}"
    await asyncio.to_thread(bench.cluster.ask, "DELETE", path, {"propagationPolicy": "Background"})
    assert await bench.ended(operator, "digits-1") == "its Deployment was deleted"
    await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    await bench.when(lambda: operator.observe()["digits-1"].exited_at is None)


async def test_pods_of_before_are_taken_over_and_their_successors_are_of_a_deployment(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    for name in ("old-1", "old-2", "stranger"):
        await asyncio.to_thread(bench.ask, "POST", "pods", as_before(bench, spec(name)))
    await bench.when(lambda: bench.running() == {"old-1", "old-2", "stranger"})
    operator = bench.make()
    recorded = {name: {"pod": name, "deployment": "vision/digits/v1"} for name in ("old-1", "old-2", "old-3")}
    assert set(await operator.adopt(recorded)) == {"old-1", "old-2"}
    assert operator.observe()["old-3"].reason == "its pod is gone"
    await bench.when(lambda: bench.running() == {"old-1", "old-2"})
    assert operator.observe()["old-1"].endpoint == "old-1"
    bench.kill("old-2")
    assert (await bench.ended(operator, "old-2")).startswith("was killed by signal 9")
    await operator.start(spec("old-2"))
    await operator.start(spec("new-1"))
    await bench.when(lambda: bench.running() == {"old-1", "old-2", "new-1"})
    operator.stop("old-1", 0)
    assert (await bench.ended(operator, "old-1")).startswith("exited with status 0")
    operator.forget("old-1")
    await bench.when(lambda: set(bench.running()) == {"old-2", "new-1"})
    assert (await asyncio.to_thread(bench.objects, "apps/v1", "deployments"))[0]["spec"]["replicas"] == 2


def as_before(bench: KubernetesBench, spec: ReplicaSpec) -> dict[str, Any]:
    """A replica's pod as platforms before Deployments made it."""
    pod = pod_of(spec, bench.settings, bench.instance)
    pod["metadata"]["name"] = spec.id
    pod["spec"]["restartPolicy"] = "Never"
    return {"apiVersion": "v1", "kind": "Pod", **pod}
