"""Who called what in a stretch of time: from records, from the series where these are gone, and what nobody knows."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import Revision
from modelway_platform.domain.traffic.stretch import Stretch, TrafficQuery, stretch_of
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.series.store import SeriesReader, SeriesStore
from modelway_platform.insight.series.tiers import DAY, HOUR, MINUTE, Tiers
from modelway_platform.insight.traffic.history import TrafficHistory
from modelway_platform.insight.traffic.recorded_calls import MOST_CALLERS, REST

NOW = float(int(time.time()) // DAY * DAY - DAY + 15 * HOUR)
BEGIN = int(NOW) - 30 * MINUTE
V1, V2 = VersionKey("vision", "digits", "v1"), VersionKey("vision", "digits", "v2")


class Revisions:
    """Of vision/digits: weights from ten minutes before, a mirror ten minutes later, removed at the end."""

    def revisions(self, kind: str, name: str) -> list[Revision]:
        if (kind, name) != ("Route", "vision/digits"):
            return []
        mirror = {"from": "all", "to": "v2", "share": 0.5, "maxInFlight": 1, "timeoutSeconds": 1, "maxBodyBytes": 1}
        specs: list[dict[str, Any]] = [
            {"versions": [{"version": "v1", "weight": 1}]},
            {"versions": [{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}], "mirrors": [mirror]},
            {},
        ]
        return [
            Revision(
                kind="Route", name=name, number=number, document={"spec": spec} if spec else {}, author="ann", cause="apply",
                created_at=BEGIN + (number - 2) * 10 * MINUTE + 1,
            )
            for number, spec in enumerate(specs, 1)
        ]  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> TrafficHistory:
    """Records of minutes 5 to 9; the series knows minutes 0 to 19, and tens of them days before; then nothing until just now."""
    root = tmp_path_factory.mktemp("traffic")
    (root / "access").mkdir()
    lines: list[str] = []
    for number in range(50):
        line: dict[str, Any] = {
            "time": BEGIN + 5 * MINUTE + number * 6, "request_id": f"r{number}", "project": "vision", "model": "digits",
            "version": "v2" if number % 5 == 0 else "v1", "status": 503 if number == 7 else 404 if number == 8 else 200,
            "consumer": "" if number == 1 else "shop", "duration_us": 1000 * (number + 1),
        }  # fmt: skip
        lines.append(json.dumps(line))
        if number % 10 == 0:
            lines.append(json.dumps(line | {"version": "v2", "mirrored": True}))
    lines.append(
        json.dumps({"time": BEGIN + 301, "project": "hush", "model": "secret", "version": "v1", "status": 200})
    )
    lines.append(json.dumps({"time": BEGIN + 301, "project": "", "model": "", "version": "", "status": 404}))
    lines.append(json.dumps({"time": BEGIN + 301, "project": "_", "model": "jobs", "version": "", "status": 200}))
    for number in range(2 * MOST_CALLERS):
        extra = {"time": BEGIN - 20 * DAY, "project": "many", "model": "m", "version": "v1", "status": 200}
        lines += [json.dumps(extra | {"consumer": f"c{number:03}", "duration_us": 1})] * (
            2 if number < MOST_CALLERS else 1
        )
    (root / "access/worker-0-1.ndjson").write_text("\n".join(lines) + "\n")
    collector = Collector(
        StoreFolder(root / "store"), [Source(ACCESS, root / "access")], Keeping(seconds=1e9, octets=1 << 40)
    )
    collector.collect()
    collector.close()
    store = SeriesStore(root / "series.db", Tiers())
    asked = [(V1, Sample(at=BEGIN + n * MINUTE, seconds=60, requests=4, failed=1, latency={80: 3})) for n in range(10)]
    store.put(MINUTE, BEGIN, BEGIN + 20 * MINUTE, asked)
    begin = int(NOW) - 3 * DAY
    store.put(600, begin, begin + HOUR, [(V2, Sample(at=begin, seconds=600, requests=9, latency={80: 9}))])
    store.close()
    return TrafficHistory(
        QueryDesk(root / "store"), SeriesReader(root / "series.db", Tiers()), Revisions(), clock=lambda: NOW
    )


def read(history: TrafficHistory, since: float, until: float, **more: Any) -> dict[str, Any]:
    return dict(history.read(TrafficQuery(since=since, until=until, **more), lambda: False))


def test_each_step_says_where_it_is_known_from(history: TrafficHistory) -> None:
    told = read(history, BEGIN, NOW)
    assert (told["begin"], told["end"], told["step"]) == (BEGIN, int(NOW), MINUTE)
    sources = [each["source"] for each in told["steps"]]
    assert sources == ["series"] * 5 + ["records"] * 5 + ["quiet"] * 10 + ["unknown"] * 7 + ["quiet"] * 3
    assert [each["requests"] for each in told["steps"]][:6] == [4] * 5 + [11]
    assert told["steps"][5]["failed"] == 1
    assert told["unknown"] == [
        "5 of 30 steps: the log has let go of their records; who called, and copies, are not known",
        "7 of 30 steps: nothing is kept of them, or the platform was off",
    ]
    from_series = next(each for each in told["calls"] if each["at"] == BEGIN)
    assert (from_series["consumer"], from_series["failed"], from_series["requests"]) == ("", 1, 4)


def test_callers_versions_and_copies_are_apart(history: TrafficHistory) -> None:
    told = read(history, BEGIN + 5 * MINUTE, BEGIN + 10 * MINUTE, steps=1, project="vision", model="digits")
    found = {(each["consumer"], each["version"], each["mirrored"]): each for each in told["calls"]}
    assert {key: each["requests"] for key, each in found.items()} == {
        ("shop", "v1", False): 39, ("shop", "v2", False): 10, ("", "v1", False): 1, ("shop", "v2", True): 5,
    }  # fmt: skip
    shop = found["shop", "v1", False]
    assert (shop["failed"], shop["refused"]) == (1, 1)
    assert (shop["p50Ms"], shop["p99Ms"]) == (27, 50)
    assert told["steps"] == [{"at": BEGIN + 300, "requests": 50, "failed": 1, "source": "records"}]


def test_callers_beyond_the_most_frequent_are_one(history: TrafficHistory) -> None:
    at = BEGIN - 20 * DAY
    told = read(history, at - 10, at + 10, steps=1)
    assert len(told["calls"]) == MOST_CALLERS + 1
    assert told["calls"][0]["consumer"] == REST
    assert told["calls"][0]["requests"] == MOST_CALLERS


def test_routes_are_as_they_were(history: TrafficHistory) -> None:
    (route,) = read(history, BEGIN, NOW, project="vision")["routes"]
    weights = [(each["revision"], [one["weight"] for one in each["weights"]]) for each in route["revisions"]]
    assert weights == [(1, [1]), (2, [3, 1]), (3, [])]
    assert route["revisions"][1]["mirrors"] == [{"from": "", "to": "v2", "share": 0.5}]
    assert (route["revisions"][1]["author"], route["revisions"][1]["at"]) == ("ann", BEGIN + 1)
    before = read(history, BEGIN - 20 * DAY, BEGIN - 19 * DAY, steps=1)
    assert [each["revision"] for each in before["routes"][0]["revisions"]] == [0]


def test_whoever_is_bound_to_projects_sees_these(history: TrafficHistory) -> None:
    of = {"since": BEGIN + 300, "until": BEGIN + 360, "steps": 1}
    assert {each["project"] for each in read(history, **of)["calls"]} == {"vision", "hush"}
    assert {each["project"] for each in read(history, **of, only=("vision", "sound"))["calls"]} == {"vision"}
    assert {each["project"] for each in read(history, **of, only=("sound",))["calls"]} == set()


def test_where_only_coarser_counts_are_left_it_is_said(history: TrafficHistory) -> None:
    begin = int(NOW) - 3 * DAY
    told = read(history, begin, begin + HOUR)
    assert [each["source"] for each in told["steps"]] == ["unknown"] * 10 + ["quiet"] * 50
    assert told["unknown"] == ["10 of 60 steps: only counts of longer times are left; ask for fewer, longer steps"]
    told = read(history, begin, begin + HOUR, steps=6)
    assert [each["requests"] for each in told["steps"]] == [9, 0, 0, 0, 0, 0]


def test_nothing_kept_is_no_error(tmp_path: Path) -> None:
    reader = SeriesReader(tmp_path / "none.db", Tiers())
    told = read(TrafficHistory(QueryDesk(tmp_path / "none"), reader, Revisions(), clock=lambda: NOW), NOW - HOUR, NOW)
    assert told["calls"] == []
    assert told["routes"] == []
    assert {each["source"] for each in told["steps"]} == {"unknown", "quiet"}


def test_a_broken_series_is_told(tmp_path: Path) -> None:
    (tmp_path / "series.db").write_text("no database")
    broken = TrafficHistory(
        QueryDesk(tmp_path / "none"), SeriesReader(tmp_path / "series.db", Tiers()), Revisions(), clock=lambda: NOW
    )
    with pytest.raises(sqlite3.Error):
        read(broken, NOW - HOUR, NOW)


@pytest.mark.parametrize(
    ("seconds", "steps", "step"),
    [(HOUR, 120, MINUTE), (2 * HOUR, 120, MINUTE), (3 * HOUR, 120, 10 * MINUTE), (HOUR, 1, HOUR), (DAY, 120, 30 * MINUTE), (DAY, 150, 10 * MINUTE), (7 * DAY, 120, 6 * HOUR), (90 * DAY, 120, DAY), (3650 * DAY, 100, 37 * DAY), (30 * DAY, 2, 15 * DAY)],
)  # fmt: skip
def test_steps_are_as_fine_as_they_may_be(seconds: int, steps: int, step: int) -> None:
    begin = int(NOW) // HOUR * HOUR + 30
    found = stretch_of(TrafficQuery(since=begin, until=begin + seconds, steps=steps))
    assert found.step == step
    assert found.count <= (steps + 1 if steps > 1 else 1)
    assert found.begin <= begin
    assert found.end >= begin + seconds


def test_a_moment_is_in_one_step() -> None:
    found = Stretch(120, 60, 3)
    assert list(found.times) == [120, 180, 240]
    assert found.step_of(239.9) == 180
