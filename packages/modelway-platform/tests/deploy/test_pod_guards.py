"""Pods of one version are not evicted together: budgets on a real API server, with Kubernetes' own disruption controller."""

import asyncio
import urllib.error
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from journeys.container_bench import IMAGE
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import KubernetesBench
from journeys.stand_in import STAND_IN

from modelway_platform.deploy.operators.port import ReplicaSpec

pytestmark = [pytest.mark.slow]


@pytest_asyncio.fixture
async def bench(kubernetes_cluster: KubernetesCluster, tmp_path: Path) -> AsyncIterator[KubernetesBench]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def pod(spec: Callable[..., ReplicaSpec]) -> Callable[..., ReplicaSpec]:
    def make(replica_id: str, mode: str = "serve") -> ReplicaSpec:
        return replace(spec(replica_id, mode), cluster="k8s", environment=IMAGE, drain_seconds=0)

    return make


async def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(what)):  # noqa: ASYNC110 - of another process, which tells nobody
            await asyncio.sleep(0.1)
    return found


def budgets(bench: KubernetesBench) -> list[dict[str, Any]]:
    path = f"/apis/policy/v1beta1/namespaces/{bench.namespace}/poddisruptionbudgets"
    return bench.cluster.ask("GET", path)["items"]


def evict(bench: KubernetesBench, pod: str) -> bool:
    body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": pod}}
    try:
        bench.ask("POST", f"pods/{pod}/eviction", body)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        return False
    return True


async def test_one_may_go_and_the_next_only_when_another_is_there(
    bench: KubernetesBench, pod: Callable[..., ReplicaSpec]
) -> None:
    operator = bench.make()
    await operator.adopt({})
    for number in range(3):
        await operator.start(pod(f"digits-{number}"))
    await until(lambda: len(bench.running()) == 3)
    kept = await until(lambda: [each for each in budgets(bench) if each["status"]["currentHealthy"] == 3])
    assert [each["spec"]["minAvailable"] for each in kept] == [2]
    await until(lambda: budgets(bench)[0]["status"]["disruptionsAllowed"] == 1)
    names = [bench.pod(f"digits-{number}")["metadata"]["name"] for number in range(2)]
    assert await asyncio.to_thread(evict, bench, names[0])
    assert not await asyncio.to_thread(evict, bench, names[1])
    await until(lambda: operator.observe()["digits-0"].reason == "its pod was deleted")
    await until(lambda: len(bench.running()) == 3)  # replaced by Kubernetes
    operator.stop("digits-0", 0.0)
    operator.stop("digits-1", 0.0)
    await until(lambda: not budgets(bench))  # one alone may go at any time
    operator.stop("digits-2", 0.0)


async def test_its_node_starts_it_again_while_control_is_away(
    bench: KubernetesBench, pod: Callable[..., ReplicaSpec]
) -> None:
    operator = bench.make()
    await operator.adopt({})
    placement = await operator.start(pod("digits-1"))
    await until(bench.running)
    operator.close()
    bench.kill("digits-1")

    def restarted() -> bool:
        status = bench.pod("digits-1")["status"]["containerStatuses"][0]
        return status["restartCount"] == 1 and status["ready"]

    await until(restarted)
    again = bench.make()
    assert (await again.adopt({"digits-1": placement})).keys() == {"digits-1"}
    assert again.observe()["digits-1"].exited_at is None
    assert again.observe()["digits-1"].run.endswith(":1")
    bench.kill("digits-1")
    await until(lambda: again.observe()["digits-1"].run.endswith(":2"))
    assert "signal 9 (SIGKILL)" in again.observe()["digits-1"].reason
    again.forget("digits-1")
    await until(lambda: not bench.remains())
