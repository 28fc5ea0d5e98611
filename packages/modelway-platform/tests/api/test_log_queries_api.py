"""Questions of collected records over HTTP: who may ask, bodies that are refused, and a caller who leaves."""

import http.client
import json
import os
import subprocess
import time
from typing import Any

import pytest

from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source

QUERY = "/v1/logs/query"
ENDLESS = "SELECT sum(a.i * b.i) FROM range(100000000) a(i), range(1000000) b(i)"


def collect(api: Any, *records: dict[str, Any]) -> None:
    (api.root / "access").mkdir(exist_ok=True)
    (api.root / "access" / "worker-0-1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    keeping = Keeping(seconds=1e9, octets=1 << 40)
    collector = Collector(StoreFolder(api.root / "store"), [Source(ACCESS, api.root / "access")], keeping)
    collector.collect()
    collector.close()


def record(number: int, ago: float, **fields: Any) -> dict[str, Any]:
    return {
        "time": time.time() - ago, "request_id": f"r{number}", "project": "vision", "model": "digits", "version": "v1",
        "status": 200, "duration_us": 1000, **fields,
    }  # fmt: skip


def test_questions_are_answered_for_those_who_administrate(api: Any) -> None:
    collect(api, record(1, 7200), record(2, 60, status=503, code="no_ready_replica"))
    found = api.ask("POST", QUERY, {"sql": "SELECT request_id FROM access ORDER BY time"})
    assert (found.status, found.json["rows"], found.json["truncated"]) == (200, [["r1"], ["r2"]], False)
    assert api.ask("POST", QUERY, {"sql": "SELECT request_id FROM access", "since": "1h"}).json["rows"] == [["r2"]]
    asked = api.ask("POST", "/v1/logs/ask", {"question": "errors", "project": "vision"}).json
    assert asked["sql"].startswith("SELECT project")
    assert asked["answer"]["rows"][0][:6] == ["vision", "digits", "v1", 503, "no_ready_replica", 1]
    assert "p99" in [each["name"] for each in api.ask("GET", "/v1/logs/questions").json["items"]]
    _, caller = api.parts.access.keys.create(KeySpec(name="caller", role="caller"))
    for path, body in ((QUERY, {"sql": "SELECT 1"}), ("/v1/logs/ask", {"question": "p99"})):
        assert api.ask("POST", path, body, key=caller).status == 403
        assert api.ask("POST", path, body, key=None).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {}, {"sql": 1}, {"sql": "SELECT 1", "rows": 0}, {"sql": "SELECT 1", "rows": 100_001}, {"sql": "SELECT 1", "seconds": 0},
        {"sql": "SELECT 1", "seconds": 1e9}, {"sql": "SELECT 1", "since": "yesterday"}, {"sql": "SELECT 1", "limit": 1},
        {"sql": "DROP VIEW access"}, {"sql": "SELECT nothing FROM access"}, {"sql": "SELECT \ud83d"},
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_told(api: Any, body: dict[str, Any]) -> None:
    found = api.ask("POST", QUERY, body)
    assert found.status == 400, found.body
    assert found.json["error"]["code"] in {"invalid_request", "invalid_query", "invalid_json"}
    assert found.json["error"]["message"]


def test_what_takes_too_long_is_ended_in_its_time(api: Any) -> None:
    found = api.ask("POST", QUERY, {"sql": ENDLESS, "seconds": 1})
    assert (found.status, found.json["error"]["code"]) == (504, "deadline_exceeded")


def test_a_question_ends_when_its_caller_leaves(api: Any) -> None:
    others = answering()  # of tests before, which may still be ending
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    body = json.dumps({"sql": ENDLESS, "seconds": 120})
    connection.request("POST", QUERY, body, {"Authorization": f"Bearer {api.key}"})
    try:
        _until(lambda: answering() > others)
    finally:
        connection.close()
    _until(lambda: answering() <= others)


def answering() -> int:
    listed = subprocess.run(
        ["ps", "-o", "args", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return listed.stdout.count("insight.query.child")


def _until(what: Any) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)
