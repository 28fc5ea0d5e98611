"""Dockerfiles followed by the real tools, on one contract of images: what is asked for is below, what is ours stays as it is."""

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from journeys.container_bench import running_daemon
from journeys.docker_parts import base_image

from modelway_platform.deploy.images.bases.base_image import BaseImage, base_from_archive, machine_architecture
from modelway_platform.deploy.images.build_image import BuiltImage, ImageBuilder
from modelway_platform.deploy.images.content.descriptor import LAYER_GZIP, ImageError
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.grounds.buildah import Buildah
from modelway_platform.deploy.images.grounds.engine_build import EngineBuild
from modelway_platform.deploy.images.grounds.ground import BuildTool
from modelway_platform.deploy.operators.containers.docker_engine import DockerEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOOLS = ["buildah", "docker", "podman"]
CANARY = "build-secret-canary-51"


def silent(*_: object, **__: object) -> None:
    pass


class Told:
    """What a phase was told while it ran."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, step: str, /, *, done: int = 0, total: int = 0) -> None:
        if not total:
            self.lines.append(step)


@pytest.fixture(scope="module")
def podman_socket() -> Generator[str]:
    with running_daemon("podman") as socket:
        yield str(socket)


@pytest.fixture(scope="module")
def docker_socket() -> Generator[str]:
    with running_daemon("docker") as socket:
        yield str(socket)


@pytest.fixture(params=TOOLS)
def make_tool(request: pytest.FixtureRequest) -> Callable[..., BuildTool]:
    kind: str = request.param
    if kind == "buildah":
        if shutil.which("buildah") is None or os.geteuid() != 0:
            pytest.skip("buildah is not installed, or this is not root")
        return partial(Buildah, architecture=machine_architecture(), variables=os.environ)
    engine = DockerEngine(request.getfixturevalue(f"{kind}_socket"))
    return partial(EngineBuild, kind=kind, engine=engine, architecture=machine_architecture())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers that all tests share: the root file system takes some seconds to compress."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def build(
    make_builder: Callable[..., ImageBuilder], tmp_path: Path, kept: Path
) -> Callable[..., tuple[BuiltImage, Told]]:
    """Builds on the real root file system; its layer is compressed once per run of the tests."""

    def with_tool(package: Path, tool: BuildTool | None = None, tag: str = "v1") -> tuple[BuiltImage, Told]:
        builder = make_builder(cache=str(kept), tool=tool)
        told = Told()
        base = base_from_archive(base_image(), builder.cache, silent)
        layout = ImageLayout(tmp_path / "out", make=True)
        return builder.build(package, base, layout, tag, progress=told), told

    return with_tool


def files(built: BuiltImage, layout: ImageLayout, skip: int = 1) -> dict[str, bytes]:
    """The regular files above the base, as the topmost layer that has each has it."""
    found: dict[str, bytes] = {}
    for each in built.layers[skip:]:
        mode = "r:gz" if each.layer.blob.media_type == LAYER_GZIP else "r:"
        with tarfile.open(layout.blobs.path(each.layer.blob.digest), mode) as archive:
            for member in archive.getmembers():
                if member.isreg():
                    found[member.name.removeprefix("./")] = archive.extractfile(member).read()  # type: ignore[union-attr]
    return found


def check_contract(built: BuiltImage, layout: ImageLayout, tag: str = "v1") -> dict[str, Any]:
    """What every image has, whoever made what is below."""
    config = layout.document(layout.find(tag, machine_architecture()).config)["config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][:3] == [
        "/opt/modelway/bin/modelway",
        "serve",
        "//opt/modelway/package".replace("//", "/"),
    ]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "/opt/modelway/bin/modelway-healthy"]
    assert config["Labels"]["modelway.package.digest"] == built.package
    there = files(built, layout)
    bill = json.loads(there["opt/modelway/sbom.cdx.json"])
    assert bill["bomFormat"] == "CycloneDX"
    return config


def test_what_it_asks_for_is_below_and_what_is_ours_stays(
    make_tool: Callable[..., BuildTool], build: Callable[..., Any], make_package: Callable[..., Path], tmp_path: Path
) -> None:
    dockerfile = (
        b'FROM modelway-base\nUSER root\nENV EXTRA=yes\nENTRYPOINT ["/bin/evil"]\n'
        b"COPY handler.py /opt/extra/\nRUN id -u > /opt/who; cat /proc/net/dev > /opt/net; echo seen-live\n"
    )
    built, told = build(make_package(dockerfile=dockerfile), make_tool())
    layout = ImageLayout(tmp_path / "out")
    config = check_contract(built, layout)
    assert "EXTRA=yes" in config["Env"]
    there = files(built, layout)
    assert there["opt/extra/handler.py"] == b"x = 1\n"
    assert there["opt/who"] == b"0\n"
    assert b"eth0" not in there["opt/net"], "no network unless allowed"
    assert any(line.endswith("seen-live") for line in told.lines), told.lines
    again, told = build(make_package(b"x = 1\n", dockerfile=dockerfile, weights=b"other"), make_tool(), "v2")
    assert "the Dockerfile was followed before" in told.lines
    assert again.layers[1].layer == built.layers[1].layer


@pytest.mark.parametrize("make_tool", ["buildah", "docker"], indirect=True)
def test_a_step_that_fails_or_takes_too_long_is_said(
    make_tool: Callable[..., BuildTool], build: Callable[..., Any], make_package: Callable[..., Path], kept: Path
) -> None:
    with pytest.raises(ImageError, match=r"the build failed: .*(7|status)"):
        build(make_package(dockerfile=b"FROM modelway-base\nRUN echo last-words && exit 7\n"), make_tool())
    tool = make_tool(limit_seconds=12.0)
    slow = b"FROM modelway-base\nRUN while true; do echo tick; sleep 1; done\n"
    with pytest.raises(ImageError, match="took longer than"):
        build(make_package(dockerfile=slow), tool)
    assert not list(kept.glob("work-*"))


@pytest.mark.parametrize("make_tool", ["buildah", "podman"], indirect=True)
def test_the_context_is_the_package_and_nothing_else(
    make_tool: Callable[..., BuildTool], build: Callable[..., Any], make_package: Callable[..., Path]
) -> None:
    hostile = b"FROM modelway-base\nCOPY ../../../../../../etc/hostname /opt/taken\n"
    with pytest.raises(ImageError, match="the build failed"):
        build(make_package(dockerfile=hostile), make_tool())
    with pytest.raises(ImageError, match="out of reach"):
        build(make_package(dockerfile=b"FROM modelway-base\nADD https://example.org/x /x\n"), make_tool())


class TestBuildah:
    """What only Buildah can, and what it is kept from."""

    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        if shutil.which("buildah") is None or os.geteuid() != 0:
            pytest.skip("buildah is not installed, or this is not root")
        path = tmp_path / "token"
        path.write_text(CANARY + "\n")
        return path

    def test_secrets_are_read_shown_nowhere_and_refused_in_layers(
        self, secret: Path, build: Callable[..., Any], make_package: Callable[..., Path], tmp_path: Path
    ) -> None:
        tool = Buildah(architecture=machine_architecture(), variables=os.environ, secret_files={"token": str(secret)})
        mount = b"RUN --mount=type=secret,id=token "
        good = b"FROM modelway-base\n" + mount + b"wc -c < /run/secrets/token > /opt/length; cat /run/secrets/token\n"
        built, told = build(make_package(dockerfile=good), tool)
        there = files(built, ImageLayout(tmp_path / "out"))
        assert there["opt/length"].strip() == str(len(CANARY) + 1).encode()
        assert CANARY not in " ".join(told.lines)
        assert not any(CANARY.encode() in content for content in there.values())
        bad = b"FROM modelway-base\n" + mount + b"cp /run/secrets/token /opt/kept\n"
        with pytest.raises(ImageError, match="would hold the secret 'token'"):
            build(make_package(dockerfile=bad), tool)

    def test_memory_and_processes_are_kept_in(
        self, secret: Path, build: Callable[..., Any], make_package: Callable[..., Path], tmp_path: Path
    ) -> None:
        assert secret.exists()
        tool = Buildah(architecture=machine_architecture(), variables=os.environ, memory=200 * 1024**2)
        greedy = (
            b"FROM modelway-base\nRUN python3 -c 'x = bytearray(600 * 1024**2)' && echo took-it || echo refused > /opt/r; "
            b"ls -d /proc/[0-9]* | wc -l > /opt/processes; sleep 3000 & true\n"
        )
        built, _ = build(make_package(dockerfile=greedy), tool)
        there = files(built, ImageLayout(tmp_path / "out"))
        assert there["opt/r"] == b"refused\n"
        assert int(there["opt/processes"]) < 12, "it sees no process of the machine"


def test_system_packages_come_without_a_daemon(
    build: Callable[..., Any], make_package: Callable[..., Path], tmp_path: Path
) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is not here")
    try:
        built, told = build(make_package(system_packages=("libsodium23",)))
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 - a machine without a mirror
        pytest.skip(f"no mirror of Debian can be reached: {error}")
    layout = ImageLayout(tmp_path / "out")
    check_contract(built, layout)
    there = files(built, layout)
    assert any(name.startswith("usr/lib/") and "libsodium.so.23" in name for name in there), told.lines
    assert not any(name.startswith("usr/share/doc/") for name in there)
    _, told = build(make_package(b"x = 2\n", system_packages=("libsodium23",)), None, "v2")
    assert "system packages: asking the mirror" not in told.lines
    with pytest.raises(ImageError, match="Unable to locate"):
        build(make_package(system_packages=("no-such-package-here",)))


def test_without_a_builder_a_dockerfile_is_refused(
    make_builder: Callable[..., ImageBuilder], make_package: Callable[..., Path], tmp_path: Path, rootfs: Path
) -> None:
    builder = make_builder()
    base: BaseImage = base_from_archive(rootfs, builder.cache, silent)
    package = make_package(dockerfile=b"FROM modelway-base\nRUN true\n")
    with pytest.raises(ImageError, match="nobody is declared to follow it"):
        builder.build(package, base, ImageLayout(tmp_path / "out", make=True), "v1", progress=Told())
