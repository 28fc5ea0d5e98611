"""Series: counted once the collector has passed, again for what came late, coarser with age, and never without a look."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.anomalies.sample import REST, Sample, bounded, latency_bin, merged
from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.collect.state import CollectorState, write_state
from modelway_platform.insight.series.counting import RecordCounter
from modelway_platform.insight.series.looking import Looking, Lookout
from modelway_platform.insight.series.store import SeriesReader, SeriesStore
from modelway_platform.insight.series.tiers import Tier, Tiers, tiers_of

HOUR = 3600
V1 = VersionKey("vision", "digits", "v1")


class Recorded:
    """A store that records are collected into, as of a time of the test's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / "store"
        self.start = int(time.time()) // HOUR * HOUR - 6 * HOUR
        (root / "access").mkdir()
        self._collector = Collector(
            StoreFolder(self.store),
            [Source(ACCESS, root / "access"), Source(INFERENCE, root / "replicas", "inference")],
            Keeping(seconds=1e9, octets=1 << 40),
        )

    def access(self, moments: Iterable[float], **fields: Any) -> None:
        """One record per moment, given in seconds since `start`."""
        self._append(self.root / "access" / "worker-0-1.ndjson", moments, {"duration_us": 1000, "status": 200} | fields)

    def inference(self, moments: Iterable[float], **fields: Any) -> None:
        path = self.root / "replicas" / "r1" / "inference" / "worker-0-1.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._append(path, moments, {"status": 200, "bytes_in": 100} | fields)

    def collected(self, until: float) -> None:
        """Everything until then, in seconds since `start`, is in the store."""
        while self._collector.collect():
            pass
        write_state(state_of(self.store), CollectorState(at=self.start + until))

    def close(self) -> None:
        self._collector.close()

    def _append(self, path: Path, moments: Iterable[float], fields: dict[str, Any]) -> None:
        named = {"project": "vision", "model": "digits", "version": "v1"} | fields
        lines = [json.dumps({"time": self.start + each, "request_id": f"r{each}"} | named) + "\n" for each in moments]
        with path.open("a") as file:
            file.writelines(lines)


class Watched:
    """Series of what is recorded."""

    def __init__(self, recorded: Recorded, tiers: Tiers) -> None:
        self.recorded = recorded
        self.series = SeriesStore(recorded.root / "series" / "series.db", tiers)
        counter = RecordCounter(recorded.store, recorded.root / "series")
        self.lookout = Lookout(Looking(folder=recorded.store), self.series, counter)
        self.reader = SeriesReader(self.series.path, tiers)

    def turn(self, at: float) -> int | None:
        """A turn at a time in seconds since `start`."""
        return self.lookout.turn(self.recorded.start + at)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterable[Recorded]:
    found = Recorded(tmp_path)
    yield found
    found.close()


@pytest.fixture
def watched(recorded: Recorded) -> Iterable[Watched]:
    found = Watched(recorded, tiers_of(60))
    yield found
    found.series.close()


def samples(watched: Watched, begin: float, end: float, step: int = 60) -> list[Sample]:
    start = watched.recorded.start
    _, found = watched.reader.read(step, start + int(begin), start + int(end))
    return list(found.get(V1, ()))


def test_each_minute_is_counted_by_status_duration_and_payload(recorded: Recorded, watched: Watched) -> None:
    recorded.access([0, 1, 2], duration_us=10_000)
    recorded.access([3], status=503, duration_us=2_000_000)
    recorded.access([4], status=422)
    recorded.access([5], status=499)
    recorded.access([6], internal=True)
    recorded.access([7], mirrored=True, agree=False)
    recorded.access([8], mirrored=True, agree=True)
    recorded.access([9], mirrored=True)
    recorded.inference([0, 1, 2], answer={"label": "7"}, request={"size": 3.5}, fields={"score": 0.93})
    recorded.inference([3], answer={"label": "1"}, step="scale")
    recorded.collected(until=200)
    assert watched.turn(200) == recorded.start + 180
    (minute,) = samples(watched, 0, 60)
    assert (minute.requests, minute.failed, minute.refused) == (6, 1, 1)
    assert minute.latency == {latency_bin(10_000): 3}
    assert minute.latency_ms(0.5) == pytest.approx(10, rel=0.1)
    assert minute.in_flight == pytest.approx((3 * 10_000 + 2_000_000 + 2000) / 60e6)
    assert (minute.compared, minute.disagreed) == (2, 1)
    assert minute.outputs["label"] == {"7": 3}
    assert minute.outputs["logged.score"] == {"#18": 3}
    assert minute.inputs["size"] == {"#27": 3}
    assert set(minute.inputs) == {"octets", "size"}


def test_a_minute_that_the_collector_has_not_passed_is_not_counted(recorded: Recorded, watched: Watched) -> None:
    recorded.access([0, 61, 121])
    recorded.collected(until=122)
    assert watched.turn(500) == recorded.start + 60
    looks, found = watched.reader.read(60, recorded.start, recorded.start + 600)
    assert list(looks) == [recorded.start]
    assert [each.at for each in found[V1]] == [recorded.start]


def test_what_comes_late_is_counted_by_the_second_look_and_nothing_twice(recorded: Recorded, watched: Watched) -> None:
    recorded.access([0])
    recorded.collected(until=70)
    watched.turn(70)
    recorded.access([30])
    recorded.collected(until=130)
    watched.turn(130)
    watched.turn(130)
    assert [each.requests for each in samples(watched, 0, 120)] == [2]


def test_a_time_without_a_look_is_unknown_and_one_without_a_record_is_silent(
    recorded: Recorded, watched: Watched
) -> None:
    recorded.access([0])
    recorded.collected(until=200)
    watched.turn(200)
    recorded.access([1800])  # the platform was off in between
    recorded.collected(until=2000)
    watched.turn(2000)
    looks, found = watched.reader.read(60, recorded.start, recorded.start + 6000)
    assert [at - recorded.start for at in looks] == [0, 60, 120, 1800]
    assert [each.at - recorded.start for each in found[V1]] == [0, 1800]


def test_a_new_series_begins_with_the_hours_that_are_on_record(recorded: Recorded, watched: Watched) -> None:
    recorded.access(range(0, 4 * 3600, 60))
    recorded.collected(until=5 * 3600)
    watched.turn(5 * 3600)
    hours = samples(watched, 0, 5 * 3600, step=3600)
    assert [each.requests for each in hours] == [60, 60, 60]  # the first hour may have begun before the record


def test_older_samples_become_coarser_and_go(recorded: Recorded) -> None:
    tiers = Tiers(base=Tier(60, 1200), coarse=(Tier(600, 3600), Tier(3600, 7200)))
    store = SeriesStore(recorded.root / "own.db", tiers)
    start = recorded.start
    for minute in range(130):
        at = start + minute * 60
        store.put(60, at, at + 60, [(V1, Sample(at=at, seconds=60, requests=2, latency={10: 2}))])
        store.roll_up(at + 60)
    store.let_go(start + 130 * 60, 1 << 30)
    reader = SeriesReader(store.path, tiers)
    kept = {tier.step: reader.read(tier.step, start, start + 10_000)[1][V1] for tier in tiers.all}
    assert {step: (len(found), {each.requests for each in found}) for step, found in kept.items()} == {
        60: (20, {2}), 600: (6, {20}), 3600: (1, {120}),
    }  # fmt: skip
    store.let_go(start + 130 * 60, 0)
    assert len(reader.read(60, start, start + 10_000)[1].get(V1, ())) < 10
    store.close()


def test_a_period_that_was_hardly_looked_at_has_no_coarse_sample(recorded: Recorded) -> None:
    store = SeriesStore(recorded.root / "own.db", Tiers())
    start = recorded.start
    for minute in (*range(8), *range(10, 19)):
        at = start + minute * 60
        store.put(60, at, at + 60, [(V1, Sample(at=at, seconds=60, requests=1))])
    store.roll_up(start + 1200)
    store.roll_up(start + 1800)
    looks, found = SeriesReader(store.path, store.tiers).read(600, start, start + 3600)
    store.close()
    assert list(looks) == [start + 600]
    assert [each.requests for each in found[V1]] == [9]


def test_payloads_that_are_no_json_or_endless_do_no_harm(recorded: Recorded, watched: Watched) -> None:
    recorded.access([0])
    recorded.inference([0], request={"a": [[1e308] * 50] * 50}, answer={str(n): {"b": [1, "x"]} for n in range(500)})
    recorded.inference([1], request=10**400, answer=[float(1)] * 5)
    recorded.inference([2], request="x" * 200_000, answer=None)
    recorded.collected(until=100)
    watched.turn(100)
    (minute,) = samples(watched, 0, 60)
    assert minute.requests == 1
    assert len(minute.outputs) <= 50


def test_rare_values_are_counted_together() -> None:
    many = bounded({f"v{n}": n + 1 for n in range(200)})
    assert len(many) == 64
    assert many[REST] == sum(range(1, 138))
    again = merged([Sample(at=0, seconds=60, outputs={"label": many})] * 2, 0, 120)
    assert sum(again.outputs["label"].values()) == 2 * sum(range(1, 201))
