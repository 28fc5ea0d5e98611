"""What several rooms share: a Kubernetes control plane, started once, if there is one."""

from collections.abc import Iterator

import pytest
from journeys.kubernetes_cluster import KubernetesCluster, missing


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
