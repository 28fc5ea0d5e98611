"""A real `modelway up` in its own directory, with the means to ask it, to hurt it and to see what it leaves behind."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from examples.digits.traffic import Caller
from journeys.ports import free_ports

from modelway.client import ControlClient, DocumentFile, Server
from modelway.errors import ModelwayError, NotFoundError

MODELWAY = str(Path(sys.executable).parent / "modelway")
MARKER = "MODELWAY_JOURNEY"
READY = "Modelway is ready"
Value = TypeVar("Value")


def wait_for(what: str, probe: Callable[[], Value | None], seconds: float = 60.0) -> Value:
    """The first true value of `probe`; an assertion error naming `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class RunningPlatform:
    """One platform; the same directory may be started again."""

    def __init__(self, directory: Path, workers: int = 2) -> None:
        self.home = directory / "home"
        self.workers = workers
        self.options: tuple[str, ...] = ("--console-port", "off")
        self.environment: dict[str, str] = {}
        self.command = MODELWAY
        self.printed = ""
        self.gateway_port, self.control_port = free_ports(2)
        self._log = directory / "up.log"
        self._marker = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None

    # Life

    def start(self, seconds: float = 180.0) -> Self:
        """Start it and wait until it says that it is ready, and control and gateway answer."""
        self.printed = ""
        ports = ("--port", str(self.gateway_port), "--control-port", str(self.control_port))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self.command,
                    "up",
                    "--directory",
                    str(self.home),
                    *ports,
                    "--workers",
                    str(self.workers),
                    *self.options,
                ],
                env=os.environ | {MARKER: self._marker, "PYTHONUNBUFFERED": "1"} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while READY not in self.printed or not self.answers():
            self.printed = self._log.read_text(encoding="utf-8", errors="replace")
            assert self._process.poll() is None, f"`modelway up` ended:\n{self.printed}"
            assert time.monotonic() < deadline, f"`modelway up` is not ready:\n{self.printed}"
            time.sleep(0.05)
        wait_for("the gateway listens", self._gateway_listens)
        self.printed = self._log.read_text(encoding="utf-8", errors="replace")  # the address lines follow the first
        return self

    def answers(self) -> bool:
        """Whether control can be asked."""
        try:
            with self.control() as control:
                return bool(control.status())
        except (OSError, ValueError, ModelwayError):
            return False

    def _gateway_listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.gateway_port), 1).close()
        except OSError:
            return False
        return True

    def stop(self, seconds: float = 30.0) -> int:
        """Ask it to stop, as Ctrl-C does; its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(seconds)

    def destroy(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self._process is None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill_everything()

    def kill_everything(self) -> list[int]:
        """SIGKILL to every process at once; their ids."""
        killed = self.processes()
        for pid in killed:
            _kill(pid)
        if self._process is not None:
            self._process.wait(10)
        wait_for("all processes gone", lambda: not self.processes())
        return killed

    # Processes

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> list[int]:
        """Every living process that came from this platform or works in its directory."""
        marker, home = f"{MARKER}={self._marker}".encode(), str(self.home).encode()
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if b") Z " in (entry / "stat").read_bytes():
                    continue
                environment = (entry / "environ").read_bytes()
                if marker in environment or home in environment or home in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    def replica_processes(self, name: str) -> dict[str, int]:
        """Process id by replica id for one deployment: who listens on the port that the replica registered."""
        listeners = _listening_processes(self.processes())
        return {
            endpoint["id"]: listeners[endpoint["port"]]
            for endpoint in self.endpoints(name)
            if endpoint["port"] in listeners
        }

    def processes_of_replicas(self) -> list[int]:
        """Every process of every replica: they lead sessions of their own and name it in their environment."""
        return [pid for pid in self.processes() if b"\0MODELWAY_REPLICA_ID=" in b"\0" + _environment(pid)]

    def listener(self, port: int) -> int | None:
        """Whose process listens on a port."""
        return _listening_processes(self.processes()).get(port)

    def gateway_workers(self) -> list[int]:
        """The processes that accept from the gateway's port; the supervisor only keeps the sockets open."""
        listening = [pid for pid in self.processes() if self.gateway_port in _listening_processes([pid])]
        return [pid for pid in listening if b"modelway_platform.apps.gateway" in _command(pid)]

    def control_process(self) -> int | None:
        return self.listener(self.control_port)

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal and wait until it has ended."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(10)

    # Asking

    @property
    def context(self) -> dict[str, str]:
        """What `modelway up` wrote for the command line."""
        return json.loads((self.home / "context.json").read_text(encoding="utf-8"))

    @property
    def key(self) -> str:
        return self.context["key"]

    @property
    def gateway(self) -> str:
        return self.context["gateway"]

    def control(self) -> ControlClient:
        return ControlClient(Server(url=self.context["control"], key=self.key))

    def admin(self) -> "Admin":
        """One connection to control, for what the clients do not offer."""
        return Admin(self.control_port, self.key)

    def workers_by_request_id(self, name: str) -> dict[str, int]:
        """Which gateway worker answered each request id, as the access log says."""
        project, model = name.split("/")
        with self.control() as control:
            records = list(control.logs(source="access", project=project, model=model, tail=10_000))
        return {record["request_id"]: record["worker"] for record in records}

    def caller(self, *, key: str | None = None, headers: str = "", media_type: str = "application/json") -> Caller:
        """One connection to the gateway."""
        address = urlsplit(self.gateway)
        secret = self.key if key is None else key
        return Caller(address.hostname or "", address.port or 80, secret, headers=headers, media_type=media_type)

    def cli(self, *arguments: str, status: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command against it and insist on its exit status."""
        done = subprocess.run(
            [MODELWAY, *arguments],
            env=os.environ | {"MODELWAY_HOME": str(self.home), "NO_COLOR": "1"},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stderr}\n{done.stdout}"
        return done

    def apply(self, *documents: str) -> None:
        """Declare documents."""
        with self.control() as control:
            control.apply([DocumentFile("journey.yaml", "---\n".join(documents))])

    def upload(self, package: Path) -> str:
        """Its digest, once the platform has it."""
        with self.control() as control:
            return control.upload_package(package).digest

    def deployment(self, name: str) -> dict[str, Any] | None:
        """One deployment, or None when there is none."""
        with self.control() as control:
            try:
                return control.get("deployments", name)
            except NotFoundError:
                return None

    def endpoints(self, name: str) -> list[dict[str, Any]]:
        """Registered replicas of one deployment."""
        with self.control() as control:
            return [item for item in control.list_all("endpoints") if _name(item) == name]

    def wait_ready(self, *names: str, seconds: float = 60.0) -> None:
        """Wait until every replica of the newest revision answers, and only those are left."""
        for name in names:
            deadline = time.monotonic() + seconds
            while not self._is_ready(name):
                assert time.monotonic() < deadline, (
                    f"{name} is not ready: {json.dumps(self.deployment(name), indent=1)}"
                )
                time.sleep(0.05)

    def wait_routed(self, path: str, *, key: str | None = None) -> None:
        """Wait until every gateway worker answers for a pinned path, which takes no turn of the weights."""

        async def ask() -> None:
            good = 0
            async with asyncio.timeout(10):
                while good < 6 * self.workers:  # each on a connection of its own, which any worker may get
                    async with self.caller(key=key) as caller:
                        good = good + 1 if (await caller.post(path, b'{"text": "hello"}')).status == 200 else 0
                    await asyncio.sleep(0.01)

        asyncio.run(ask())

    def _is_ready(self, name: str) -> bool:
        deployment = self.deployment(name)
        if deployment is None or deployment["status"]["phase"] != "Ready":
            return False
        if deployment["status"]["observedRevision"] != deployment["metadata"]["revision"]:
            return False
        replicas = deployment["status"]["replicas"]
        wanted = replicas["wanted"]
        return replicas["ready"] == replicas["updated"] == wanted == len(self.endpoints(name))


class Admin:
    """Registers and deregisters endpoints as a replica does."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        self._connection.connect()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()

    def register(self, replica: str, name: str, port: int) -> None:
        project, model, version = name.split("/")
        endpoint = {"project": project, "model": model, "version": version, "host": "127.0.0.1", "port": port}
        self._request("PUT", replica, json.dumps(endpoint | {"package": "", "ttlSeconds": 30}))

    def deregister(self, replica: str) -> None:
        self._request("DELETE", replica, None)

    def _request(self, method: str, replica: str, body: str | None) -> None:
        self._connection.request(method, f"/v1/endpoints/{replica}", body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _name(endpoint: dict[str, Any]) -> str:
    return f"{endpoint['project']}/{endpoint['model']}/{endpoint['version']}"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _listening_processes(pids: Iterable[int]) -> dict[int, int]:
    """Process id by the local TCP port it listens on; the lowest id where several share one."""
    ports: dict[str, int] = {}
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":  # LISTEN
            ports[fields[9]] = int(fields[1].rpartition(":")[2], 16)
    found: dict[int, int] = {}
    for pid in sorted(pids, reverse=True):
        for link in _links(Path(f"/proc/{pid}/fd")):
            if link.startswith("socket:[") and link[8:-1] in ports:
                found[ports[link[8:-1]]] = pid
    return found


def _links(directory: Path) -> list[str]:
    links: list[str] = []
    try:
        for entry in directory.iterdir():
            try:
                links.append(str(entry.readlink()))
            except OSError:
                continue
    except OSError:
        pass
    return links
