"""Comparisons over HTTP, from segments on disk."""

import json
import random
import time
from typing import Any

import pytest

from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source

PATH = "/v1/routes/vision/digits/comparison"
BOTH = f"{PATH}?baseline=v1&candidate=v2"


def write_traffic(api: Any, errors: tuple[float, float], seconds: int = 100, ago: float = 120.0) -> None:
    chance = random.Random(7)
    start = time.time() - ago
    lines: list[str] = []
    for number in range(seconds * 40):
        version = number % 2
        record = {
            "time": start + number / 40, "project": "vision", "model": "digits", "version": ("v1", "v2")[version],
            "status": 500 if chance.random() < errors[version] else 200, "duration_us": int(chance.lognormvariate(8, 0.4)),
            "path": "/vision/digits/predict",
        }  # fmt: skip
        lines.append(json.dumps(record) + "\n")
    (api.root / "access" / f"worker-0-{int(start * 1e9)}.ndjson").write_text("".join(lines))


def test_a_worse_version_is_called_worse_with_its_numbers(api: Any) -> None:
    write_traffic(api, (0.02, 0.09))
    reply = api.ask("GET", BOTH)
    assert reply.status == 200, reply.body
    found = reply.json
    assert found["verdict"] == "worse"
    assert found["words"].startswith("v2 is worse: error rate of v2 is higher: between +")
    baseline, candidate = found["versions"]
    assert (baseline["version"], baseline["role"], baseline["requests"]) == ("v1", "baseline", 2000)
    assert candidate["errorRate"] == candidate["errors"] / 2000
    assert 2 < candidate["p50Ms"] < 4 < candidate["p99Ms"]
    errors, p50, p99 = found["metrics"]
    assert (errors["metric"], errors["unit"], errors["verdict"]) == ("errors", "share", "worse")
    assert 0 < errors["interval"]["low"] < errors["difference"] < errors["interval"]["high"]
    assert (p50["verdict"], p99["verdict"]) == ("hold", "hold")
    assert p99["requestsLeft"] > 0
    assert found["plan"] == {
        "alpha": 0.05, "minimumRequests": 100, "effect": 0.05, "latencyMargin": 0.05, "pinned": False, "experiment": "",
        "rewards": {"low": 0.0, "high": 1.0},
    }  # fmt: skip
    assert found["read"] == {"records": 4000, "unreadable": 0}


def test_labels_rewards_and_copies_are_in_the_answer(api: Any) -> None:
    at, access, inference, feedback = time.time() - 60, list[Any](), list[Any](), list[Any]()
    for number in range(400):
        of = {"time": at + number / 10, "project": "vision", "model": "digits", "version": ("v1", "v2")[number % 2]}
        common = of | {"request_id": f"r{number}", "status": 200, "duration_us": 900}
        access.append(common | {"reason": "weight"})
        if number % 2 == 0:
            access.append(common | {"version": "v2", "primary": "v1", "mirrored": True, "agree": number % 20 != 0})
        inference.append(common | {"answer": {"label": "7"}})
        feedback.append(
            {"time": of["time"], "request_id": f"r{number}", "project": "vision", "label": "7", "reward": -0.5}
        )
    sources: list[Source] = []
    for kind, records in ((ACCESS, access), (INFERENCE, inference), (FEEDBACK, feedback)):
        folder = api.root / ("access" if kind is ACCESS else kind.name)
        folder.mkdir(exist_ok=True)
        (folder / f"worker-0-{int(at * 1e9)}.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
        sources.append(Source(kind, folder))
    collector = Collector(StoreFolder(api.root / "store"), sources, Keeping(seconds=1e9, octets=1 << 40))
    collector.collect()
    collector.close()
    found = api.ask("GET", f"{BOTH}&rewardLow=-1&rewardHigh=1").json
    assert found["problem"] == ""
    accuracy, reward = found["metrics"][3:]
    assert (accuracy["metric"], accuracy["unit"], accuracy["baseline"], accuracy["difference"]) == (
        "accuracy",
        "share",
        1,
        0,
    )
    assert (reward["unit"], reward["candidate"], reward["verdict"]) == ("reward", -0.5, "hold")
    assert reward["interval"]["low"] < 0 < reward["interval"]["high"]
    assert [(each["labelled"], each["accuracy"], each["meanReward"]) for each in found["versions"]] == [
        (200, 1, -0.5)
    ] * 2
    agreement = found["agreement"]
    assert (agreement["copies"], agreement["compared"], agreement["share"]) == (200, 200, 0.9)
    assert agreement["words"].startswith("copies of v1's requests to v2: 90 % agree, surely between 8")
    narrow = api.ask("GET", BOTH).json["metrics"][4]
    assert "rewards lie between -0.5 and -0.5, not 0 and 1" in narrow["problem"]


def test_only_what_came_since_counts(api: Any) -> None:
    write_traffic(api, (0.02, 0.09))
    few = api.ask("GET", f"{BOTH}&since=30s").json
    assert few["verdict"] == "hold"
    assert few["versions"][0]["requests"] < 300
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    assert api.ask("GET", f"{BOTH}&since={moment}").json["versions"][0]["requests"] == 2000
    assert api.ask("GET", f"{BOTH}&since={time.time() - 60}").status == 400


def test_what_was_before_the_last_deployment_does_not_count(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    write_traffic(api, (0.02, 0.09))
    assert api.apply(write.deployment(), write.deployment("vision/digits/v2"), packages=uploaded).status == 200
    found = api.ask("GET", BOTH).json
    assert (found["verdict"], found["versions"][1]["requests"]) == ("hold", 0)
    assert "nothing to compare yet" in found["metrics"][0]["words"]
    assert api.ask("GET", f"{BOTH}&since=1h").json["verdict"] == "worse"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (PATH, 400, "invalid_request"),
        (f"{PATH}?baseline=v1", 400, "invalid_request"),
        (f"{PATH}?baseline=v1&candidate=v1", 400, "invalid_request"),
        (f"{PATH}?baseline=v1&candidate=../x", 400, "invalid_request"),
        (f"{BOTH}&since=yesterday", 400, "invalid_request"),
        (f"{BOTH}&since=2026-01-01T00:00:00", 400, "invalid_request"),
        (f"{BOTH}&since=99999999999d", 400, "invalid_request"),
        (f"{BOTH}&since=", 400, "invalid_request"),
        (f"{BOTH}&pinned=1", 400, "invalid_request"),
        (f"{BOTH}&sinse=1h", 400, "invalid_request"),
        (f"{BOTH}&rewardLow=2&rewardHigh=1", 400, "invalid_request"),
        (f"{BOTH}&rewardHigh=inf", 400, "invalid_request"),
        (BOTH, 404, "version_not_found"),
        ("/v1/routes/Vision/digits/comparison?baseline=v1&candidate=v2", 404, "not_found"),
    ],
)
def test_questions_that_cannot_be_answered(steady_api: Any, path: str, status: int, code: str) -> None:
    reply = steady_api.ask("GET", path)
    assert (reply.status, reply.error["code"]) == (status, code), reply.body


def test_a_span_longer_than_time_is_all_of_it(api: Any) -> None:
    write_traffic(api, (0.02, 0.09))
    assert api.ask("GET", f"{BOTH}&since=999999999d").json["versions"][0]["requests"] == 2000


def test_it_needs_an_admin_key(steady_api: Any) -> None:
    assert steady_api.ask("GET", BOTH, key=None).status == 401
