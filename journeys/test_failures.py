"""What callers notice when a process dies under load: nothing."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.conftest import PlatformFactory
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]


def test_a_killed_replica_costs_no_idempotent_request(
    platform: RunningPlatform, echo: str, record_property: Callable[[str, object], None]
) -> None:
    """Idempotent is what the Route document declares: `idempotent: true`."""
    platform.apply(deployment("killed/echo/v1", echo, replicas=2), route("killed/echo", {"v1": 1}, idempotent=True))
    platform.wait_ready("killed/echo/v1")
    platform.wait_routed("/killed/echo/v1/echo")
    with Load(lambda _: platform.caller(), "/killed/echo/echo", connections=16) as load:
        time.sleep(1.0)
        victim, pid = next(iter(platform.replica_processes("killed/echo/v1").items()))
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_for("the dead replica is out of the list", lambda: victim not in _ids(platform, "killed/echo/v1"))
        unlisted = time.monotonic() - killed
        platform.wait_ready("killed/echo/v1")
        restarted = time.monotonic() - killed
        time.sleep(1.0)
    print(f"kill -9 of one of two replicas: {load.summary()}; unlisted after {unlisted * 1000:.0f} ms,")
    print(f"replaced after {restarted:.1f} s")
    record_property("killed_replica_requests", len(load.sent))
    record_property("killed_replica_failed", len(load.failed))
    record_property("killed_replica_unlisted_ms", round(unlisted * 1000))
    assert not load.failed, load.summary()
    answered = Counter(sent.answer["process"] for sent in load.sent)
    assert len(answered) >= 3, "both old replicas and the new one answered"


def test_killed_control_costs_no_request_and_comes_back_with_the_same_replicas(
    own_platform: PlatformFactory, echo_package: Path, record_property: Callable[[str, object], None]
) -> None:
    platform = own_platform().start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("survive/echo/v1", digest, replicas=2), route("survive/echo", {"v1": 1}))
    platform.wait_ready("survive/echo/v1")
    platform.wait_routed("/survive/echo/v1/echo")
    before = platform.replica_processes("survive/echo/v1")
    with Load(lambda _: platform.caller(), "/survive/echo/echo") as load:
        time.sleep(0.5)
        old = wait_for("control's process", platform.control_process)
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        wait_for("another control process", lambda: platform.control_process() not in {None, old})
        wait_for("control answers", platform.answers)
        back = time.monotonic() - killed
        time.sleep(2.0)
        platform.wait_ready("survive/echo/v1")
        after = platform.replica_processes("survive/echo/v1")
    print(f"kill -9 of control: {load.summary()}; control answered again after {back:.1f} s")
    record_property("killed_control_requests", len(load.sent))
    record_property("killed_control_failed", len(load.failed))
    record_property("killed_control_back_s", round(back, 1))
    assert not load.failed, load.summary()
    assert after == before, "the replicas were adopted, not restarted"
    platform.apply(deployment("survive/echo/v1", digest, replicas=1))
    platform.wait_ready("survive/echo/v1")


def test_a_killed_gateway_worker_is_replaced(own_platform: PlatformFactory, echo_package: Path) -> None:
    platform = own_platform(workers=1).start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("worker/echo/v1", digest), route("worker/echo", {"v1": 1}))
    platform.wait_ready("worker/echo/v1")
    worker = platform.gateway_workers()[0]
    assert worker
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    wait_for("another worker", lambda: platform.gateway_workers() and worker not in platform.gateway_workers())
    print(f"kill -9 of the only gateway worker: replaced after {(time.monotonic() - killed) * 1000:.0f} ms")
    assert platform.cli("call", "worker/echo", "echo", "-d", '{"text": "back"}').stdout
    assert time.monotonic() - killed < 30


def _ids(platform: RunningPlatform, name: str) -> set[str]:
    return {endpoint["id"] for endpoint in platform.endpoints(name)}
