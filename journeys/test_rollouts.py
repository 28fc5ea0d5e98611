"""Rollouts under load with real processes: good ones end by themselves, bad ones go back, whoever is killed meanwhile."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from journeys.conftest import PlatformFactory
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]
TRAFFIC = b'{"text": "traffic"}'
ROLLOUT = """apiVersion: modelway/v1
kind: Rollout
metadata: {project: canary, model: %s}
spec:
  from: v1
  to: v2
  steps:
    - {weight: 20, pause: 2s, minimumRequests: 50}
    - {weight: 50, minimumRequests: 50}
  checks:
    - {metric: errors, tolerance: 0.1}
    - {metric: latency, quantile: 0.5, tolerance: 5}
"""


def _begin(platform: RunningPlatform, model: str, package: str, label: str) -> None:
    name = f"canary/{model}"
    platform.apply(
        deployment(f"{name}/v1", package), deployment(f"{name}/v2", package, LABEL=label), route(name, {"v1": 1})
    )
    platform.wait_ready(f"{name}/v1", f"{name}/v2")
    platform.wait_routed(f"/{name}/v2/echo")
    platform.wait_routed(f"/{name}/echo")


def _status(platform: RunningPlatform, model: str) -> Any:
    with platform.control() as control:
        return control.get("rollouts", f"canary/{model}")["status"]


def _kill_control(platform: RunningPlatform) -> None:
    old = wait_for("control's process", platform.control_process)
    os.kill(old, signal.SIGKILL)
    wait_for("another control process", lambda: platform.control_process() not in {None, old})
    wait_for("control answers", platform.answers)


def _weights(platform: RunningPlatform, model: str) -> dict[str, int]:
    with platform.control() as control:
        versions = control.get("routes", f"canary/{model}")["spec"]["versions"]
    return {each["version"]: each["weight"] for each in versions}


def test_a_good_version_is_promoted_although_control_is_killed(
    own_platform: PlatformFactory, echo_package: Path
) -> None:
    platform = own_platform().start()
    _begin(platform, "good", platform.upload(echo_package), "well")
    with Load(lambda _: platform.caller(), "/canary/good/echo", TRAFFIC, connections=4, pause=0.02) as load:
        platform.apply(ROLLOUT % "good")
        wait_for("the first step", lambda: _status(platform, "good")["step"] == 1)
        _kill_control(platform)
        wait_for("the end", lambda: _status(platform, "good")["phase"] == "Promoted", 120.0)
    assert _weights(platform, "good") == {"v1": 0, "v2": 100}
    assert not load.failed, load.summary()
    history = platform.cli("rollout", "history", "canary/good").stdout
    assert [line.split()[3] for line in history.splitlines()[1:]] == ["begin", "advance", "promote"], history
    assert "rollout canary/good" in platform.cli("rollout", "history", "route", "canary/good").stdout
    assert "v1 0%, v2 100%" in platform.cli("rollout", "status", "canary/good", "--watch").stdout
    platform.cli("rollout", "undo", "canary/good")
    wait_for("the weights are as before", lambda: _weights(platform, "good") == {"v1": 1, "v2": 0})


def test_a_bad_version_goes_back_by_itself_although_control_is_killed(
    own_platform: PlatformFactory, echo_package: Path
) -> None:
    platform = own_platform().start()
    _begin(platform, "bad", platform.upload(echo_package), "failing")
    with Load(lambda _: platform.caller(), "/canary/bad/echo", TRAFFIC, connections=4, pause=0.02) as load:
        platform.apply(ROLLOUT % "bad")
        wait_for("requests get through to it", lambda: load.failed)
        _kill_control(platform)
        ended = wait_for("the end", lambda: _ended(platform, "bad"), 120.0)
        assert ended["phase"] == "RolledBack", ended
        wait_for("nothing fails any more", lambda: _quiet(load))
    assert _weights(platform, "bad") == {"v1": 100, "v2": 0}
    assert "errors of v2 is worse" in ended["message"]
    assert ended["report"]["checks"][0]["verdict"] == "worse"
    told = platform.cli("rollout", "status", "canary/bad", "--watch", status=1).stdout
    assert "RolledBack" in told
    numbers = platform.cli("rollout", "history", "canary/bad", "--numbers").stdout
    assert "worse" in numbers
    print(f"a bad canary: {load.summary()}")


def _ended(platform: RunningPlatform, model: str) -> Any:
    status = _status(platform, model)
    return status if status["endedAt"] else None


def _quiet(load: Load) -> bool:
    last = load.sent[-200:]
    return len(last) == 200 and all(each.reply.status == 200 for each in last)
