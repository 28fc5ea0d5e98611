"""Who called what over HTTP: of which time, for whom, and words that mean nothing."""

import json
import time
from typing import Any

import pytest

from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source

TRAFFIC = "/v1/traffic"


def collect(api: Any, *records: dict[str, Any]) -> None:
    """As the collector finds them in a worker's segment."""
    usual = {"model": "digits", "version": "v1", "project": "vision", "status": 200, "duration_us": 1000}
    segment = api.root / "access" / "worker-0-1.ndjson"
    segment.write_text(
        "".join(json.dumps(usual | each | {"time": time.time() - each["time"]}) + "\n" for each in records)
    )
    keeping = Keeping(seconds=1e9, octets=1 << 40)
    collector = Collector(StoreFolder(api.root / "store"), [Source(ACCESS, api.root / "access")], keeping)
    collector.collect()
    collector.close()


def test_calls_of_a_time_are_told_with_what_routes_said(api: Any) -> None:
    collect(
        api,
        {"time": 7200, "consumer": "shop"},
        {"time": 600, "consumer": "shop", "status": 503},
        {"time": 600, "consumer": "spy", "project": "hush"},
    )
    told = api.ask("GET", f"{TRAFFIC}?since=15m&steps=15").json
    assert [each["requests"] for each in told["steps"] if each["requests"]] == [2]
    assert [(each["project"], each["consumer"], each["failed"]) for each in told["calls"]] == [
        ("hush", "spy", 0),
        ("vision", "shop", 1),
    ]
    assert {each["project"] for each in told["routes"]} == {"hush", "vision"}
    earlier = api.ask("GET", f"{TRAFFIC}?since=3h&until=1h&steps=1&project=vision&model=digits").json
    assert [each["requests"] for each in earlier["calls"]] == [1]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 660))
    assert len(api.ask("GET", f"{TRAFFIC}?since={moment}").json["calls"]) == 2
    _, bound = api.parts.access.tokens.create(TokenSpec(name="bound", role="reader", projects=("vision",)))
    assert {each["project"] for each in api.ask("GET", TRAFFIC, key=bound).json["calls"]} == {"vision"}
    assert api.ask("GET", f"{TRAFFIC}?project=hush", key=bound).error["code"] == "forbidden"


@pytest.mark.parametrize(
    "query",
    ["steps=0", "steps=361", "since=yesterday", "until=soon", "since=1h&until=2h", "model=digits", "sinze=1h"],
)
def test_what_means_nothing_is_told(steady_api: Any, query: str) -> None:
    found = steady_api.ask("GET", f"{TRAFFIC}?{query}")
    assert (found.status, found.error["code"]) == (400, "invalid_request")
