"""A real Kubernetes control plane for tests: etcd, API server and controllers on loopback, gone with its folder."""

import base64
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from journeys.authority import Authority
from journeys.ports import free_ports

_KEPT = Path(__file__).resolve().parent.parent / ".cache" / "parts" / "kubernetes"
_ADMIN, _CONTROLLERS = "test-admin-token", "test-controllers-token"
# Nodes are nobody's here: theirs are pretended.
_CONTROLLERS_RUN = (
    "endpointslice,endpoint,serviceaccount,serviceaccount-token,namespace,podgc,garbagecollector,"
    "deployment,replicaset,disruption,horizontalpodautoscaling,resourcequota"
)


def program(name: str) -> str:
    """Where a part is: in MODELWAY_TEST_KUBERNETES, on PATH, or where scripts/test-parts keeps it; empty if nowhere."""
    for folder in (os.environ.get("MODELWAY_TEST_KUBERNETES", ""), str(_KEPT)):
        if folder and os.access(Path(folder) / name, os.X_OK):
            return str(Path(folder) / name)
    return shutil.which(name) or ""


def missing() -> str:
    """The parts that are not installed, in words; empty if all are."""
    return ", ".join(name for name in ("etcd", "kube-apiserver", "kube-controller-manager") if not program(name))


class KubernetesCluster:
    """A control plane without nodes; whoever needs one plays its part.

    Args:
        folder: Certificates, data and logs.
        scheduler: Whether pods are bound to nodes, if the scheduler is installed.
        controllers: To be run beside those that need no real nodes.
    """

    def __init__(self, folder: Path, *, scheduler: bool = False, controllers: Sequence[str] = ()) -> None:
        self.folder = folder
        self._scheduler = scheduler
        self._controllers = ",".join((_CONTROLLERS_RUN, *controllers))
        self.port, self._etcd, self._peer = free_ports(3)
        self.authority = Authority(folder, "cluster authority")
        self.certificate, self.key = self.authority.issue("api-server", "127.0.0.1", "localhost", "kubernetes.default")
        self._trust = ssl.create_default_context(cafile=str(self.authority.file))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.kubeconfig = self.write_kubeconfig("admin", {"token": _ADMIN})

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def slices(self) -> str:
        """The path of the group that EndpointSlices are in: `v1` where it is there, `v1beta1` before Kubernetes 1.21."""
        served = self.ask("GET", "/apis/discovery.k8s.io")["versions"]
        return "/apis/" + min((each["groupVersion"] for each in served), key=lambda name: "beta" in name)

    def start(self) -> Self:
        """Starts everything, and waits until accounts and endpoints are being made."""
        self._secrets()
        self._run(
            "etcd",
            *("--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", f"http://127.0.0.1:{self._etcd}"),
            *("--advertise-client-urls", f"http://127.0.0.1:{self._etcd}"),
            *("--listen-peer-urls", f"http://127.0.0.1:{self._peer}"),
            *("--initial-advertise-peer-urls", f"http://127.0.0.1:{self._peer}"),
            *("--initial-cluster", f"default=http://127.0.0.1:{self._peer}"),
        )
        self.start_api_server()
        own = str(self.write_kubeconfig("controllers", {"token": _CONTROLLERS}))
        common = (
            "--kubeconfig",
            own,
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--port=0",
            "--secure-port=0",
        )
        self._run(
            "kube-controller-manager",
            *common,
            f"--controllers={self._controllers}",
            *("--horizontal-pod-autoscaler-sync-period=1s", "--horizontal-pod-autoscaler-cpu-initialization-period=1s"),
            *(
                "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
                "--horizontal-pod-autoscaler-downscale-stabilization=2s",
            ),
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.authority.file}",
        )
        if self._scheduler and program("kube-scheduler"):
            self._run("kube-scheduler", *common)
        self._until("an account", lambda: self.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default"))
        return self

    def start_api_server(self) -> None:
        """On the port it always has; returns when it is ready."""
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={self.port}"),
            *("--service-cluster-ip-range=10.0.0.0/24", f"--cert-dir={self.folder}"),
            *(f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={self.key}"),
            *(f"--client-ca-file={self.authority.file}", f"--token-auth-file={self.folder / 'tokens.csv'}"),
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            *("--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"),
            *("--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount"),
            "--kubelet-preferred-address-types=InternalIP,Hostname",  # no name server here knows nodes
        )
        self._until("the API server", lambda: self.ask("GET", "/readyz") == "ok")

    def kill_api_server(self) -> None:
        """At once, as a crash would."""
        self._end("kube-apiserver", signal.SIGKILL)

    def pause_api_server(self) -> None:
        """It is there and says nothing."""
        self._processes["kube-apiserver"].send_signal(signal.SIGSTOP)

    def resume_api_server(self) -> None:
        """After `pause_api_server`."""
        self._processes["kube-apiserver"].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends all of it, the last first."""
        for name in reversed(list(self._processes)):
            self._end(name, signal.SIGKILL)

    def ask(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """A call as administrator; the answer's JSON, or its text where it is none."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {_ADMIN}", "Content-Type": content_type},
        )
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            data = answer.read()
        try:
            return json.loads(data)
        except ValueError:
            return data.decode()

    def write_kubeconfig(self, name: str, user: dict[str, Any], *, namespace: str = "default") -> Path:
        """A kubeconfig of one context, for a user as it stands in such a file."""
        path = self.folder / f"{name}.kubeconfig"
        trust = base64.b64encode(self.authority.file.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority-data": trust}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name, "namespace": namespace}}],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(content))
        return path

    def _secrets(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        (self.folder / "tokens.csv").write_text(
            f'{_ADMIN},admin,1,"system:masters"\n{_CONTROLLERS},controllers,2,"system:masters"\n'
        )

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [program(name), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _end(self, name: str, number: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.send_signal(number)
            process.wait(10)

    def _until(self, what: str, probe: Any, seconds: float = 90) -> None:
        ends = time.monotonic() + seconds
        while True:
            try:
                if probe():
                    return
            except (OSError, ValueError):  # an HTTPError is an OSError, too
                pass
            for name, process in self._processes.items():
                assert process.poll() is None, self._said(name)
            assert time.monotonic() < ends, f"not within {seconds} s: {what}\n{self._said('kube-apiserver')}"
            time.sleep(0.1)

    def _said(self, name: str) -> str:
        return f"{name}:\n" + (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]
