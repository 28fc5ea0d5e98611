"""Each operator with what it needs to be tried: how it is made, what runs, and how a replica is hurt."""

import asyncio
import secrets
import sys
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from journeys.kubernetes_cluster import KubernetesCluster
from journeys.pretend_node import PretendNode

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.pods.kubernetes import KubernetesOperator, PodSurroundings
from modelway_platform.deploy.operators.pods.pod_owner import INSTANCE
from modelway_platform.deploy.operators.pods.pod_workload import REPLICA
from modelway_platform.deploy.operators.port import Observed, Operator, ReplicaSpec
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.operators.processes.process import Launch, ProcessOperator
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.kubernetes import KubernetesFollower
from modelway_platform.discovery.kubernetes_address import Followed
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.kubernetes.api import ClusterApi
from modelway_platform.kubernetes.open_access import open_access

OURS = (("apps/v1", "deployments"), ("apps/v1", "replicasets"), ("policy/v1beta1", "poddisruptionbudgets"))
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

    @abstractmethod
    def said(self, replica_id: str) -> str:
        """All that a replica has printed."""

    not_kept_from_writing = ""
    """Why a volume that is to be read only can be written here; empty where it cannot."""
    no_look_at_directories = ""
    """Why a directory is not looked at before it is given; empty where it is."""
    no_second_node = ""
    """Why a node cannot be lost here; empty where one can."""
    starts_again = False
    """Whether the cluster itself starts again what fell."""
    told_of_a_lost_node = "was put back into the queue"
    """What is said where the cluster itself starts again what was lost with its node."""
    no_limits = ""
    """Why nothing can be asked for that there is no room for; empty where it can."""

    @abstractmethod
    def remains(self) -> list[str]:
        """All that is still there of this platform's replicas, ended or not."""

    def broken(self, spec: ReplicaSpec) -> ReplicaSpec:
        """One whose image or environment is not there."""
        return replace(spec, environment="missing.test/digits:v1")

    def too_large(self, spec: ReplicaSpec) -> ReplicaSpec:
        """One that wants more than any node has."""
        return replace(spec, resources=Resources(cpus=1, memory=2**26, gpus=3))

    async def lose_node(self, replica_id: str) -> None:
        """The machine below a replica is gone, and reports nothing."""
        raise NotImplementedError(self.no_second_node, replica_id)

    async def refused(self, operator: Operator, spec: ReplicaSpec) -> str:
        """Why one is not started: at once, by its end, or as what it waits for."""
        try:
            await operator.start(spec)
        except (OSError, ModelwayError) as error:
            return str(error)
        told: list[str] = []

        def is_told() -> bool:
            trouble = trouble_of(operator.observe()[spec.id])
            if trouble and "others are before it in the queue" not in trouble:  # its turn comes, and then its trouble
                told.append(trouble)
            return bool(told)

        await self.when(is_told)
        return told[0]

    def told_by_cluster(self, replica_id: str) -> str:
        """Whether a replica was `restarted`, as the cluster tells whoever asks."""
        raise NotImplementedError(replica_id)

    @contextmanager
    def another_platform(self) -> Generator[None]:
        """As whoever is asked within sees it: with a mark of its own."""
        mine, self.instance = self.instance, f"another-{secrets.token_hex(4)}"
        try:
            yield
        finally:
            self.instance = mine

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

    async def fell(self, operator: Operator, replica_id: str) -> str:
        """Until it is told that it fell, whoever starts it again; the reason."""
        await self.when(lambda: bool(operator.observe()[replica_id].reason))
        return operator.observe()[replica_id].reason

    async def ended(self, operator: Operator, replica_id: str) -> str:
        """Until it has ended; its reason."""
        await self.when(lambda: operator.observe()[replica_id].exited_at is not None)
        return operator.observe()[replica_id].reason


def trouble_of(observed: Observed) -> str:
    """What it waits for or how it ended; empty while all is well."""
    return observed.waiting or observed.reason


def missing_or(launch: Callable[[ReplicaSpec], Launch], spec: ReplicaSpec) -> Launch:
    """The command line, with an interpreter that is not there for a spec that is broken."""
    found = launch(spec)
    broken = spec.environment.startswith("missing")
    return replace(found, arguments=("/missing.test/python", *found.arguments[1:])) if broken else found


class ProcessBench(Bench):
    """This machine."""

    no_second_node = "processes of this machine are gone with it: there is no other node"
    no_limits = "processes of this machine have no limits: `resources` are refused when they are applied"

    def __init__(self, folder: Path, launch: Callable[[ReplicaSpec], Launch]) -> None:
        super().__init__()
        self._folder = folder
        self._launch = launch

    def make(self) -> Operator:
        folder = self._folder / "replicas"
        self.made.append(
            ProcessOperator(
                folder,
                instance=self.instance,
                launch=lambda spec: missing_or(self._launch, spec),
                on_change=self.told.append,
            )
        )
        return self.made[-1]

    def running(self) -> set[str]:
        logs = {each.parent.name: each.read_text() for each in self._folder.glob("replicas/*/server.log")}
        marked = {each.replica for each in process_table.find_marked(self.instance)}
        return {each for each in marked if "ready" in logs.get(each, "")}

    not_kept_from_writing = "plain processes may write what their user may: `readOnly` is refused when it is applied"

    def said(self, replica_id: str) -> str:
        return (self._folder / "replicas" / replica_id / "server.log").read_text()

    def kill(self, replica_id: str) -> None:
        process_table.end_marked(self.instance, replica=replica_id)

    def remains(self) -> list[str]:
        return [each.replica for each in process_table.find_marked(self.instance)]

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
        self.records: RecordsWay | None = None
        self._folder = folder
        self._script = script
        self.node = self._node()

    async def open(self) -> None:
        namespace = {"metadata": {"name": self.namespace}}
        await asyncio.to_thread(self.cluster.ask, "POST", "/api/v1/namespaces", namespace)
        await asyncio.to_thread(self._join)
        await asyncio.to_thread(self._allow)

    def _join(self) -> None:
        self.node.start()
        labels = {"metadata": {"labels": {"room": self.namespace}}}
        path, merge = f"/api/v1/nodes/{self.node.name}", "application/merge-patch+json"
        self.cluster.ask("PATCH", path, labels, content_type=merge)

    def _node(self) -> PretendNode:
        return PretendNode(self.cluster, self._folder, self._command, lambda _, log: b"ready" in log)

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
            records=self.records,
        )
        self.made.append(KubernetesOperator(lambda: ClusterApi(access), around))
        return self.made[-1]

    def ask(self, method: str, what: str, body: Any = None) -> Any:
        return self.cluster.ask(method, f"/api/v1/namespaces/{self.namespace}/{what}", body)

    starts_again = True
    told_of_a_lost_node = "its pod was deleted"

    def told_by_cluster(self, replica_id: str) -> str:
        found = self.pod(replica_id)["status"].get("containerStatuses", [{}])[0]
        return "restarted" if found.get("restartCount") else ""

    def objects(self, group: str, kind: str) -> list[Any]:
        """All of a kind in its namespace."""
        return self.cluster.ask("GET", f"/apis/{group}/namespaces/{self.namespace}/{kind}")["items"]

    def scale(self, deployment: str, replicas: int) -> None:
        """As `kubectl scale` does it."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{deployment}/scale"
        change, merge = {"spec": {"replicas": replicas}}, "application/merge-patch+json"
        self.cluster.ask("PATCH", path, change, content_type=merge)

    def pod(self, replica_id: str) -> Any:
        """The pod that is a replica at present."""
        return self._there()[replica_id]

    def _there(self) -> dict[str, Any]:
        pods = [pod for pod in self.ask("GET", "pods")["items"] if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"].get("labels", {}).get(REPLICA, pod["metadata"]["name"]): pod for pod in pods}

    def running(self) -> set[str]:
        there = {name: pod for name, pod in self._there().items() if _is_ready(pod)}
        return {name for name, pod in there.items() if self.node.process_of(pod["metadata"]["name"]) is not None}

    not_kept_from_writing = "the node is a stand-in without containers"
    no_look_at_directories = "they are the nodes', which only Kubernetes looks at"

    def said(self, replica_id: str) -> str:
        return self.node.said(self.pod(replica_id)["metadata"]["name"])

    def kill(self, replica_id: str) -> None:
        process = self.node.process_of(self.pod(replica_id)["metadata"]["name"])
        assert process is not None
        process.kill()

    def remains(self) -> list[str]:
        marked = f"?labelSelector={quote(INSTANCE, safe='')}%3D{self.instance}"
        core = f"/api/v1/namespaces/{self.namespace}"
        kinds = [f"{core}/{kind}" for kind in ("pods", "services")]
        kinds += [f"/apis/{group}/namespaces/{self.namespace}/{kind}" for group, kind in OURS]
        found = [each["metadata"] for kind in kinds for each in self.cluster.ask("GET", f"{kind}{marked}")["items"]]
        return [each["labels"].get(REPLICA, each["name"]) for each in found]

    async def lose_node(self, replica_id: str) -> None:
        name = self.pod(replica_id)["metadata"]["name"]
        lost, self.node = self.node, self._node()
        await asyncio.to_thread(lost.fail)
        await asyncio.to_thread(self.cluster.ask, "DELETE", f"/api/v1/nodes/{lost.name}")
        await asyncio.to_thread(self._join)
        # What Kubernetes' own controller does after the toleration's seconds.
        await asyncio.to_thread(self.ask, "DELETE", f"pods/{name}", {"gracePeriodSeconds": 1})

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self.node.stop)

    def _command(self, pod: Mapping[str, Any], _address: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
        container = pod["spec"]["containers"][0]
        variables = [self._with_value(each) for each in container.get("env", [])]
        there = self._mounted(pod["spec"].get("volumes", []), container.get("volumeMounts", []))
        found = {each["name"]: there.get(each["value"], each["value"]) for each in variables}
        return (sys.executable, "-I", str(self._script)), found

    def _with_value(self, variable: dict[str, Any]) -> dict[str, str]:
        """As a kubelet gives it: a Secret's value, for one that names it."""
        named = variable.get("valueFrom", {}).get("secretKeyRef")
        if named is None:
            return variable
        secret = self.ask("GET", f"secrets/{named['name']}")
        return {"name": variable["name"], "value": b64decode(secret["data"][named["key"]]).decode()}

    def _mounted(self, volumes: list[Any], mounts: list[Any]) -> dict[str, str]:
        """Where on this machine that is which a container would have at a path: the node is a stand-in, and mounts nothing."""
        sources: dict[str, str] = {}
        for each in volumes:
            if "hostPath" in each:
                sources[each["name"]] = each["hostPath"]["path"]
            else:
                folder = self._folder / "kubelet" / f"{each['name']}-{secrets.token_hex(4)}"
                folder.mkdir(parents=True)
                sources[each["name"]] = str(folder)
        return {each["mountPath"]: sources[each["name"]] for each in mounts}


def _is_ready(pod: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
