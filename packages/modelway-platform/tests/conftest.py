"""What several rooms share: a Kubernetes control plane, a Slurm and a PostgreSQL server, each started once, if there is one."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journeys import slurm_cluster as slurm
from journeys.kubernetes_cluster import KubernetesCluster, missing
from journeys.postgres_server import Postgres, programs, running_postgres


@pytest.fixture(scope="session")
def kubernetes_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesCluster]:
    """One for all tests, each of which takes a namespace of its own."""
    if missing():
        pytest.skip(f"Kubernetes is not installed: {missing()}")
    cluster = KubernetesCluster(tmp_path_factory.mktemp("kubernetes"), scheduler=True)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One for all tests; each takes a database of its own."""
    if programs() is None:
        pytest.skip("postgresql is not installed")
    with running_postgres("-c", "fsync=off", "-c", "full_page_writes=off") as server:  # power cuts are not tested here
        yield server


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[slurm.SlurmCluster]:
    """One for all tests; each waits until what it has started is gone."""
    if lacks := slurm.missing():
        pytest.skip(f"Slurm is not installed: {lacks}")
    with TemporaryDirectory(prefix="slurm-") as folder:  # sockets lie in it, whose paths have to be short
        cluster = slurm.SlurmCluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.stop()
