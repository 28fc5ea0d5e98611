"""A directory is the platform: start it again and everything is back; stop it and nothing is left."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.conftest import PlatformFactory
from journeys.projects import deployment, route
from journeys.running_platform import MODELWAY, RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]


@pytest.fixture
def deployed(own_platform: PlatformFactory, echo_package: Path) -> RunningPlatform:
    """A platform with two replicas of one version behind a route."""
    platform = own_platform().start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("again/echo/v1", digest, replicas=2, LABEL="kept"), route("again/echo", {"v1": 1}))
    platform.wait_ready("again/echo/v1")
    return platform


def test_a_clean_stop_leaves_no_process_and_a_start_brings_everything_back(deployed: RunningPlatform) -> None:
    key = deployed.key
    assert key in deployed.printed, "the first start prints the admin key"
    started = time.monotonic()
    assert deployed.stop() == 0
    stopped = time.monotonic() - started
    assert deployed.processes() == []
    deployed.start()
    assert key not in deployed.printed, "and only the first"
    assert deployed.key == key
    _assert_back(deployed)
    print(
        f"clean stop {stopped:.1f} s; answering again {time.monotonic() - started - stopped:.1f} s after the new start"
    )


def test_killing_every_process_at_once_loses_nothing(
    deployed: RunningPlatform, record_property: Callable[[str, object], None]
) -> None:
    killed = deployed.kill_everything()
    assert len(killed) >= 5, "supervisor, control, two gateway workers and two replicas"
    started = time.monotonic()
    deployed.start()
    _assert_back(deployed)
    record_property("killed_all_back_s", round(time.monotonic() - started, 1))
    print(
        f"kill -9 of all {len(killed)} processes: answering again {time.monotonic() - started:.1f} s after the new start"
    )


def test_when_the_supervisor_is_killed_control_and_gateway_end_and_replicas_are_adopted(
    deployed: RunningPlatform,
) -> None:
    before = deployed.replica_processes("again/echo/v1")
    assert len(before) == 2
    deployed.signal(signal.SIGKILL)
    wait_for("control and gateway end with their supervisor", lambda: set(deployed.processes()) <= _family(deployed))
    deployed.start()
    _assert_back(deployed)
    assert deployed.replica_processes("again/echo/v1") == before


def test_a_second_platform_on_the_same_directory_is_refused(deployed: RunningPlatform) -> None:
    done = subprocess.run(
        [MODELWAY, "up", "--directory", str(deployed.home), "--port", "0", "--control-port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "error[conflict]" in done.stderr
    assert str(deployed.pid) in done.stderr
    assert deployed.answers()


def _assert_back(platform: RunningPlatform) -> None:
    platform.wait_ready("again/echo/v1")

    async def ask() -> bytes:
        async with platform.caller() as caller:
            for _ in range(1000):
                reply = await caller.post("/again/echo/echo", b'{"text": "hello"}')
                if reply.status == 200:
                    return reply.body
                await asyncio.sleep(0.05)
            raise AssertionError("not answered within fifty seconds")

    assert b'"label":"kept"' in asyncio.run(ask()).replace(b" ", b"")
    history = platform.cli("rollout", "history", "deployment", "again/echo/v1").stdout
    assert "apply" in history


def _family(platform: RunningPlatform) -> set[int]:
    """Processes that may outlive the supervisor: the replicas and their own workers."""
    return set(platform.processes_of_replicas())
