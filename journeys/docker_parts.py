"""A Docker daemon and a registry of one's own for tests: started on sockets and ports of their own, ended by pid, nothing left."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from journeys.ports import free_ports
from journeys.running_platform import MODELWAY

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An engine with a registry beside it."""

    folder: Path
    socket: Path
    registry: str
    base: Path

    def cluster(self, name: str = "box", *, registry: bool = True) -> str:
        """The document of this engine."""
        through = f"    registry: {self.registry}/models\n    plainHttp: true\n" if registry else ""
        return (
            f"apiVersion: modelway/v1\nkind: Cluster\nmetadata: {{name: {name}}}\nspec:\n  operator: docker\n"
            f"  docker:\n    socket: {self.socket}\n    base: {self.base}\n{through}"
        )

    @contextmanager
    def asked(self) -> Generator[Any]:
        """A client of its own, not ours."""
        make: Any = docker.DockerClient  # it carries no types
        client = make(base_url=f"unix://{self.socket}")
        try:
            yield client
        finally:
            client.close()

    def containers(self, *, running: bool = True) -> dict[str, str]:
        """Container ids by replica."""
        with self.asked() as client:
            found = client.api.containers(all=not running, filters={"label": "modelway.replica"})
        return {each["Labels"]["modelway.replica"]: each["Id"] for each in found}


def base_image() -> Path:
    """A root file system with Python, made once and kept; skips by name where none can be made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "modelway"
    kept = Path(os.environ.get("MODELWAY_TEST_BASE") or cache / "debian-12-python-3.11.tar")
    if not kept.is_file():
        if not shutil.which("mmdebstrap", path=SEARCH):
            pytest.skip("mmdebstrap is not installed: no base image can be made")
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [MODELWAY, "image", "base", "-o", str(kept)]
        if subprocess.run(command, capture_output=True, check=False, timeout=240).returncode:
            pytest.skip("mmdebstrap makes no base image here")
    return kept


@contextmanager
def running_box(*options: str) -> Generator[Box]:
    """An engine, with options of its daemon, and a registry until the block ends."""
    daemon = shutil.which("dockerd", path=SEARCH)
    if daemon is None or not shutil.which("docker-registry", path=SEARCH) or os.geteuid() != 0:
        pytest.skip("dockerd and docker-registry are not installed, or this is not root")
    base = base_image()
    folder = Path(f"/tmp/modelway-box-{os.getpid()}")
    folder.mkdir(mode=0o700)
    engine = [daemon, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    engine += ["-H", f"unix://{folder}/docker.sock", *options]
    path = folder / "docker.sock"
    try:
        with (
            own_bridge() as bridge,
            running_registry(folder) as registry,
            running_program([*engine, *bridge], folder / "dockerd.log", lambda: pings(path)),
        ):
            box = Box(folder=folder, socket=path, registry=registry, base=base)
            yield box
            _remove_all(box)
    finally:
        subprocess.run(["umount", "-l", f"{folder}/exec/netns/default"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_bridge() -> Generator[list[str]]:
    """Options that give an engine a network of its own: engines side by side would give the same addresses away on the usual one."""
    for number in range(256):
        name = f"modelway-{number}"
        if _ip("link", "add", name, "type", "bridge"):
            try:
                _ip("addr", "add", f"10.217.{number}.1/24", "dev", name)
                _ip("link", "set", name, "up")
                yield ["--bridge", name]
            finally:
                _ip("link", "del", name)
            return
    yield []  # no right to make one


def _ip(*words: str) -> bool:
    program = shutil.which("ip", path=SEARCH)
    return program is not None and not subprocess.run([program, *words], capture_output=True, check=False).returncode


@contextmanager
def running_registry(folder: Path, *, deletes: bool = False) -> Generator[str]:
    """A registry without TLS until the block ends: `HOST:PORT`; skips by name where it is not installed. It deletes images only if `deletes`."""
    program = shutil.which("docker-registry", path=SEARCH)
    if program is None:
        pytest.skip("docker-registry is not installed")
    (port,) = free_ports(1)
    (folder / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/registry}}\n"
        f"  delete: {{enabled: {str(deletes).lower()}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    command = [program, "serve", f"{folder}/registry.yml"]
    with running_program(command, folder / "registry.log", lambda: _listens(port)):
        yield f"127.0.0.1:{port}"


@contextmanager
def running_program(
    command: list[str], log: Path, ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Generator[None]:
    """A program until the block ends; skips by name where it does not start."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, env=environment) as process,
    ):
        try:
            deadline = time.monotonic() + 30
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"{Path(command[0]).name} does not start here: {log.read_text()[-300:]}")
                time.sleep(0.05)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _remove_all(box: Box) -> None:
    with box.asked() as client:
        for each in client.api.containers(all=True):
            client.api.remove_container(each["Id"], force=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pings(path: Path) -> bool:
    """Whether an engine answers."""
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(2)
        probe.connect(str(path))
        probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b"200 OK" in probe.recv(1000)
    return False
