"""Where pods may run: read strictly, kept alike, taken by a real API server, and followed by a real scheduler."""

import asyncio
import json
import urllib.error
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from journeys.container_bench import IMAGE
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.operator_benches import KubernetesBench

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.operators.pods.pod_manifest import pod_of
from modelway_platform.deploy.operators.pods.pod_places import places_of
from modelway_platform.deploy.operators.pods.pod_workload import deployment_of
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.deployments.pod_placing import ANYWHERE, NodeRule, PodPlacing, Toleration
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document

HEAD = "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: k8s}\nspec:\n  operator: kubernetes\n  kubernetes:\n"
BELOW = "    base: 'oci:b:v1'\n    registry: r.example/m\n"
ALL = """
    pullSecrets: [registry-example]
    serviceAccount: models
    priorityClass: system-cluster-critical
    spread: [topology.kubernetes.io/zone, kubernetes.io/hostname]
    tolerations:
      - {key: nvidia.com/gpu, effect: NoSchedule}
      - {key: dedicated, value: models, effect: NoExecute, seconds: 60}
      - {key: node.kubernetes.io/unreachable, effect: NoExecute, seconds: 300}
      - {effect: PreferNoSchedule}
    nodeAffinity:
      required:
        - {key: kubernetes.io/arch, values: [amd64]}
        - {key: gpu.memory, operator: Gt, values: ["40000"]}
        - {key: spot, operator: DoesNotExist}
        - {key: pool, operator: NotIn, values: [build, ""]}
      preferred:
        - {key: topology.kubernetes.io/zone, values: [a, b], weight: 70}
        - {key: fast-disk, operator: Exists}
"""


def read(lines: str) -> Cluster | list[str]:
    found = read_document("f.yaml", read_yaml(HEAD + BELOW + lines)[0])
    if not isinstance(found, Written):
        return [each.message for each in found]
    assert isinstance(found.document, Cluster)
    return found.document


def cluster_of(lines: str) -> Cluster:
    found = read(lines)
    assert isinstance(found, Cluster), found
    return found


def test_a_document_says_where_pods_may_run_and_is_kept_alike() -> None:
    cluster = cluster_of(ALL)
    placing = cluster.kubernetes.placing
    assert placing.tolerations[1] == Toleration(key="dedicated", value="models", effect="NoExecute", seconds=60)
    assert placing.required[2] == NodeRule(key="spot", operator="DoesNotExist")
    assert [each.weight for each in placing.preferred] == [70, 1]
    assert document_from_json(json.loads(json.dumps(document_to_json(cluster)))) == cluster
    plain = cluster_of("")
    assert plain.kubernetes.placing == ANYWHERE
    assert set(document_to_json(plain)["spec"]["kubernetes"]) == {"base", "registry"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("    tolerations: [{key: 'a b'}]\n", "spec.kubernetes.tolerations[0].key: 'a b' is not allowed"),
        ("    tolerations: [{value: x}]\n", "spec.kubernetes.tolerations[0].value: a value of no key"),
        ("    tolerations: [{key: a, effect: Never}]\n", "spec.kubernetes.tolerations[0].effect: expected NoSchedule"),
        (
            "    tolerations: [{key: a, effect: NoSchedule, seconds: 5}]\n",
            "spec.kubernetes.tolerations[0].seconds: nobody leaves",
        ),
        ("    tolerations: [{key: a, operator: Exists}]\n", "unknown field spec.kubernetes.tolerations[0].operator"),
        ("    nodeAffinity: {required: [{key: a}]}\n", "spec.kubernetes.nodeAffinity.required[0].values: In takes one"),
        (
            "    nodeAffinity: {required: [{key: a, operator: Exists, values: [b]}]}\n",
            "spec.kubernetes.nodeAffinity.required[0].values: Exists takes no values",
        ),
        (
            "    nodeAffinity: {required: [{key: a, operator: Gt, values: [many]}]}\n",
            "spec.kubernetes.nodeAffinity.required[0].values: Gt takes one whole number",
        ),
        (
            "    nodeAffinity: {preferred: [{key: a, values: [b], weight: 101}]}\n",
            "spec.kubernetes.nodeAffinity.preferred[0].weight: 101 is outside 1 to 100",
        ),
        (
            "    nodeAffinity: {required: [{key: a, values: [b], weight: 1}]}\n",
            "unknown field spec.kubernetes.nodeAffinity.required[0].weight",
        ),
        ("    spread: [a, a]\n", "spec.kubernetes.spread: no label of nodes, or there twice"),
        ("    spread: []\n", "spec.kubernetes.spread: is empty"),
        ("    priorityClass: Very_High\n", "spec.kubernetes.priorityClass: 'Very_High' is not allowed"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_when_it_is_applied(lines: str, message: str) -> None:
    said = read(lines)
    assert isinstance(said, list)
    assert any(each.startswith(message) for each in said), said


def test_a_lost_node_is_given_up_soon_unless_the_document_says_when() -> None:
    usual = {each["key"]: each for each in places_of(ANYWHERE, {})["tolerations"]}
    assert {each["tolerationSeconds"] for each in usual.values()} == {30}
    own = PodPlacing(tolerations=(Toleration(key="node.kubernetes.io/not-ready", effect="NoExecute"),))
    found = [each for each in places_of(own, {})["tolerations"] if each["key"] == "node.kubernetes.io/not-ready"]
    assert found == [{"operator": "Exists", "key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]


@pytest_asyncio.fixture
async def bench(
    kubernetes_cluster: KubernetesCluster, tmp_path: Path, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[KubernetesBench]:
    assert launch  # writes the stand-in
    made = KubernetesBench(kubernetes_cluster, tmp_path, tmp_path / "stand_in.py")
    await made.open()
    yield made
    await made.close()


@pytest.mark.slow
async def test_a_real_api_server_takes_all_of_it_and_keeps_it_as_it_was_said(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    settings = cluster_of(ALL).kubernetes
    pod = pod_of(replace(spec(), environment=IMAGE), settings, "i")
    answer = await asyncio.to_thread(dry_run, bench, deployment_of("tried", pod))
    kept, said = answer["spec"]["template"]["spec"], pod["spec"]
    members = ("affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "imagePullSecrets")
    assert {name: kept[name] for name in members} == {name: said[name] for name in members}
    assert kept["serviceAccountName"] == "models"
    assert not await asyncio.to_thread(bench.objects, "apps/v1", "deployments"), "it was only tried"
    # What our own reader refuses, that server refuses, too: nothing is refused for nothing.
    wrong = PodPlacing(required=(NodeRule(key="a", operator="Exists", values=("b",)),))
    for placing in (wrong, PodPlacing(tolerations=(Toleration(key="a", effect="NoSchedule", seconds=5),))):
        document = deployment_of("tried", pod_of(spec(), replace(settings, placing=placing), "i"))
        with pytest.raises(urllib.error.HTTPError, match="422"):
            await asyncio.to_thread(dry_run, bench, document)


def dry_run(bench: KubernetesBench, document: dict[str, Any]) -> Any:
    """Server-side apply that keeps nothing."""
    path = f"/apis/apps/v1/namespaces/{bench.namespace}/deployments/{document['metadata']['name']}"
    query, content_type = "?dryRun=All&fieldManager=modelway&force=true", "application/apply-patch+yaml"
    return bench.cluster.ask("PATCH", path + query, document, content_type=content_type)


@pytest.mark.slow
async def test_a_real_scheduler_follows_it_and_what_it_says_is_told(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec]
) -> None:
    taint = {"spec": {"taints": [{"key": "dedicated", "value": "models", "effect": "NoSchedule"}]}}
    node = f"/api/v1/nodes/{bench.node.name}"
    merge = "application/merge-patch+json"
    await asyncio.to_thread(lambda: bench.cluster.ask("PATCH", node, taint, content_type=merge))
    plain = bench.settings
    waits = await bench.operator()
    await waits.start(made(spec, "digits-1"))
    await bench.when(lambda: "taint" in waits.observe()["digits-1"].waiting)
    tolerated = (Toleration(key="dedicated", value="models", effect="NoSchedule"),)
    room = NodeRule(key="room", values=(bench.namespace,))
    with bench.another_platform():
        bench.settings = replace(plain, placing=PodPlacing(tolerations=tolerated, required=(room,), preferred=()))
        runs = await bench.operator()
        await runs.start(made(spec, "digits-2"))
        await bench.when(lambda: "digits-2" in bench.running())
    with bench.another_platform():
        elsewhere = replace(room, operator="NotIn")
        bench.settings = replace(plain, placing=PodPlacing(tolerations=tolerated, required=(elsewhere,)))
        nowhere = await bench.operator()
        await nowhere.start(made(spec, "digits-3"))
        await bench.when(lambda: "waits for a node" in nowhere.observe()["digits-3"].waiting)
    with bench.another_platform():
        bench.settings = replace(plain, placing=PodPlacing(tolerations=tolerated, priority_class="no-such-class"))
        refused = await bench.operator()
        await refused.start(made(spec, "digits-4"))
        await bench.when(lambda: "no-such-class" in refused.observe()["digits-4"].waiting)
    assert "taint" in waits.observe()["digits-1"].waiting


@pytest.fixture
def racks(bench: KubernetesBench) -> Iterator[dict[str, str]]:
    """The racks of three nodes on which nothing runs, by node: two are in one of them."""
    room = {"cpu": "4", "memory": "8Gi", "pods": "100"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    status = {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}
    found = {f"{bench.namespace}-{name}": rack for name, rack in (("n1", "a"), ("n2", "a"), ("n3", "b"))}
    merge = "application/merge-patch+json"
    for name, rack in found.items():
        labels = {"room": f"{bench.namespace}-racks", "rack": rack}
        bench.cluster.ask("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
        bench.cluster.ask("PATCH", f"/api/v1/nodes/{name}/status", status, content_type=merge)
        bench.cluster.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"taints": []}}, content_type=merge)
    yield found
    for name in found:
        bench.cluster.ask("DELETE", f"/api/v1/nodes/{name}")


@pytest.mark.slow
async def test_replicas_of_a_version_are_spread_over_what_the_document_says(
    bench: KubernetesBench, spec: Callable[..., ReplicaSpec], racks: dict[str, str]
) -> None:
    selector = {"room": f"{bench.namespace}-racks"}
    bench.settings = replace(bench.settings, node_selector=selector, placing=PodPlacing(spread=("rack",)))
    operator = await bench.operator()

    def places() -> list[str]:
        pods = bench.ask("GET", "pods")["items"]
        return [racks[each["spec"]["nodeName"]] for each in pods if each["spec"].get("nodeName")]

    for count in (2, 4, 6):
        for number in range(count - 2, count):
            await operator.start(made(spec, f"digits-{number}"))
        await bench.when(lambda count=count: len(places()) == count)
        assert sorted(await asyncio.to_thread(places)) == ["a"] * (count // 2) + ["b"] * (count // 2)


def made(spec: Callable[..., ReplicaSpec], name: str) -> ReplicaSpec:
    return replace(spec(name), cluster="k8s", environment=IMAGE, drain_seconds=0)


def test_settings_of_before_have_pods_spread_over_nodes(spec: Callable[..., ReplicaSpec]) -> None:
    pod = pod_of(spec(), KubernetesSettings(), "i")
    (constraint,) = pod["spec"]["topologySpreadConstraints"]
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
