"""Real parts: Debian's registry takes the image and gives it back, a base of the catalogue runs, a code change is small.

Each part is installed where apt-get can, and skipped by name where it cannot.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HELLO = Path(__file__).resolve().parents[4] / "examples" / "hello"
DEBIAN = {
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "mmdebstrap": "mmdebstrap",
    "skopeo": "skopeo",
    "umoci": "umoci",
}
RIPE = {
    "pyproject.toml": """
[project]
name = "ripe"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["scikit-learn==1.9.1", "numpy>=2.3"]
[tool.modelway]
handler = "handler:Ripe"
""",
    "handler.py": """
from modelway import Handler, inference
from sklearn.linear_model import LinearRegression


class Ripe(Handler):
    def load(self) -> None:
        self.model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])

    @inference
    def ripe(self, x: float) -> float:
        return round(float(self.model.predict([[x]])[0]), 6)
""",
    "examples.json": '[{"endpoint": "ripe", "request": {"x": 2.0}, "response": 5.0}]',
}


def need(program: str) -> str:
    """The program, installed if need be."""
    if not shutil.which(program) and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", DEBIAN[program]]
        if subprocess.run(install, capture_output=True, timeout=120, check=False).returncode:
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, timeout=60, check=False)
            subprocess.run(install, capture_output=True, timeout=120, check=False)
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{DEBIAN[program]} is not installed and cannot be")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool], limit: float = 15) -> Generator[bool]:
    """A program in a group of its own until the block ends; yields whether it became ready."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + limit
            while not (up := ready()) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.05)
            yield up
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Place:
    """Where the tests of this file work, and the image they work with."""

    folder: Path
    package: Path
    base: Path

    def modelway(self, *words: str, **variables: str) -> str:
        environment = {**os.environ, "MODELWAY_HOME": str(self.folder / "home"), **variables}
        command = [sys.executable, "-m", "modelway.cli.main", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self, tag: str, package: Path | None = None) -> str:
        words = ("image", "build", str(package or self.package), "--base", str(self.base))
        shown = self.modelway(*words, "-o", f"oci:{self.folder / 'images'}:{tag}")
        return next(line.split()[1] for line in shown.splitlines() if line.startswith("digest"))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("images")
    shutil.copytree(HELLO, folder / "hello", ignore=shutil.ignore_patterns("dist", "__pycache__"))
    # A base takes a minute to make: it is kept between runs, under a name that says what it is.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "modelway"
    kept = Path(os.environ.get("MODELWAY_TEST_BASE") or cache / "debian-12-python-3.11.tar")
    place = Place(folder=folder, package=folder / "dist" / "hello-1.0.0.mwpkg", base=kept)
    if not kept.is_file():
        need("mmdebstrap")
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            [sys.executable, "-m", "modelway.cli.main", "image", "base", "-o", str(kept)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if made.returncode:
            pytest.skip(f"mmdebstrap makes no base here: {made.stderr.splitlines()[-2:]}")
    place.modelway("package", str(folder / "hello"), "-o", str(folder / "dist"))
    place.build("v1")
    return place


@pytest.fixture(params=["open", "htpasswd"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[str, dict[str, str]]]:
    """Debian's registry, and the variables that open it."""
    program, port = need("docker-registry"), free_port()
    lines = [
        "version: 0.1",
        "log: {level: warn}",
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}, delete: {{enabled: true}}}}",
        f'http: {{addr: "127.0.0.1:{port}"}}',
    ]
    if request.param == "htpasswd":
        users = tmp_path / "users"
        users.write_text(run(need("htpasswd"), "-nbB", "ada", "s3cret-pass"))
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {users}}}}}")
    (tmp_path / "registry.yml").write_text("\n".join(lines))
    command = [program, "serve", str(tmp_path / "registry.yml")]
    with running(command, tmp_path / "registry.log", lambda: listens(port)) as up:
        assert up, (tmp_path / "registry.log").read_text()
        secret = {"MODELWAY_REGISTRY_USER": "ada", "MODELWAY_REGISTRY_PASSWORD": "s3cret-pass"}
        yield f"127.0.0.1:{port}", secret if request.param == "htpasswd" else {}


def test_push_mount_and_pull_back(place: Place, registry: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    host, secret = registry
    layout = f"oci:{place.folder / 'images'}:v1"
    first = place.modelway("image", "push", layout, f"{host}/vision/hello:v1", "--plain-http", **secret)
    digest = place.build("v1")
    assert f"digest  {digest}" in first
    assert "there" not in first.split("digest")[1]
    again = place.modelway("image", "push", layout, f"{host}/vision/hello:v2", "--plain-http", **secret)
    assert " sent " not in again
    words = ("image", "push", layout, f"{host}/other/hello:v1", "--plain-http", "--mount-from", "vision/hello")
    assert place.modelway(*words, **secret).count("mounted") >= 5
    login = [f"--creds=ada:{secret['MODELWAY_REGISTRY_PASSWORD']}"] if secret else []
    shown = json.loads(run(need("skopeo"), "inspect", "--tls-verify=false", *login, f"docker://{host}/vision/hello:v1"))
    assert shown["Digest"] == digest
    words = ("image", "build", str(place.package), "--base", f"{host}/vision/hello:v1", "--plain-http")
    place.modelway(*words, "-o", f"oci:{tmp_path / 'on-top'}:v1", **secret)


@pytest.mark.parametrize("registry", ["htpasswd"], indirect=True)
def test_a_package_runs_on_the_base_of_its_framework(
    place: Place, registry: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    host, secret = registry
    shelf, bases = f"{host}/modelway/bases", f"oci:{tmp_path / 'bases'}"
    words = ("image", "base", "scikit-learn-cpu", "--root", str(place.base), "-o", bases, "--push", shelf)
    made = place.modelway(*words, "--plain-http", **secret)
    assert f"image   {shelf}:scikit-learn-cpu" in made
    project = tmp_path / "ripe"
    project.mkdir()
    for name, text in RIPE.items():
        (project / name).write_text(text)
    place.modelway("package", str(project), "-o", str(tmp_path))
    package, images = str(tmp_path / "ripe-1.0.0.mwpkg"), f"oci:{tmp_path / 'images'}:v1"
    words = ("image", "build", package, "--bases", shelf, "--plain-http", "-o", images)
    shown = place.modelway(*words, "--cache", str(tmp_path / "third"), **secret)
    assert "base     scikit-learn-cpu: the lock has scikit-learn 1.9.1; cpu: the lock has no CUDA" in shown
    if os.geteuid() != 0:
        pytest.skip("umoci and chroot need root")
    run(need("umoci"), "unpack", "--image", images.removeprefix("oci:"), str(tmp_path / "bundle"))
    root = tmp_path / "bundle" / "rootfs"
    own = {path.name for path in (root / "opt/modelway/lib/python3.11/site-packages").iterdir()}
    assert "msgspec" in own
    assert not own & {"sklearn", "numpy", "scipy"}, "these come with the base"
    port = free_port()
    serve = ["chroot", "--userspec=10001:10001", str(root), "/usr/bin/env", "-i", "HOME=/home/modelway"]
    serve += ["/opt/modelway/bin/modelway", "serve", "/opt/modelway/package", "--port", str(port)]
    with running(serve, tmp_path / "serve.log", lambda: listens(port), limit=60) as up:
        assert up, (tmp_path / "serve.log").read_text()
        assert ask(port, "/ripe", b'{"x": 2.0}', limit=60) == 5.0, (tmp_path / "serve.log").read_text()


def test_a_code_change_pushes_kilobytes(place: Place, tmp_path: Path) -> None:
    before = set((place.folder / "images" / "blobs" / "sha256").iterdir())
    project = place.folder / "changed"
    shutil.copytree(HELLO, project, ignore=shutil.ignore_patterns("dist", "__pycache__"))
    with (project / "handler.py").open("a", encoding="utf-8") as source:
        source.write("\n# changed\n")
    place.modelway("package", str(project), "-o", str(tmp_path))
    place.build("v1-changed", tmp_path / "hello-1.0.0.mwpkg")
    new = set((place.folder / "images" / "blobs" / "sha256").iterdir()) - before
    assert len(new) == 3, "one layer, one configuration, one manifest"
    assert sum(path.stat().st_size for path in new) < 64_000


def ask(port: int, path: str = "/greet", body: bytes = b'{"name": "Ada"}', limit: float = 20) -> object:
    """What the model answers once it is ready; None after `limit` seconds without an answer."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", path, body=body)
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
