"""Replicas as pods on a real node: a kubelet starts them from an image that was built without a daemon and pushed to a registry."""

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.docker_parts import Box
from journeys.kubernetes_cluster import KubernetesCluster, missing
from journeys.load import Load
from journeys.projects import package, route, write_echo
from journeys.real_node import CONTROLLERS, NAME, running_engine, running_node
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]
MODEL = "podded/echo/v1"
PATH = "/podded/echo/v1/echo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def box(folder: Path) -> Iterator[Box]:
    if lacks := missing():
        pytest.skip(f"Kubernetes is not installed: {lacks}")
    with running_engine(folder) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(box: Box, folder: Path) -> Iterator[KubernetesCluster]:
    made = KubernetesCluster(folder, scheduler=True, controllers=CONTROLLERS)
    try:
        made.start()
        with running_node(made, box, folder):
            yield made
            made.ask("DELETE", "/apis/apps/v1/namespaces/default/deployments")
            wait_for("pods are gone", lambda: not pods(made), seconds=90)
    finally:
        made.stop()


@pytest.fixture(scope="module")
def podded(cluster: KubernetesCluster, box: Box, folder: Path) -> Iterator[RunningPlatform]:
    """A platform with two replicas of one version in pods."""
    home = folder / "platform"
    home.mkdir()
    running = RunningPlatform(home)
    running.options = (*running.options, "--control-host", "0.0.0.0")  # pods send it records
    try:
        running.start()
        archive = package(write_echo(folder / "project"), folder / "dist")
        digest = running.upload(archive)
        running.apply(place(cluster, box, running), document(digest), route("podded/echo", {"v1": 1}, idempotent=True))
        running.wait_ready(MODEL, seconds=240)
        running.wait_routed(PATH)
        yield running
    finally:
        running.destroy()


def place(cluster: KubernetesCluster, box: Box, platform: RunningPlatform) -> str:
    """The cluster's document; `control` by the address that the node has on its pods' network."""
    address = cluster.ask("GET", f"/api/v1/nodes/{NAME}")["status"]["addresses"][0]["address"]
    return (
        "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: k8s}\nspec:\n  operator: kubernetes\n"
        f"  control: http://{address}:{platform.control_port}\n"
        f"  kubernetes: {{kubeconfig: {cluster.kubeconfig}, base: {box.base}, registry: {box.registry}/m, plainHttp: true}}\n"
    )


def document(digest: str, **env: str) -> str:
    variables = ", ".join(f'{key}: "{value}"' for key, value in env.items())
    project, model, version = MODEL.split("/")
    return (
        f"apiVersion: modelway/v1\nkind: Deployment\nmetadata: {{project: {project}, model: {model}, version: {version}}}\n"
        f'spec: {{package: "{digest}", cluster: k8s, replicas: 2, env: {{{variables}}}, '
        "resources: {cpus: 0.6, memory: 256Mi}, drainSeconds: 5}\n"
    )


def digest_of(platform: RunningPlatform) -> str:
    found = platform.deployment(MODEL)
    assert found is not None
    return str(found["spec"]["package"])


def pods(cluster: KubernetesCluster) -> dict[str, dict[str, Any]]:
    """Those of a platform, by name; also those that are on their way out."""
    found = cluster.ask("GET", "/api/v1/namespaces/default/pods?labelSelector=modelway%2Finstance")
    return {each["metadata"]["name"]: each for each in found["items"]}


def serving(cluster: KubernetesCluster) -> set[str]:
    """Names of the pods that are ready, when nothing else is there."""
    found = pods(cluster)
    ready = {
        name
        for name, pod in found.items()
        if any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))
    }
    return ready if len(ready) == len(found) else set()


def said(load: Load, cluster: KubernetesCluster) -> str:
    """What became of requests, and what Kubernetes tells of the pods meanwhile: one that is starved fails its probes."""
    events = cluster.ask("GET", "/api/v1/namespaces/default/events")["items"]
    told = [f"{each['reason']} {each['involvedObject']['name']}: {each['message'][:200]}" for each in events[-20:]]
    return "\n".join((load.summary(), *told))


def container_of(box: Box, pod: str) -> str:
    """The id of a pod's own container, not that of its network."""
    with box.asked() as client:
        (found,) = client.api.containers(
            filters={"label": [f"io.kubernetes.pod.name={pod}", "io.kubernetes.docker.type=container"]}
        )
    return str(found["Id"])


def test_pods_run_within_bounds(podded: RunningPlatform, cluster: KubernetesCluster, box: Box) -> None:
    wait_for("two pods", lambda: len(serving(cluster)) == 2)
    for name in serving(cluster):
        with box.asked() as client:
            found = client.api.inspect_container(container_of(box, name))
        host, config = found["HostConfig"], found["Config"]
        assert (config["User"], host["ReadonlyRootfs"], host["CapDrop"]) == ("10001:10001", True, ["ALL"])
        assert (host["CpuQuota"], host["Memory"]) == (60_000, 256 * 1024**2)
        assert "no-new-privileges" in host["SecurityOpt"]
        assert "serviceaccount" not in json.dumps(found["Mounts"])


def test_what_pods_answer_is_on_record(podded: RunningPlatform, cluster: KubernetesCluster) -> None:
    podded.wait_routed(PATH)

    def both() -> bool:
        said = podded.cli(
            "logs", "query", "SELECT DISTINCT replica FROM inference WHERE project = 'podded'", "-o", "json"
        )
        return len(said.stdout.splitlines()) == 2

    with Load(lambda _: podded.caller(), PATH, connections=2, pause=0.1) as load:
        wait_for("records of both pods", both, seconds=120)
    assert not load.failed, said(load, cluster)


def test_an_update_under_load_fails_no_request(podded: RunningPlatform, cluster: KubernetesCluster) -> None:
    before, digest = serving(cluster), digest_of(podded)
    with Load(lambda _: podded.caller(), PATH, connections=4, pause=0.05) as load:
        podded.apply(document(digest, TONE="calm"))
        podded.wait_ready(MODEL, seconds=180)
        wait_for("others", lambda: len(serving(cluster)) == 2 and not serving(cluster) & before, seconds=120)
    print(f"a rolling update of pods on a real node under load: {load.summary()}")
    assert not load.failed, said(load, cluster)


def test_a_container_that_is_killed_is_started_again_by_its_node(
    podded: RunningPlatform, cluster: KubernetesCluster, box: Box
) -> None:
    before = serving(cluster)
    name = min(before)
    with Load(lambda _: podded.caller(), PATH, connections=2, pause=0.05) as load:
        with box.asked() as client:
            client.api.kill(container_of(box, name))
        wait_for(
            "its container again",
            lambda: (
                pods(cluster)[name]["status"]["containerStatuses"][0]["restartCount"] == 1 and name in serving(cluster)
            ),
            seconds=120,
        )
        podded.wait_ready(MODEL, seconds=120)
    assert not load.failed, said(load, cluster)
    assert serving(cluster) == before
    wait_for("it is told", lambda: "killed by signal 9" in podded.cli("describe", "deployment", MODEL).stdout)
    assert "ready" in podded.cli("logs", MODEL, "--source", "server").stdout, "its last lines, asked of the node"


def test_pods_that_somebody_restarts_go_one_after_the_other(
    podded: RunningPlatform, cluster: KubernetesCluster
) -> None:
    """What `kubectl rollout restart` does: the template gets an annotation, and Kubernetes replaces its pods."""
    before = serving(cluster)
    (found,) = cluster.ask("GET", "/apis/apps/v1/namespaces/default/deployments")["items"]
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    change = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}
    path = f"/apis/apps/v1/namespaces/default/deployments/{found['metadata']['name']}"
    with Load(lambda _: podded.caller(), PATH, connections=4, pause=0.05) as load:
        cluster.ask("PATCH", path, change, content_type="application/strategic-merge-patch+json")
        wait_for("others", lambda: len(serving(cluster)) == 2 and not serving(cluster) & before, seconds=180)
        podded.wait_ready(MODEL, seconds=120)
        wait_for("both are routed", lambda: len(podded.endpoints(MODEL)) == 2)
    assert not load.failed, said(load, cluster)


def test_control_that_is_killed_adopts_its_pods(podded: RunningPlatform, cluster: KubernetesCluster) -> None:
    before, control = serving(cluster), podded.control_process()
    assert control is not None
    with Load(lambda _: podded.caller(), PATH, connections=2, pause=0.05) as load:
        os.kill(control, signal.SIGKILL)
        wait_for("control is back", lambda: podded.control_process() not in {None, control})
        podded.wait_ready(MODEL, seconds=120)
    assert not load.failed, said(load, cluster)
    assert serving(cluster) == before
