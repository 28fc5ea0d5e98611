"""Engines of containers as the operators' contract tries them: Docker's, and Podman's service, each started by the test."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docker
import pytest
from journeys.docker_parts import SEARCH, base_image, own_bridge, pings, running_program
from journeys.operator_benches import Bench

from modelway_platform.deploy.operators.containers.docker import DockerOperator, Surroundings
from modelway_platform.deploy.operators.containers.docker_engine import DockerEngine
from modelway_platform.deploy.operators.containers.lead import Lead
from modelway_platform.deploy.operators.port import Operator
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.discovery.embedded import Leases

# Podman's service speaks the same API as Docker's, more slowly: `make test-operators` tries it, too.
ENGINES = ("docker", *(("podman",) if os.environ.get("MODELWAY_TEST_PODMAN") else ()))
IMAGE = "registry.test/digits:v1"
SECRET = "words-that-only-the-replica-knows"
"""The value of every secret."""
# Without it Podman wants limits that may not be had, and a runtime that knows hybrid cgroups.
_PODMAN = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=32768:32768"]
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
runtime = "runc"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that runs, with the stand-in for a model server as an image."""

    name: str
    socket: Path
    network: str

    @contextmanager
    def asked(self) -> Generator[Any]:
        """A client of its own, not ours."""
        make: Any = docker.APIClient  # it carries no types
        client = make(base_url=f"unix://{self.socket}", version="auto", timeout=120)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def running_engine(name: str, stand_in: str) -> Generator[Engine]:
    """`docker` or `podman` until the block ends; skips by name where it is not installed or does not start."""
    base = base_image()
    with running_daemon(name) as socket:
        engine = Engine(name=name, socket=socket, network="bridge" if name == "docker" else "podman")
        with engine.asked() as client:
            entry = json.dumps(["python3", "-I", "-c", stand_in])
            client.import_image_from_file(str(base), "registry.test/digits", "v1", changes=[f"ENTRYPOINT {entry}"])
            if name == "podman":  # whose service gives an imported image no name
                client.tag(client.images(all=True)[0]["Id"], "registry.test/digits", "v1")
        yield engine
        with engine.asked() as client:
            for each in client.containers(all=True):
                with suppress(OSError):
                    client.remove_container(each["Id"], force=True)


@contextmanager
def running_daemon(name: str) -> Generator[Path]:
    """The socket of `docker` or `podman` until the block ends; skips by name where it is not installed or does not start."""
    program = shutil.which({"docker": "dockerd"}.get(name, name), path=SEARCH)
    if program is None or os.geteuid() != 0:
        pytest.skip(f"{name} is not installed, or this is not root")
    with TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        socket = folder / "socket"
        command, environment = _command(name, program, folder, socket)
        with (
            own_bridge() if name == "docker" else nullcontext([]) as bridge,
            running_program([*command, *bridge], folder / "log", lambda: pings(socket), environment),
        ):
            yield socket
        for mount in (f"{folder}/exec/netns/default", f"{folder}/root/overlay", f"{folder}/data/overlay2"):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)


def _command(name: str, program: str, folder: Path, socket: Path) -> tuple[list[str], Mapping[str, str]]:
    environment = {"PATH": SEARCH, "HOME": str(folder)}
    if name == "docker":
        places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        return [program, *places, "-H", f"unix://{socket}"], environment
    (folder / "containers.conf").write_text(_PODMAN)
    places = ["--root", f"{folder}/root", "--runroot", f"{folder}/run"]
    return [program, *places, "system", "service", "--time=0", f"unix://{socket}"], environment | {
        "CONTAINERS_CONF": f"{folder}/containers.conf"
    }


class ContainerBench(Bench):
    """One engine."""

    no_second_node = "an engine is one machine: its containers are gone with it, and there is no other node"

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__()
        self.engine = engine
        self._folder = folder
        self.records: RecordsWay | None = None

    def make(self) -> Operator:
        around = Surroundings(
            instance=self.instance,
            cluster="k8s",
            network=self.engine.network,
            folder=self._folder / "replicas",
            lead=Lead(registry=Leases()),
            examples=lambda _: (),
            credentials=lambda _: None,
            on_change=self.told.append,
            records=self.records,
            secrets=lambda spec: dict.fromkeys(spec.secrets, SECRET),
        )
        self.made.append(DockerOperator(DockerEngine(str(self.engine.socket)), around))
        return self.made[-1]

    def running(self) -> set[str]:
        with self.engine.asked() as client:
            found = client.containers(filters={"label": f"modelway.instance={self.instance}"})
            return {each["Labels"]["modelway.replica"] for each in found if b"ready" in client.logs(each["Id"])}

    def container(self, replica_id: str) -> str:
        """The id of a replica's container."""
        labels = [f"modelway.instance={self.instance}", f"modelway.replica={replica_id}"]
        with self.engine.asked() as client:
            return client.containers(all=True, filters={"label": labels})[0]["Id"]

    def shown(self) -> str:
        """All that an engine shows of containers and images to whoever may ask it."""
        with self.engine.asked() as client:
            there = client.containers(all=True)
            found = [*there, *client.images(all=True), *(client.inspect_container(each["Id"]) for each in there)]
            return json.dumps(found)

    def read_inside(self, replica_id: str, path: str) -> str:
        """What the container's own user reads there."""
        with self.engine.asked() as client:
            made = client.exec_create(self.container(replica_id), ["cat", path])
            return client.exec_start(made["Id"]).decode()

    def secrets_kept(self) -> list[Path]:
        """The files of secrets that there are on this machine: with the platform, and in volumes without a name."""
        with self.engine.asked() as client:
            volumes = client.volumes()["Volumes"] or ()
        inside = (path for each in volumes for path in Path(each["Mountpoint"]).glob("*secrets*"))
        return [*self._folder.glob("replicas/*/*secrets*"), *inside]

    def said(self, replica_id: str) -> str:
        with self.engine.asked() as client:
            return client.logs(self.container(replica_id)).decode(errors="replace")

    def kill(self, replica_id: str) -> None:
        labels = [f"modelway.instance={self.instance}", f"modelway.replica={replica_id}"]
        with self.engine.asked() as client:
            for each in client.containers(filters={"label": labels}):
                client.kill(each["Id"])

    def remains(self) -> list[str]:
        with self.engine.asked() as client:
            found = client.containers(all=True, filters={"label": f"modelway.instance={self.instance}"})
        return [each["Labels"]["modelway.replica"] for each in found]

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self._remove_all)

    def _remove_all(self) -> None:
        with self.engine.asked() as client:
            for each in client.containers(all=True):
                with suppress(OSError):
                    client.remove_container(each["Id"], force=True)
