"""Plays a node of a real Kubernetes: runs the pods bound to it as processes of this machine, and reports as a kubelet does.

A stand-in: there are no containers, and limits are not enforced. What is asked of the API server, and what it answers, is real.
"""

import datetime as dt
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from journeys.kubernetes_cluster import KubernetesCluster

POLL_SECONDS = 0.1
AGAIN_SECONDS = 1.0
"""How much longer each time a container that fell waits to be started again; a kubelet takes its time for that."""
Command = Callable[[Mapping[str, Any], str], tuple[Sequence[str], Mapping[str, str]]]
IsReady = Callable[[str, bytes], bool]


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    log: Path
    address: str
    reported: str = ""
    kill_at: float = 0.0
    falls: int = 0
    again_at: float = 0.0
    last: dict[str, Any] | None = None
    before: bytes = b""


class PretendNode:
    """One node.

    Args:
        cluster: Whose.
        folder: Logs of pods.
        command: From a pod and its address to the command line and environment of its process; an image whose name
            begins with `missing` cannot be pulled.
        is_ready: From a pod's address and its log so far to whether it is ready.
        addresses: What pods get, in turn.
    """

    def __init__(
        self,
        cluster: KubernetesCluster,
        folder: Path,
        command: Command,
        is_ready: IsReady,
        addresses: Sequence[str] = tuple(f"10.77.2.{n}" for n in range(1, 250)),
    ) -> None:
        self.name = f"node-{cluster.port}-{time.monotonic_ns() % 1_000_000}"
        self._cluster = cluster
        self._folder = folder
        self._command = command
        self._is_ready = is_ready
        self._addresses = addresses
        self._given = 0
        self._pods: dict[str, _Running] = {}
        self._by_name: dict[str, str] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._logs = _log_server(self._log_of, cluster)

    def start(self) -> Self:
        """Registers the node, with 4 CPUs, 8 GiB and 1 GPU."""
        room = {"cpu": "4", "memory": "8Gi", "pods": "100", "nvidia.com/gpu": "1"}
        status = {
            "capacity": room,
            "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.server_address[1]}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }
        merge, path = "application/merge-patch+json", f"/api/v1/nodes/{self.name}"
        self._cluster.ask("POST", "/api/v1/nodes", {"metadata": {"name": self.name}})
        self._cluster.ask("PATCH", f"{path}/status", {"status": status}, content_type=merge)
        self._cluster.ask("PATCH", path, {"spec": {"taints": []}}, content_type=merge)
        self._thread.start()
        return self

    def fail(self) -> None:
        """As if the machine had lost its power: its processes are gone, and nobody reports it."""
        self._ending.set()
        self._thread.join()
        for running in self._pods.values():
            running.process.kill()
            running.process.wait()

    def stop(self) -> None:
        """Ends everything, and takes the node out of the cluster."""
        self.fail()
        self._logs.shutdown()
        self._logs.server_close()
        with suppress(OSError):
            self._cluster.ask("DELETE", f"/api/v1/nodes/{self.name}")

    def process_of(self, pod: str) -> subprocess.Popen[bytes] | None:
        """The process that runs now for a pod of this name."""
        running = self._pods.get(self._by_name.get(pod, ""))
        return running.process if running is not None and running.process.poll() is None else None

    def said(self, pod: str) -> str:
        """What its process has printed so far."""
        return self._log_of(pod).decode(errors="replace")

    def _run(self) -> None:
        path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.name}"
        while not self._ending.wait(POLL_SECONDS):
            with suppress(OSError):  # the API server is away, or a pod went between list and report
                found = {pod["metadata"]["uid"]: pod for pod in self._cluster.ask("GET", path)["items"]}
                for uid, pod in found.items():
                    with suppress(urllib.error.HTTPError):
                        self._tend(uid, pod)
                for uid in [uid for uid in self._pods if uid not in found]:  # deleted by force
                    running = self._pods.pop(uid)
                    running.process.kill()
                    running.process.wait()

    def _tend(self, uid: str, pod: dict[str, Any]) -> None:
        metadata, image = pod["metadata"], pod["spec"]["containers"][0]["image"]
        deleted = "deletionTimestamp" in metadata
        running = self._pods.get(uid)
        if running is None:
            if deleted:
                self._remove(pod)
            elif image.startswith("missing"):
                waiting = {"reason": "ErrImagePull", "message": f"{image}: not found"}
                self._report(pod, "Pending", {"waiting": waiting}, ready=False)
            else:
                self._pods[uid] = self._begin(pod)
                self._by_name[metadata["name"]] = uid
            return
        status = running.process.poll()
        if status is None:
            if deleted:
                self._ask_to_leave(running, metadata.get("deletionGracePeriodSeconds", 0))
            ready = not deleted and self._is_ready(running.address, running.log.read_bytes())
            self._once(running, pod, f"running {ready}", "Running", {"running": {}}, ready=ready)
            return
        if pod["spec"]["restartPolicy"] == "Always" and not deleted and self._is_between(running, pod):
            return
        code = status if status >= 0 else 128 - status
        reason = "Error" if code else "Completed"
        ended = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": _now()}}
        if deleted or pod["spec"]["restartPolicy"] == "Never":
            self._once(running, pod, "ended", "Failed" if code else "Succeeded", ended, ready=False)
        else:
            self._once(running, pod, f"fell {running.falls}", "Running", ended, ready=False)
            running.last, running.again_at = ended, time.monotonic() + AGAIN_SECONDS * (running.falls + 1)
        if deleted:
            self._remove(pod)

    def _is_between(self, running: _Running, pod: dict[str, Any]) -> bool:
        """Starts its container again when its time has come, ever later; whether it has ended and that was reported."""
        if not running.again_at:
            return False
        if time.monotonic() < running.again_at:
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            self._once(running, pod, f"waits {running.falls}", "Running", {"waiting": waiting}, ready=False)
            return True
        running.falls, running.again_at, running.before = running.falls + 1, 0.0, running.log.read_bytes()
        running.process = self._launch(pod, running.address, running.log)
        return True

    def _begin(self, pod: dict[str, Any]) -> _Running:
        address = self._addresses[self._given % len(self._addresses)]
        self._given += 1
        path = self._folder / f"{pod['metadata']['uid']}.log"
        return _Running(self._launch(pod, address, path), path, address)

    def _launch(self, pod: dict[str, Any], address: str, path: Path) -> subprocess.Popen[bytes]:
        named = {**pod, "spec": {**pod["spec"], "containers": [_with_fields(pod)]}}
        arguments, environment = self._command(named, address)
        with path.open("wb") as log:
            return subprocess.Popen(
                list(arguments), env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @staticmethod
    def _ask_to_leave(running: _Running, grace: float) -> None:
        if not running.kill_at:
            running.process.send_signal(signal.SIGTERM)
            running.kill_at = time.monotonic() + grace
        elif time.monotonic() > running.kill_at:
            running.process.kill()

    def _once(
        self, running: _Running, pod: dict[str, Any], what: str, phase: str, state: dict[str, Any], *, ready: bool
    ) -> None:
        if running.reported != (told := f"{what}, {running.falls}"):
            again = {"restartCount": running.falls, "lastState": running.last or {}}
            self._report(pod, phase, state, ready=ready, address=running.address, again=again)
            running.reported = told

    def _report(
        self,
        pod: dict[str, Any],
        phase: str,
        state: dict[str, Any],
        *,
        ready: bool,
        address: str = "",
        again: Mapping[str, Any] | None = None,
    ) -> None:
        name = pod["spec"]["containers"][0]["name"]
        container = {"name": name, "state": state, "ready": ready, "restartCount": 0, "image": "x", "imageID": "x"}
        container |= again or {}
        now = _now()
        found = {"Ready": ready, "ContainersReady": ready, "PodScheduled": True}
        conditions = [{"type": kind, "status": str(is_so), "lastTransitionTime": now} for kind, is_so in found.items()]
        where = {"podIP": address, "podIPs": [{"ip": address}], "hostIP": "127.0.0.1"} if address else {}
        status = {"phase": phase, "conditions": conditions, "containerStatuses": [container], **where}
        status["startTime"] = pod["status"].get("startTime") or now
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
        self._cluster.ask("PATCH", path, {"status": status}, content_type="application/merge-patch+json")

    def _remove(self, pod: dict[str, Any]) -> None:
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        self._cluster.ask("DELETE", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", options)

    def _log_of(self, pod: str, *, before: bool = False) -> bytes:
        running = self._pods.get(self._by_name.get(pod, ""))
        if running is None:
            return b""
        return running.before if before else running.log.read_bytes()


def _with_fields(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Its container with the variables that are told of its pod."""
    container = pod["spec"]["containers"][0]
    told = {"metadata.name": pod["metadata"]["name"]}
    variables = [
        {"name": each["name"], "value": told[each["valueFrom"]["fieldRef"]["fieldPath"]]}
        if "fieldRef" in each.get("valueFrom", {})
        else each
        for each in container.get("env", [])
    ]
    return {**container, "env": variables}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class _LogOf(Protocol):
    def __call__(self, pod: str, *, before: bool = False) -> bytes: ...


def _log_server(log_of: _LogOf, cluster: KubernetesCluster) -> ThreadingHTTPServer:
    """Answers `/containerLogs/NAMESPACE/POD/CONTAINER`, which the API server asks of a kubelet."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            body = log_of(asked.path.split("/")[3], before="previous=true" in asked.query)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cluster.certificate, cluster.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
