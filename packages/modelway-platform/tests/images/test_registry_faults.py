"""Row R11 for registries: Debian's own behind a link that is late, torn, sliced or cut; images arrive whole, deployments go on by themselves."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from journeys.docker_parts import SEARCH
from journeys.faulty_link import Fault, FaultyLink
from journeys.ports import free_ports
from journeys.running_platform import wait_for

from modelway_platform.deploy.builder.local_phases import Report
from modelway_platform.deploy.images.bases.base_image import base_from_archive, machine_architecture
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.deliver_image import RegistryAlone
from modelway_platform.deploy.images.image_phases import ImagePhases
from modelway_platform.deploy.images.registries.push import push
from modelway_platform.deploy.images.registries.reference import parse_registry
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp
from modelway_platform.deploy.reconcile.decision import Stage
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.domain.deployments.phases import PhaseName

WEIGHTS = 40 * 1024 * 1024  # more than one part of an upload
DIGEST = "sha256:" + "a" * 64


def silent(*_: object, **__: object) -> None:
    pass


def listens(port: int) -> bool:
    import socket  # noqa: PLC0415 - here alone

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def link(tmp_path: Path) -> Generator[FaultyLink]:
    program = shutil.which("docker-registry", path=SEARCH)
    if program is None:
        pytest.skip("docker-registry is not installed")
    (port,) = free_ports(1)
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}", relativeurls: true}}\n'
    )
    command = [program, "serve", str(tmp_path / "registry.yml")]
    with (
        (tmp_path / "registry.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for("the registry listens", lambda: listens(port))
            with FaultyLink(port) as link:
                yield link
        finally:
            process.terminate()


@pytest.fixture
def layout(
    make_builder: Callable[..., ImageBuilder], make_package: Callable[..., Path], rootfs: Path, tmp_path: Path
) -> ImageLayout:
    builder = make_builder()
    layout = ImageLayout(tmp_path / "out", make=True)
    package = make_package(weights=os.urandom(WEIGHTS))
    builder.build(package, base_from_archive(rootfs, builder.cache, silent), layout, "v1", progress=silent)
    return layout


@pytest.mark.parametrize(
    "fault",
    [
        Fault(latency_seconds=0.3),
        Fault(reset_sent_after=10 * 1024 * 1024, resets=3),
        Fault(reset_after=200, resets=4),
        Fault(slices=977),
    ],
    ids=["late", "torn while sending", "torn while answering", "sliced"],
)
def test_an_image_arrives_whole_whatever_the_link_does(link: FaultyLink, layout: ImageLayout, fault: Fault) -> None:
    link.fault = fault
    marks: list[tuple[int, int]] = []

    def told(step: str, /, *, done: int = 0, total: int = 0) -> None:
        if total:
            marks.append((done, total))

    name = parse_registry(f"127.0.0.1:{link.port}/team/digits:v1")
    image = layout.find("v1", machine_architecture())
    http = RegistryHttp(host=name.host, plain_http=True)
    pushed = push(layout, image, name, http, told)
    assert pushed.digest == image.blob.digest
    whole = sum({blob.digest: blob.size for blob in (*image.layers, image.config)}.values())
    assert {total for _, total in marks} == {whole}
    assert max(done for done, _ in marks) > WEIGHTS
    link.fault = Fault()
    repository = Repository(http=http, name="team/digits")
    assert repository.manifest("v1")[0].digest == image.blob.digest
    for blob in (*image.layers, image.config):
        assert repository.has(blob)
    again = push(layout, image, name, http, silent)
    assert again.sent_bytes == 0


async def test_a_deployment_waits_for_a_registry_that_is_away_and_goes_on_by_itself(  # noqa: PLR0917 - fixtures
    link: FaultyLink,
    make_builder: Callable[..., ImageBuilder],
    make_package: Callable[..., Path],
    rootfs: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    builder, package = make_builder(), make_package(weights=b"w" * 1000)
    from modelway import packaging  # noqa: PLC0415 - here alone

    digest = packaging.verify(package)[1]

    async def fetched(_: str, report: Report) -> None:
        report("it is there")

    def http(host: str) -> RegistryHttp:
        return RegistryHttp(host=host, plain_http=True, pause=lambda seconds: time.sleep(seconds / 20))

    phases = ImagePhases(
        archive=lambda _: package,
        fetch=fetched,
        builder=builder,
        base=lambda progress: base_from_archive(rootfs, builder.cache, progress),
        layouts=tmp_path / "layouts",
        delivery=RegistryAlone(registry=f"127.0.0.1:{link.port}/models", http=http),
    )
    changed = asyncio.Event()
    preparations = Preparations(lambda _: phases, notify=changed.set)

    failures: dict[float, str] = {}

    async def until(done: Callable[[], bool]) -> None:
        """Begins again whenever it is time, as the reconciler does."""
        async with asyncio.timeout(90):
            while not done():
                state = preparations.state("box", digest)
                if state.stage is Stage.FAILED:
                    failures[state.retry_at] = f"{state.reason}: {state.message}"
                    assert state.retry_at - time.time() <= 5.0, "however often it failed: it is looked for soon"
                    if state.retry_at <= time.time():
                        preparations.begin("box", digest)
                await asyncio.sleep(0.05)

    link.stop()
    preparations.begin("box", digest)
    await until(lambda: len(failures) == 3)
    assert all(each.startswith("ImageNotPushed: ") and "no answer" in each for each in failures.values()), failures
    link.start()
    started = time.monotonic()
    await until(lambda: preparations.state("box", digest).stage is Stage.PREPARED)
    record_property("registry_back_to_pushed_s", round(time.monotonic() - started, 1))
    runs = {run.phase: run for run in preparations.runs("box", digest)}
    assert "octets sent" in runs[PhaseName.PUSH].message
    await preparations.close()
