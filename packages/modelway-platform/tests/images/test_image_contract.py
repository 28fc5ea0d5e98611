"""One contract for images, whoever makes what is below: others' tools accept them, Docker runs them, and they answer and end as they should."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from journeys.container_bench import running_daemon
from journeys.docker_parts import SEARCH, base_image
from journeys.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HELLO = Path(__file__).resolve().parents[4] / "examples" / "hello"
DOCKERFILE = "FROM modelway-base\nUSER root\nENV EXTRA=yes\nRUN id -u > /opt/asked\n"
BUILDERS = ["none", "buildah", "docker", "podman"]


def run(*command: str, timeout: float = 120) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def need(program: str) -> str:
    found = shutil.which(program, path=SEARCH)
    if found is None or os.geteuid() != 0:
        pytest.skip(f"{program} is not installed, or this is not root")
    return found


@dataclass(frozen=True)
class Image:
    """What one builder made: a folder with an OCI layout, and what the command printed."""

    builder: str
    layout: str
    digest: str

    def inspect(self, *options: str) -> dict[str, Any]:
        return json.loads(run(need("skopeo"), "inspect", *options, f"oci:{self.layout}"))


@pytest.fixture(scope="module")
def docker_socket() -> Generator[str]:
    with running_daemon("docker") as socket:
        yield str(socket)


@pytest.fixture(scope="module")
def podman_socket() -> Generator[str]:
    with running_daemon("podman") as socket:
        yield str(socket)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Image]:
    """Makes an image of the smallest example by `modelway image build`, with a Dockerfile wherever somebody follows it."""
    folder = tmp_path_factory.mktemp("contract")
    home = folder / "home"

    def modelway(*words: str) -> str:
        environment = os.environ | {"MODELWAY_HOME": str(home)}
        command = [sys.executable, "-m", "modelway.cli.main", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def package(*, dockerfile: bool) -> Path:
        out = folder / ("with" if dockerfile else "without")
        if not out.exists():
            project = folder / f"{out.name}-project"
            shutil.copytree(HELLO, project, ignore=shutil.ignore_patterns("dist", "__pycache__"))
            if dockerfile:
                (project / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
                with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
                    file.write('dockerfile = "Dockerfile"\n')
            modelway("package", str(project), "-o", str(out))
        return out / "hello-1.0.0.mwpkg"

    def image(builder: str, socket: str = "", tag: str = "v1") -> Image:
        layout = f"{folder / builder}:{tag}"
        words = ["image", "build", str(package(dockerfile=builder != "none")), "--base", str(base_image())]
        words += ["--builder", builder, "-o", f"oci:{layout}", *(["--builder-socket", socket] if socket else [])]
        shown = modelway(*words)
        digest = next(line.split()[1] for line in shown.splitlines() if line.startswith("digest"))
        return Image(builder=builder, layout=layout, digest=digest)

    return image


@pytest.fixture(scope="module", params=BUILDERS)
def image(request: pytest.FixtureRequest, make: Callable[..., Image]) -> Image:
    kind: str = request.param
    if kind == "buildah":
        need("buildah")
    socket = request.getfixturevalue(f"{kind}_socket") if kind in {"docker", "podman"} else ""
    return make(kind, socket)


def test_skopeo_reads_and_copies_it(image: Image, tmp_path: Path) -> None:
    seen = image.inspect()
    assert seen["Digest"] == image.digest
    assert seen["Labels"]["modelway.package.digest"].startswith("sha256:")
    assert ("EXTRA=yes" in seen["Env"]) == (image.builder != "none")
    config = image.inspect("--config")["config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    run(need("skopeo"), "copy", f"oci:{image.layout}", f"dir:{tmp_path / 'copy'}")
    assert (tmp_path / "copy" / "manifest.json").is_file()


def test_umoci_unpacks_it_and_its_program_starts(image: Image, tmp_path: Path) -> None:
    run(need("umoci"), "unpack", "--image", image.layout, str(tmp_path / "bundle"))
    root = tmp_path / "bundle" / "rootfs"
    assert json.loads((root / "opt/modelway/sbom.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert (root / "opt/asked").exists() == (image.builder != "none")
    assert run("chroot", str(root), "/opt/modelway/bin/modelway", "--version").startswith("modelway ")


def test_docker_runs_it_as_nobody_and_ends_it_politely(image: Image, docker_socket: str, tmp_path: Path) -> None:
    name = f"hello-{image.builder}"
    client = need("docker")

    def docker(*words: str) -> str:
        return run(client, "-H", f"unix://{docker_socket}", *words)

    archive = tmp_path / "image.tar"
    run(need("skopeo"), "copy", f"oci:{image.layout}", f"docker-archive:{archive}:{name}:v1")
    docker("load", "-q", "-i", str(archive))
    (port,) = free_ports(1)
    limits = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "host")
    docker("run", "-d", "--name", name, *limits, f"{name}:v1", "--host", "127.0.0.1", "--port", str(port))
    try:
        assert ask(port) == {"text": "Hello, Ada!"}, docker("logs", name)
        assert docker("exec", name, "id", "-u").strip() == "10001"
        docker("exec", name, "/opt/modelway/bin/modelway-healthy")
        docker("stop", name)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name).strip() == "0"
    finally:
        docker("rm", "-f", name)


def test_made_again_it_is_the_same(image: Image, make: Callable[..., Image], request: pytest.FixtureRequest) -> None:
    kind = image.builder
    socket = request.getfixturevalue(f"{kind}_socket") if kind in {"docker", "podman"} else ""
    assert make(kind, socket, "again").digest == image.digest


def ask(port: int, limit: float = 60) -> object:
    """What the model answers once it is ready; None after `limit` seconds without an answer."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/greet", body=b'{"name": "Ada"}')
            answer = connection.getresponse()
            found = json.loads(answer.read())
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                return found
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    return None
