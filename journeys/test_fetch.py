"""A deployment whose package nobody uploaded: control fetches it from S3, is killed meanwhile, and S3 goes and comes back."""

import hashlib
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.conftest import PlatformFactory
from journeys.faulty_link import Fault, FaultyLink
from journeys.projects import deployment, package, write_echo
from journeys.running_platform import RunningPlatform, wait_for
from moto.server import ThreadedMotoServer

from modelway.packaging.store import open_store, push

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
SECRET = "journey-secret-93"
WEIGHTS = 1_500_000


@pytest.fixture
def link() -> Iterator[FaultyLink]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    with FaultyLink(int(server.get_host_and_port()[1])) as link:
        yield link
    server.stop()


@pytest.fixture
def platform(own_platform: PlatformFactory, link: FaultyLink) -> RunningPlatform:
    running = own_platform(workers=1)
    running.environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{link.port}",
        "AWS_ACCESS_KEY_ID": "journey",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    return running.start()


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    project = write_echo(tmp_path / "project")
    (project / "weights.bin").write_bytes(os.urandom(WEIGHTS))
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('files = ["weights.bin"]\n')
    return package(project, tmp_path / "dist")


def fetching(platform: RunningPlatform) -> dict[str, Any]:
    with platform.control() as control:
        return dict(control.phases("vision/echo/v1")["items"][0])


def condition(platform: RunningPlatform) -> dict[str, Any]:
    found = platform.deployment("vision/echo/v1")
    nothing: dict[str, Any] = {}
    conditions: list[dict[str, Any]] = found["status"]["conditions"] if found else []
    return next((each for each in conditions if each["type"] == "PackageVerified"), nothing)


def test_it_is_fetched_through_kills_and_an_outage(platform: RunningPlatform, link: FaultyLink, heavy: Path) -> None:
    address = f"http://127.0.0.1:{link.port}/models"
    with urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=30):
        pass
    push(heavy, open_store("s3://models/team", platform.environment))
    digest = f"sha256:{hashlib.sha256(heavy.read_bytes()).hexdigest()}"

    link.answered, link.fault = 0, Fault(octets_per_second=150_000)
    platform.apply(deployment("vision/echo/v1", f"s3://models/team/echo/1.0.0@{digest}"))
    for share in (0.2, 0.5):
        wait_for("octets arrive", lambda share=share: fetching(platform).get("done", 0) > share * WEIGHTS)
        seen = fetching(platform)
        assert seen["total"] > WEIGHTS
        assert seen["message"].startswith("fetching s3://models/team/echo/1.0.0")
        control = platform.control_process()
        assert control is not None
        os.kill(control, signal.SIGKILL)
        wait_for("control is back", lambda gone=control: platform.control_process() not in {None, gone})
        wait_for("control answers", platform.answers)

    wait_for("it goes on", lambda: fetching(platform).get("done", 0) > 0.6 * WEIGHTS)
    link.stop()
    wait_for("the outage is told", lambda: condition(platform).get("reason") == "PackageNotFetched")
    assert SECRET not in str(condition(platform))
    link.start()
    platform.wait_ready("vision/echo/v1", seconds=90)
    assert link.answered < 1.5 * WEIGHTS, "what had arrived was not fetched again"
    assert (platform.home / "packages" / f"{digest.removeprefix('sha256:')}.mwpkg").read_bytes() == heavy.read_bytes()
    shown = fetching(platform)
    assert shown["state"] == "Done"
    assert shown["attempts"] >= 3
    logs = b"".join(path.read_bytes() for path in (platform.home / "logs").rglob("*.log"))
    assert SECRET.encode() not in logs
