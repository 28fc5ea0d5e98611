"""Kubernetes' own autoscaler decides, measures and is followed: the real controllers, with a stand-in for the metrics server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from journeys.container_bench import IMAGE
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import KubernetesBench
from journeys.pod_metrics import PodMetrics
from journeys.stand_in import STAND_IN

from modelway_platform.deploy.operators.cluster_scaling import CpuTarget, ScalingCluster
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.domain.deployments.resources import Resources

pytestmark = [pytest.mark.slow]
GUIDE = Path(__file__).resolve().parents[4] / "docs" / "scaling.md"
TARGET = CpuTarget(min_replicas=1, max_replicas=4, cpu_percent=50)


@pytest.fixture
def metrics(kubernetes_cluster: KubernetesCluster) -> Iterator[PodMetrics]:
    made = PodMetrics(kubernetes_cluster).start()
    yield made
    made.stop()


@pytest.fixture
def define(kubernetes_cluster: KubernetesCluster) -> Iterator[Callable[[], None]]:
    """Applies what the guide has an administrator apply."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    text = GUIDE.read_text(encoding="utf-8").split("<!-- scale of pods", 1)[1].split("```yaml", 1)[1].split("```", 1)[0]
    document = yaml.safe_load(text)
    yield lambda: kubernetes_cluster.ask("POST", path, document)
    kubernetes_cluster.ask("DELETE", f"{path}/{document['metadata']['name']}")


@pytest_asyncio.fixture
async def bench(kubernetes_cluster: KubernetesCluster, tmp_path: Path) -> AsyncIterator[KubernetesBench]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


async def until(what: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(what):  # noqa: ASYNC110 - of another process, which tells nobody
            await asyncio.sleep(0.1)


async def test_it_asks_for_more_and_fewer_and_is_let_go_of(
    bench: KubernetesBench,
    metrics: PodMetrics,
    define: Callable[[], None],
    spec: Callable[..., ReplicaSpec],
) -> None:
    operator = bench.make()
    assert isinstance(operator, ScalingCluster)
    await operator.adopt({})
    asked: ScalingCluster = operator
    running = 1

    def pod(number: int) -> ReplicaSpec:
        made = replace(spec(f"digits-{number}"), cluster="k8s", environment=IMAGE, drain_seconds=0)
        return replace(made, resources=Resources(cpus=0.2))

    first = pod(1)

    def wanted() -> int | None:
        return asked.wish(first.key, TARGET, running).wanted

    await operator.start(first)
    await until(bench.running)
    assert wanted() is None
    await until(lambda: "administrator" in asked.wish(first.key, TARGET, running).why)
    await asyncio.to_thread(define)
    await until(lambda: wanted() == 1)

    metrics.millicores = 200  # of 200: twice what each shall use
    await until(lambda: wanted() == 2, 100)  # Kubernetes' controllers look every 30 s for kinds that are new
    assert "% of CPU, 50 % for each" in asked.wish(first.key, TARGET, running).why
    running = 2
    await operator.start(pod(2))
    await until(lambda: len(bench.running()) == 2)
    await until(lambda: wanted() == 4)

    metrics.millicores = 20
    await until(lambda: wanted() == 1)

    asked.unfollow(first.key)
    left = f"/apis/autoscaling/v1/namespaces/{bench.namespace}/horizontalpodautoscalers"
    scales = f"/apis/modelway.dev/v1/namespaces/{bench.namespace}/modelreplicas"
    await until(lambda: not bench.cluster.ask("GET", left)["items"] and not bench.cluster.ask("GET", scales)["items"])
