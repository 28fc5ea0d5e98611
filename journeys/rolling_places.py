"""Each operator's cluster as something a platform can be given: its document, on the real thing, until a block ends."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from journeys import kubernetes_cluster as pods
from journeys import slurm_cluster as jobs
from journeys.docker_parts import base_image, running_box, running_registry
from journeys.pretend_node import PretendNode

from modelway import packaging

_ADDRESSES = tuple(f"10.77.3.{number}" for number in range(1, 120))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where replicas run: the cluster's name, and its document; empty for this machine's own."""

    cluster: str
    document: str = ""
    objects: Callable[[str], str] = lambda _: ""
    """What a cluster of Kubernetes has of a kind, such as `pods`, as JSON."""
    ask: Callable[..., Any] = lambda *_, **__: None
    """Asks Kubernetes' API as somebody else: method, path, body."""


@contextmanager
def process_place(_folder: Path, _archive: Path) -> Generator[Place]:
    """This machine."""
    yield Place(cluster="local")


@contextmanager
def docker_place(_folder: Path, _archive: Path) -> Generator[Place]:
    """A Docker Engine, with a registry."""
    with running_box() as box:
        yield Place(cluster="box", document=box.cluster())


@contextmanager
def slurm_place(folder: Path, _archive: Path) -> Generator[Place]:
    """A Slurm with two nodes."""
    if lacks := jobs.missing():
        pytest.skip(f"Slurm is not installed: {lacks}")
    with TemporaryDirectory(prefix="slurm-") as text:
        cluster = jobs.SlurmCluster(Path(text))
        (folder / "shared").mkdir()
        try:
            cluster.start()
            yield Place(cluster="hpc", document=cluster.document(folder / "shared"))
        finally:
            cluster.stop()


@contextmanager
def kubernetes_place(folder: Path, archive: Path) -> Generator[Place]:
    """A real control plane; the node is pretended, and runs the package that the image is made of."""
    if lacks := pods.missing():
        pytest.skip(f"Kubernetes is not installed: {lacks}")
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("pods need addresses of their own, which takes root and `ip`")
    base = base_image()
    packaging.extract(archive, folder / "unpacked", digest=packaging.verify(archive)[1])

    def command(pod: Mapping[str, Any], address: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
        container = cast("dict[str, Any]", pod["spec"]["containers"][0])
        serve = (sys.executable, "-m", "modelway.cli.main", "serve", str(folder / "unpacked"), "--host", address)
        environment = {each["name"]: _value(cluster, each) for each in container.get("env", [])}
        environment |= {"PATH": os.environ["PATH"]}
        if environment.get("INFERENCE_LOG"):  # its volume
            environment["INFERENCE_LOG"] = str(folder / "volumes" / pod["metadata"]["uid"])
        return (*serve, "--port", "8080", "--grpc-port", "8081", *container["args"]), environment

    cluster = pods.KubernetesCluster(folder, scheduler=True)
    node = PretendNode(cluster, folder, command, lambda _, log: b"ready: " in log, _ADDRESSES)
    with running_registry(folder) as registry, _addresses():
        try:
            cluster.start()
            node.start()
            yield Place(
                cluster="k8s",
                document="apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: k8s}\nspec:\n  operator: kubernetes\n"
                f"  kubernetes: {{kubeconfig: {cluster.kubeconfig}, base: {base}, registry: {registry}/m, plainHttp: true}}\n",
                objects=lambda kind: json.dumps(cluster.ask("GET", f"/api/v1/namespaces/default/{kind}")),
                ask=cluster.ask,
            )
        finally:
            with suppress(RuntimeError):
                node.stop()
            cluster.stop()


def _value(cluster: pods.KubernetesCluster, variable: Mapping[str, Any]) -> str:
    """Of a variable, as a kubelet finds it."""
    if "value" in variable:
        return str(variable["value"])
    reference = variable["valueFrom"]["secretKeyRef"]
    secret = cluster.ask("GET", f"/api/v1/namespaces/default/secrets/{reference['name']}")
    return base64.b64decode(secret["data"][reference["key"]]).decode()


@contextmanager
def _addresses() -> Generator[None]:
    """What pods have instead of a network of their own; Kubernetes takes none of 127/8."""
    for address in _ADDRESSES:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=False, capture_output=True)
    try:
        yield
    finally:
        for address in _ADDRESSES:
            subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=False, capture_output=True)


PLACES: Mapping[str, Callable[[Path, Path], AbstractContextManager[Place]]] = {
    "process": process_place,
    "docker": docker_place,
    "kubernetes": kubernetes_place,
    "slurm": slurm_place,
}
