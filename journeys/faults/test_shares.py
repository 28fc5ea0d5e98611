"""R18: shares are exact, and changing them under load fails nothing and is soon seen."""

import json
import time
from collections import Counter

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import JSON_BODY, route_with
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
ASK = Ask(path="/r18/faulted/echo", body=JSON_BODY)
SEEN_SECONDS = 1.0


def test_r18_shares_are_exact_and_change_without_a_failure(
    platform: RunningPlatform, faulted: str, figure: Figure
) -> None:
    platform.apply(
        *(deployment(f"r18/faulted/{version}", faulted, LABEL=version) for version in ("v1", "v2")),
        route_with("r18/faulted", {"v1": 80, "v2": 20}),
    )
    platform.wait_ready("r18/faulted/v1", "r18/faulted/v2")
    for version in ("v1", "v2"):
        platform.wait_routed(f"/r18/faulted/{version}/echo")
    with OpenLoad(lambda media: platform.caller(media_type=media), [ASK], rate=200) as load:
        time.sleep(pick(2.0, 10.0))
        counted = time.monotonic()
        for number in range(pick(6, 20)):
            platform.apply(route_with("r18/faulted", {"v1": 1, "v2": number % 2}))
            time.sleep(0.2)
        seen = [_change(platform, load, number % 2) for number in range(pick(2, 20))]
    shares = Counter(_label(each.reply.body) for each in load.asked if each.due < counted - 0.2)
    total = shares.total()
    off = max(abs(shares["v1"] - total * 0.8), abs(shares["v2"] - total * 0.2))
    figure(
        "R18",
        requests=len(load.asked),
        failed=len(load.failed),
        counted=total,
        off_by=round(off, 1),
        changes=pick(6, 20) + len(seen),
        visible_p99_ms=round(max(seen) * 1000),
    )
    assert not load.failed, load.summary()
    assert off <= 2 * platform.workers, (
        "each worker is off by less than one; those under way when counting began may be more"
    )
    assert max(seen) <= pick(SEEN_SECONDS * 10, SEEN_SECONDS)


def _change(platform: RunningPlatform, load: OpenLoad, to: int) -> float:
    """Give everything to one version; seconds until its neighbour was asked last."""
    label, other = ("v1", "v2") if to else ("v2", "v1")
    platform.apply(route_with("r18/faulted", {label: 1, other: 0}))
    applied = time.monotonic()
    time.sleep(0.6)
    late = [each.due for each in load.asked if each.due > applied and _label(each.reply.body) == other]
    return max(late, default=applied) - applied


def _label(body: bytes) -> str:
    return str(json.loads(body)["label"])
