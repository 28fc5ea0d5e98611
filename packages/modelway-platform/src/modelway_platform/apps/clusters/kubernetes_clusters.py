"""The operator of pods that a Cluster document of Kubernetes asks for, with what follows its endpoints."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelway_platform.deploy.operators.pods.kubernetes import KubernetesOperator, PodSurroundings
from modelway_platform.deploy.operators.pods.pod_owner import CLUSTER, INSTANCE
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.kubernetes import KubernetesFollower
from modelway_platform.discovery.kubernetes_address import Followed
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access


def pods_operator(
    cluster: Cluster,
    *,
    instance: str,
    folder: Path,
    leases: Leases,
    on_change: Callable[[str], None],
    records: RecordsWay | None = None,
    speaks_grpc: Callable[[str], bool] = lambda _: False,
) -> KubernetesOperator:
    """Places replicas as pods; connects when it adopts.

    Args:
        cluster: Its document.
        instance: The mark of this platform instance.
        folder: Holds a folder per replica.
        leases: Where ready pods are noted.
        on_change: Called with a replica's id as soon as it has ended.
        records: How pods send their inference records; None: they keep none.
        speaks_grpc: Whether the servers of the package with a digest do.
    """
    settings = cluster.kubernetes
    mark = hashlib.sha256(instance.encode()).hexdigest()[:32]  # labels are shorter, and begin with a letter or digit
    selector = f"{INSTANCE}={mark},{CLUSTER}={cluster.name}"

    def connect() -> ClusterApi:
        access = open_access(os.environ, kubeconfig=settings.kubeconfig, context=settings.context)
        return ClusterApi(replace(access, namespace=settings.namespace) if settings.namespace else access)

    async def follow(access: ClusterAccess) -> None:
        await KubernetesFollower(Followed(access=access, selector=selector), leases, f"cluster {cluster.name}").run()

    around = PodSurroundings(
        instance=mark,
        cluster=cluster.name,
        settings=settings,
        folder=folder,
        follow=follow,
        on_change=on_change,
        records=records,
        speaks_grpc=speaks_grpc,
    )
    return KubernetesOperator(connect, around)
