"""The operators over what they drive: processes, a container engine, Kubernetes, Slurm; all real, each skipped where it is not installed."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from journeys.container_bench import ENGINES, IMAGE, ContainerBench, Engine, running_engine
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import Bench, KubernetesBench, ProcessBench
from journeys.slurm_bench import SlurmBench
from journeys.slurm_cluster import SlurmCluster
from journeys.stand_in import STAND_IN

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch

OPERATORS = ("process", *ENGINES, "kubernetes", "slurm")


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    with running_engine("docker", STAND_IN) as engine:
        yield engine


@pytest.fixture(scope="session")
def podman_engine() -> Iterator[Engine]:
    with running_engine("podman", STAND_IN) as engine:
        yield engine


@pytest_asyncio.fixture(params=OPERATORS)
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[Bench]:
    made: Bench
    match request.param:
        case "process":
            made = ProcessBench(tmp_path, launch)
        case "slurm":
            made = SlurmBench(request.getfixturevalue("slurm_cluster"), tmp_path, launch)
        case "docker" | "podman":
            made = ContainerBench(request.getfixturevalue(f"{request.param}_engine"), tmp_path)
        case _:
            made = KubernetesBench(request.getfixturevalue("kubernetes_cluster"), tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def spec(spec: Callable[..., ReplicaSpec]) -> Callable[..., ReplicaSpec]:
    def make(replica_id: str = "digits-1", mode: str = "serve") -> ReplicaSpec:
        return replace(spec(replica_id, mode), cluster="k8s", environment=IMAGE, drain_seconds=0)

    return make


@pytest_asyncio.fixture
async def kubernetes(
    kubernetes_cluster: KubernetesCluster, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[KubernetesBench]:
    assert launch  # writes the stand-in
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def slurm(
    slurm_cluster: SlurmCluster, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[SlurmBench]:
    made = SlurmBench(slurm_cluster, tmp_path, launch)
    yield made
    await made.close()
