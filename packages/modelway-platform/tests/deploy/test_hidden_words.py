"""What replicas on real clusters are told in confidence is in nothing that a cluster shows; containers are tried with the operators' contract."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from journeys.container_bench import IMAGE
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import KubernetesBench
from journeys.slurm_bench import SlurmBench
from journeys.slurm_cluster import SlurmCluster

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.deploy.operators.records_way import RecordsWay

pytestmark = [pytest.mark.slow]

TOKEN = "mwr_of-a-version"


async def test_slurm_shows_no_word_of_a_job(
    slurm_cluster: SlurmCluster,
    tmp_path: Path,
    launch: Callable[[ReplicaSpec], Launch],
    spec: Callable[..., ReplicaSpec],
) -> None:
    def told(one: ReplicaSpec) -> Launch:
        plain = launch(one)
        return replace(plain, environment={**plain.environment, "MODELWAY_RECORDS_TOKEN": TOKEN})

    bench = SlurmBench(slurm_cluster, tmp_path, told)
    await bench.open()
    try:
        operator = await bench.operator()
        await operator.start(replace(spec("digits-1"), cluster="hpc", drain_seconds=0))
        await bench.when(lambda: bench.running() == {"digits-1"})
        job = str((await asyncio.to_thread(bench.jobs))["digits-1"].id)
        shown = await asyncio.to_thread(_all_that_slurm_shows, slurm_cluster, job)
        assert "launch.py" in shown, "the script is shown"
        assert TOKEN not in shown
        (file,) = [each for each in bench.shared.rglob("*") if each.is_file() and TOKEN in each.read_text()]
        assert file.stat().st_mode & 0o077 == 0
        assert file.parent.stat().st_mode & 0o077 == 0
        assert TOKEN not in bench.said("digits-1")
    finally:
        await bench.close()


def _all_that_slurm_shows(cluster: SlurmCluster, job: str) -> str:
    asked = (
        ("scontrol", "--details", "--details", "show", "job", job),
        ("scontrol", "write", "batch_script", job, "-"),
        ("squeue", "--json"),
    )
    return "".join(cluster.ask(*each) for each in asked)


async def test_kubernetes_shows_no_word_of_a_pod_but_to_who_may_read_secrets(
    kubernetes_cluster: KubernetesCluster,
    tmp_path: Path,
    launch: Callable[[ReplicaSpec], Launch],
    spec: Callable[..., ReplicaSpec],
) -> None:
    assert launch  # writes the stand-in
    bench = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await bench.open()
    try:
        bench.records = RecordsWay(url="http://control.test:1", token_of=lambda key: f"{TOKEN}-{key}")
        operator = await bench.operator()
        await operator.start(replace(spec("digits-1"), cluster="k8s", environment=IMAGE, drain_seconds=0))
        await bench.when(lambda: bench.running() == {"digits-1"})
        kinds = ("pods", "services", "endpoints", "events", "configmaps")
        shown = [await asyncio.to_thread(bench.ask, "GET", each) for each in kinds]
        shown += [await asyncio.to_thread(bench.objects, "apps/v1", each) for each in ("deployments", "replicasets")]
        assert "http://control.test:1" in json.dumps(shown)
        assert TOKEN not in json.dumps(shown)
        secrets = (await asyncio.to_thread(bench.ask, "GET", "secrets"))["items"]
        (ours,) = [each for each in secrets if each["metadata"]["name"].endswith("-records")]
        assert b64decode(ours["data"]["token"]).decode() == f"{TOKEN}-vision/digits/v1"
        assert "managed-by" in json.dumps(ours["metadata"]["labels"])
    finally:
        await bench.close()
