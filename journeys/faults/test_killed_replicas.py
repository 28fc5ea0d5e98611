"""R1: kill -9 of replicas under load costs no idempotent request."""

import os
import signal
import time

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, Asked, OpenLoad
from journeys.faults.projects import BYTES_BODY, JSON_BODY, route_with
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]
NAME = "r1/faulted/v1"
ASKS = (
    Ask(path="/r1/faulted/echo", body=JSON_BODY),
    Ask(path="/r1/faulted/size", body=BYTES_BODY, media_type="application/octet-stream"),
)
EVERY_SECONDS = 3.0
# A machine on which replicas start slowly gets fewer kills, not a longer test.
MOST_SECONDS = 120.0


def test_r1_killed_replicas_cost_no_idempotent_request(platform: RunningPlatform, faulted: str, figure: Figure) -> None:
    """Ejected: no request is tried on the dead replica any more, which is known by no answer taking a second try."""
    platform.apply(deployment(NAME, faulted, replicas=2), route_with("r1/faulted", {"v1": 1}, idempotent="true"))
    platform.wait_ready(NAME)
    platform.wait_routed("/r1/faulted/v1/echo")
    back: list[float] = []
    kills = pick(2, 20)
    with OpenLoad(lambda media: platform.caller(media_type=media), ASKS, rate=pick(100, 200)) as load:
        time.sleep(0.5)
        begun = time.monotonic()
        while len(back) < kills and time.monotonic() - begun < MOST_SECONDS:
            back.append(_kill_one(platform))
            time.sleep(max(0.0, EVERY_SECONDS - back[-1]) if kills > 2 else 0.3)
    figure(
        "R1",
        kills=len(back),
        requests=len(load.asked),
        failed=len(load.failed),
        p99_ms=load.quantile_ms(0.99),
        slowest_ms=load.quantile_ms(1.0),
        back_s=round(max(back), 1),
    )
    assert not load.failed, load.summary()
    assert max(back) <= pick(90, 40)
    assert {_answered(each) for each in load.asked} >= {"/r1/faulted/echo", "/r1/faulted/size"}


def _kill_one(platform: RunningPlatform) -> float:
    """Kill a replica; seconds until as many as before are registered and ready again."""
    replicas = platform.replica_processes(NAME)
    pid = sorted(replicas.values())[int(time.monotonic()) % len(replicas)]
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()

    def others() -> bool:
        now = platform.replica_processes(NAME)
        return len(now) == len(replicas) and pid not in now.values()

    wait_for("as many replicas as before", others, 90)
    platform.wait_ready(NAME)
    return time.monotonic() - killed


def _answered(asked: Asked) -> str:
    return asked.ask.path if asked.reply.status == 200 else ""
