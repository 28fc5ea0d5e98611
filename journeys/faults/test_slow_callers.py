"""S7: a thousand callers that send heads and bodies byte by byte, or do not read: ended in time, and nobody else notices."""

import json
import os
import subprocess
import sys
import time

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import JSON_BODY
from journeys.faults.siege import KINDS
from journeys.faults.vitals import Vitals
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "s7/faulted/v1"
LARGE = "s7large/faulted/v1"
# The clock that counts them is another process on a machine that is shared.
ENDED_SECONDS = 10.0 + 1.5


def test_s7_slow_callers_are_ended_and_nobody_else_notices(
    platform: RunningPlatform, faulted: str, figure: Figure
) -> None:
    platform.apply(deployment(NAME, faulted), deployment(LARGE, faulted))
    platform.wait_ready(NAME, LARGE)
    for name in (NAME, LARGE):
        platform.wait_routed(f"/{name}/echo")
    vitals = Vitals(platform, "s7")
    connections, seconds = pick(300, 1000), pick(14.0, 60.0)
    readers = pick(4, 20)
    each = (connections - readers) // 3
    counts = dict(zip(KINDS, (each, each, each, readers), strict=True))
    ask = Ask(path="/s7/faulted/echo", body=JSON_BODY)
    with OpenLoad(lambda media: platform.caller(media_type=media), [ask], rate=50) as load:
        time.sleep(pick(4.0, 10.0))
        began = time.monotonic()
        lasted = _besiege(platform, seconds, counts)
        ended = time.monotonic()
    before = load.quantile_ms(0.99, lambda asked: asked.due < began)
    during = load.quantile_ms(0.99, lambda asked: began + 2 <= asked.due < ended)
    middle = (
        load.quantile_ms(0.5, lambda asked: asked.due < began),
        load.quantile_ms(0.5, lambda asked: began + 2 <= asked.due < ended),
    )
    longest = {kind: round(max(times, default=0.0), 1) for kind, times in lasted.items()}
    figure(
        "S7",
        attackers=connections,
        seconds=round(ended - began),
        ended=sum(map(len, lasted.values())),
        longest_s=longest,
        requests=len(load.asked),
        failed=len(load.failed),
        p50_before_ms=middle[0],
        p50_during_ms=middle[1],
        p99_before_ms=before,
        p99_during_ms=during,
        growth_percent=round(vitals.growth * 100, 1),
        restarted=vitals.restarted,
    )
    assert not load.failed, load.summary()
    assert all(len(lasted[kind]) >= counts[kind] for kind in KINDS), "every attacker was ended at least once"
    assert max(longest.values()) <= ENDED_SECONDS
    assert not vitals.restarted


def _besiege(platform: RunningPlatform, seconds: float, counts: dict[str, int]) -> dict[str, list[float]]:
    numbers = [str(platform.gateway_port), str(seconds), *(str(counts[kind]) for kind in KINDS)]
    done = subprocess.run(
        [sys.executable, "-m", "journeys.faults.siege", *numbers],
        env=os.environ | {"SIEGE_KEY": platform.key},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    return json.loads(done.stdout)
