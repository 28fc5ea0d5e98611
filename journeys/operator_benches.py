"""Each operator with what it needs to be tried: how it is made, what runs, and how a replica is hurt."""

import asyncio
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.pretend_node import PretendNode

from modelway_platform.deploy.operators import process_table
from modelway_platform.deploy.operators.kubernetes import KubernetesOperator, PodSurroundings
from modelway_platform.deploy.operators.pod_manifest import INSTANCE
from modelway_platform.deploy.operators.port import Operator, ReplicaSpec
from modelway_platform.deploy.operators.process import Launch, ProcessOperator
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.kubernetes import KubernetesFollower
from modelway_platform.discovery.kubernetes_address import Followed
from modelway_platform.domain.kubernetes_cluster import KubernetesSettings
from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "clusters.md"


class Bench(ABC):
    """What the contract is tried on; `told` are the ids that were said to have changed."""

    def __init__(self) -> None:
        self.instance = f"test-{secrets.token_hex(6)}"
        self.told: list[str] = []
        self.made: list[Operator] = []

    async def operator(self) -> Operator:
        """One as the first control process makes it."""
        operator = self.make()
        await operator.adopt({})
        return operator

    @abstractmethod
    def make(self) -> Operator:
        """As a control process makes it."""

    @abstractmethod
    def running(self) -> set[str]:
        """The replicas that really run now."""

    @abstractmethod
    def kill(self, replica_id: str) -> None:
        """From outside, with SIGKILL."""

    async def open(self) -> None:
        """What has to be there before the first operator."""
        await asyncio.sleep(0)

    async def close(self) -> None:
        for operator in self.made:
            operator.close()
        await asyncio.sleep(0.1)  # in which connections end

    async def when(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Until it is so."""
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)

    async def ended(self, operator: Operator, replica_id: str) -> str:
        """Until it has ended; its reason."""
        await self.when(lambda: operator.observe()[replica_id].exited_at is not None)
        return operator.observe()[replica_id].reason


class ProcessBench(Bench):
    """This machine."""

    def __init__(self, folder: Path, launch: Callable[[ReplicaSpec], Launch]) -> None:
        super().__init__()
        self._folder = folder
        self._launch = launch

    def make(self) -> Operator:
        folder = self._folder / "replicas"
        self.made.append(
            ProcessOperator(folder, instance=self.instance, launch=self._launch, on_change=self.told.append)
        )
        return self.made[-1]

    def running(self) -> set[str]:
        logs = {each.parent.name: each.read_text() for each in self._folder.glob("replicas/*/server.log")}
        marked = {each.replica for each in process_table.find_marked(self.instance)}
        return {each for each in marked if "ready" in logs.get(each, "")}

    def kill(self, replica_id: str) -> None:
        process_table.end_marked(self.instance, replica=replica_id)

    async def close(self) -> None:
        await super().close()
        process_table.end_marked(self.instance)


class KubernetesBench(Bench):
    """A real control plane, with a pretended node."""

    def __init__(self, cluster: KubernetesCluster, folder: Path, script: Path) -> None:
        super().__init__()
        self.cluster = cluster
        self.namespace = f"t-{secrets.token_hex(4)}"
        self.leases = Leases()
        self.settings = KubernetesSettings(node_selector={"room": self.namespace})
        self._folder = folder
        self._script = script
        self.node = PretendNode(cluster, folder, self._command, lambda _, log: b"ready" in log)

    async def open(self) -> None:
        namespace = {"metadata": {"name": self.namespace}}
        await asyncio.to_thread(self.cluster.ask, "POST", "/api/v1/namespaces", namespace)
        await asyncio.to_thread(self.node.start)
        labels = {"metadata": {"labels": {"room": self.namespace}}}
        path, merge = f"/api/v1/nodes/{self.node.name}", "application/merge-patch+json"
        await asyncio.to_thread(self.cluster.ask, "PATCH", path, labels, content_type=merge)

        await asyncio.to_thread(self._allow)

    def _allow(self) -> None:
        """What the guide says that the platform's account has to be allowed, and no more."""
        certificate, key = self.cluster.authority.issue(self.namespace, self.namespace)
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        self._kubeconfig = self.cluster.write_kubeconfig(self.namespace, user, namespace=self.namespace)
        text = GUIDE.read_text(encoding="utf-8").split("```yaml\napiVersion: rbac", 1)[1].split("```", 1)[0]
        for document in yaml.safe_load_all("apiVersion: rbac" + text):
            document["metadata"]["namespace"] = self.namespace
            if "subjects" in document:
                document["subjects"] = [{"kind": "User", "name": self.namespace}]
            kind = document["kind"].lower() + "s"
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}/{kind}"
            self.cluster.ask("POST", path, document)

    def make(self) -> Operator:
        access = open_access({"KUBECONFIG": str(self._kubeconfig)})
        selector = f"{INSTANCE}={self.instance}"
        around = PodSurroundings(
            instance=self.instance,
            cluster="k8s",
            settings=self.settings,
            folder=self._folder / "replicas",
            follow=lambda access: KubernetesFollower(Followed(access=access, selector=selector), self.leases).run(),
            on_change=self.told.append,
        )
        self.made.append(KubernetesOperator(lambda: ClusterApi(access), around))
        return self.made[-1]

    def ask(self, method: str, what: str, body: Any = None) -> Any:
        return self.cluster.ask(method, f"/api/v1/namespaces/{self.namespace}/{what}", body)

    def running(self) -> set[str]:
        pods = self.ask("GET", "pods")["items"]
        names = {pod["metadata"]["name"] for pod in pods if _is_ready(pod)}
        return {name for name in names if self.node.process_of(name) is not None}

    def kill(self, replica_id: str) -> None:
        process = self.node.process_of(replica_id)
        assert process is not None
        process.kill()

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self.node.stop)

    def _command(self, pod: Mapping[str, Any], _address: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
        variables = cast("list[dict[str, str]]", pod["spec"]["containers"][0].get("env", []))
        return (sys.executable, "-I", str(self._script)), {each["name"]: each["value"] for each in variables}


def _is_ready(pod: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
