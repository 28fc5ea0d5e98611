"""Server-side apply on a real API server: several at the same moment all come through."""

import asyncio
import json
from typing import Any

from journeys.kubernetes_cluster import KubernetesCluster

from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access

OBJECTS, AT_ONCE = 10, 8


async def test_those_that_make_the_same_object_at_once_do_not_refuse_each_other(
    kubernetes_cluster: KubernetesCluster,
) -> None:
    api = ClusterApi(open_access({"KUBECONFIG": str(kubernetes_cluster.kubeconfig)}), connections=AT_ONCE)
    try:
        for number in range(OBJECTS):
            path = f"/api/v1/namespaces/default/services/at-once-{number}"
            document: dict[str, Any] = {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": f"at-once-{number}"},
                "spec": {"clusterIP": "None", "ports": [{"port": 80, "protocol": "TCP"}]},
            }
            made = await asyncio.gather(*(api.apply(path, document) for _ in range(AT_ONCE)))
            assert len({json.loads(each)["metadata"]["uid"] for each in made}) == 1
            await api.delete(path)
    finally:
        await api.close()
