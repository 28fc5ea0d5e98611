"""Reports on copies over HTTP, from segments on disk; and the log with and without them."""

import json
import time
from typing import Any

import pytest

PATH = "/v1/routes/vision/digits/mirrors"


def write_copies(api: Any, ago: float = 60.0) -> None:
    start = time.time() - ago
    records: list[dict[str, Any]] = []
    for number in range(40):
        common = {"project": "vision", "model": "digits", "endpoint": "predict", "request_id": f"r{number}"}
        records.append({**common, "time": start + number / 10, "version": "v1", "status": 200, "duration_us": 2000})
        copy = {
            **common, "time": start + number / 10 + 0.05, "version": "v2", "status": 200, "duration_us": 8000,
            "mirrored": True, "primary": "v1", "primary_status": 200, "primary_us": 2000,
        }  # fmt: skip
        if number % 4 == 0:
            copy |= {"agree": False, "score": number / 40, "why": f"$.a differs by {number}"}
        elif number % 10 == 1:
            copy |= {"uncompared": "stream"}
        else:
            copy |= {"agree": True, "score": 1.0}
        records.append(copy)
    lines = "".join(json.dumps(each) + "\n" for each in records)
    (api.root / "access" / f"worker-0-{int(start * 1e9)}.ndjson").write_text(lines)


def test_a_report_has_rates_and_the_worst(api: Any) -> None:
    write_copies(api)
    reply = api.ask("GET", f"{PATH}?examples=2")
    assert reply.status == 200, reply.body
    (pair,) = reply.json["pairs"]
    worst = pair.pop("worst")
    assert [(each["requestId"], each["score"], each["why"]) for each in worst] == [
        ("r0", 0.0, "$.a differs by 0"),
        ("r4", 0.1, "$.a differs by 4"),
    ]
    score = (26 + sum(number / 40 for number in range(0, 40, 4))) / 36
    assert {name: pair[name] for name in ("from", "to", "endpoint", "copies", "failed")} == {
        "from": "v1", "to": "v2", "endpoint": "predict", "copies": 40, "failed": 0,
    }  # fmt: skip
    assert (pair["compared"], pair["agreed"], pair["differed"], pair["unknown"]) == (36, 26, 10, 4)
    assert pair["agreementRate"] == pytest.approx(26 / 36)
    assert pair["meanScore"] == pytest.approx(score, abs=1e-5)
    assert pair["primaryP50Ms"] == pytest.approx(2, rel=0.03)
    assert pair["mirrorP99Ms"] == pytest.approx(8, rel=0.03)
    assert reply.json["read"] == {"records": 80, "unreadable": 0}


def test_only_what_came_since_counts(api: Any) -> None:
    write_copies(api, ago=7200)
    assert api.ask("GET", f"{PATH}?since=1h").json["pairs"] == []
    assert len(api.ask("GET", PATH).json["pairs"]) == 1


@pytest.mark.parametrize("query", ["since=soon", "examples=-1", "examples=101", "examples=x", "wrst=1"])
def test_what_cannot_be_asked(api: Any, query: str) -> None:
    assert api.ask("GET", f"{PATH}?{query}").status == 400


def test_the_log_with_and_without_copies(api: Any) -> None:
    write_copies(api)

    def asked(query: str) -> list[Any]:
        reply = api.ask("GET", f"/v1/logs?tail=1000{query}")
        return [json.loads(line) for line in reply.body.splitlines()]

    assert len(asked("")) == 80
    assert {each.get("mirrored") for each in asked("&mirrored=true")} == {True}
    assert {each.get("mirrored") for each in asked("&mirrored=false")} == {None}
    assert len(asked("&mirrored=true")) == len(asked("&mirrored=false")) == 40
    assert asked("&experiment=none") == []
    assert api.ask("GET", "/v1/logs?mirrored=maybe").status == 400
