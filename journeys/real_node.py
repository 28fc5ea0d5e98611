"""A real Kubernetes node for tests: a kubelet on a Docker Engine of one's own, gone with all of its pods at the end of a block."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from journeys.docker_parts import Box, running_box, running_program
from journeys.kubernetes_cluster import KubernetesCluster, program
from journeys.ports import free_ports

NAME = "node1"
CONTROLLERS = ("nodelifecycle",)
"""What a cluster with real nodes runs beside what it always does: it says that a node may be used."""
_PAUSE = "pause:local"
# Without CAP_SYS_RESOURCE nobody may make the system less likely to end a process, which the kubelet wishes for pods' first ones.
_RUNTIME = """#!{python} -I
import json, os, sys
words = sys.argv[1:]
if "--bundle" in words:
    path = os.path.join(words[words.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    process = config.get("process", {{}})
    if process.get("oomScoreAdj", 0) < 0:
        process["oomScoreAdj"] = 0
        with open(path, "w") as file:
            json.dump(config, file)
os.execvp("runc", ["runc", *words])
"""


@contextmanager
def running_engine(folder: Path) -> Generator[Box]:
    """A Docker Engine with a registry, as a kubelet needs it.

    Args:
        folder: Gets the engine's runtime.
    """
    if not program("kubelet"):
        pytest.skip("kubelet is not installed")
    runtime = folder / "runc-of-pods"
    runtime.write_text(_RUNTIME.format(python=sys.executable), encoding="utf-8")
    runtime.chmod(0o755)
    options = (
        "--add-runtime",
        f"pods={runtime}",
        "--default-runtime",
        "pods",
        "--exec-opt",
        "native.cgroupdriver=cgroupfs",
    )
    with running_box(*options) as box:
        with box.asked() as client:
            client.api.import_image_from_file(
                str(box.base), repository="pause", tag="local", changes=['ENTRYPOINT ["/bin/sleep", "infinity"]']
            )
        yield box


@contextmanager
def running_node(cluster: KubernetesCluster, box: Box, folder: Path) -> Generator[None]:
    """A node of `cluster` that runs its pods on `box`, ready when the block begins."""
    address = _address_of(box)
    (port,) = free_ports(1)
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": port,
        "healthzPort": 0,
        "readOnlyPort": 0,
        # The API server asks it for logs; nobody else is on the engine's own network but pods.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "resolvConf": "/etc/resolv.conf",
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "2s",
    }
    root = folder / "kubelet"
    root.mkdir()
    (folder / "kubelet.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [program("kubelet"), f"--config={folder / 'kubelet.yaml'}", f"--kubeconfig={cluster.kubeconfig}"]
    command += [f"--hostname-override={NAME}", f"--node-ip={address}", f"--root-dir={root}", f"--cert-dir={folder}"]
    command += [f"--docker-endpoint=unix://{box.socket}", f"--pod-infra-container-image={_PAUSE}"]
    try:
        with running_program(command, folder / "kubelet.log", lambda: _is_ready(cluster)):
            _runs_pods(cluster)
            yield
    finally:
        _unmount_below(root)


def _address_of(box: Box) -> str:
    with box.asked() as client:
        (network,) = client.api.networks(names=["bridge"])
    return str(network["IPAM"]["Config"][0]["Gateway"])


def _is_ready(cluster: KubernetesCluster) -> bool:
    with suppress(OSError):
        node = cluster.ask("GET", f"/api/v1/nodes/{NAME}")
        conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")
    return False


def _runs_pods(cluster: KubernetesCluster) -> None:
    """Whether the machine lets a kubelet run anything at all; skips by name where it does not."""
    spec = {"containers": [{"name": "probe", "image": _PAUSE, "imagePullPolicy": "Never"}], "nodeName": NAME}
    path = "/api/v1/namespaces/default/pods"
    cluster.ask("POST", path, {"metadata": {"name": "probe"}, "spec": {**spec, "terminationGracePeriodSeconds": 0}})
    ends = time.monotonic() + 90
    while (status := cluster.ask("GET", f"{path}/probe")["status"])["phase"] != "Running":
        if time.monotonic() > ends:
            pytest.skip(f"a kubelet runs no pods here: {status}")
        time.sleep(0.2)
    cluster.ask("DELETE", f"{path}/probe", {"gracePeriodSeconds": 0})


def _unmount_below(root: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(str(root))), reverse=True):
        subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
