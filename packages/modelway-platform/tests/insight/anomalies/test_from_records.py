"""Every cause there is, seen in real records: segments, the collector, DuckDB's counts, the series, what is usual, and the verdict."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.judgement import Cause, Finding
from modelway_platform.domain.identity import ModelKey
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.collect.state import CollectorState, write_state
from modelway_platform.insight.series.counting import RecordCounter
from modelway_platform.insight.series.looking import Looking, Lookout
from modelway_platform.insight.series.store import SeriesStore
from modelway_platform.insight.series.tiers import tiers_of

HOUR, DAYS, PER_HOUR = 3600, 8, 300
NOW = int(time.time()) // HOUR * HOUR - HOUR
"""When it goes wrong; an hour later it is looked at."""
MODELS = ("fine", "silent", "drop", "surge", "errors", "slow", "outputs", "inputs", "mirror")
EXPECTED: dict[str, tuple[Cause, str]] = {
    "silent": (Cause.TRAFFIC, "silence"),
    "drop": (Cause.TRAFFIC, "drop"),
    "surge": (Cause.TRAFFIC, "surge"),
    "errors": (Cause.ERRORS, "errors"),
    "slow": (Cause.LATENCY, "slower"),
    "outputs": (Cause.OUTPUTS, "drift"),
    "inputs": (Cause.INPUTS, "drift"),
    "mirror": (Cause.MIRROR, "disagreement"),
}


class Writer:
    """Segments of gateway workers and of replicas, as these write them."""

    def __init__(self, root: Path) -> None:
        self.chance = random.Random(11)
        self.access: list[str] = []
        self.inference: list[str] = []
        self.root = root

    def hour(self, model: str, at: int, *, wrong: bool) -> None:
        """An hour's requests of a model."""
        share = {"silent": 0.0, "drop": 0.3, "surge": 3.0}.get(model, 1.0) if wrong else 1.0
        for _ in range(round(PER_HOUR * share * self.chance.uniform(0.9, 1.1))):
            self._request(model, at + self.chance.random() * HOUR, wrong=wrong)

    def _request(self, model: str, at: float, *, wrong: bool) -> None:
        chance = self.chance
        failed = chance.random() < (0.3 if wrong and model == "errors" else 0.005)
        took = int(chance.lognormvariate(9, 0.4) * (3 if wrong and model == "slow" else 1))
        name = f"r{len(self.access)}"
        of = f'"time":{at:.3f},"request_id":"{name}","project":"p","model":"{model}"'
        status = 500 if failed else 200
        self.access.append(f'{{{of},"version":"v1","status":{status},"duration_us":{took}}}\n')
        if model == "mirror" and chance.random() < 0.5:
            agree = "false" if chance.random() < (0.4 if wrong else 0.01) else "true"
            copy = f'"version":"v2","primary":"v1","mirrored":true,"agree":{agree},"status":200,"duration_us":{took}'
            self.access.append(f"{{{of},{copy}}}\n")
        if model in {"outputs", "inputs", "fine"} and not failed:
            rare = 0.5 if wrong and model == "outputs" else 0.1
            label = "dog" if chance.random() < rare else "cat"
            size = chance.gauss(30 if wrong and model == "inputs" else 10, 2)
            body = f'"request":{{"size":{size:.2f}}},"answer":{{"label":"{label}"}}'
            self.inference.append(f'{{{of},"version":"v1","status":200,"bytes_in":100,{body}}}\n')

    def flush(self) -> None:
        """On the disk."""
        for folder, lines in (
            (self.root / "access", self.access),
            (self.root / "replicas/r1/inference", self.inference),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "worker-0-1.ndjson").open("a") as file:
                file.writelines(sorted(lines, key=lambda line: line[8:22]))
            lines.clear()


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Finding]]]:
    """What is found of each model."""
    root = tmp_path_factory.mktemp("records")
    writer = Writer(root)
    sources = [Source(ACCESS, root / "access"), Source(INFERENCE, root / "replicas", "inference")]
    collector = Collector(StoreFolder(root / "store"), sources, Keeping(seconds=1e9, octets=1 << 40))
    series = SeriesStore(root / "series/series.db", tiers_of(60))
    lookout = Lookout(Looking(folder=root / "store"), series, RecordCounter(root / "store", root / "series"))

    def pass_until(until: int) -> int:
        writer.flush()
        while collector.collect():
            pass
        write_state(state_of(root / "store"), CollectorState(at=float(until + 10)))
        end = lookout.turn(float(until + 10))
        assert end is not None
        return end

    for at in range(NOW - DAYS * 24 * HOUR, NOW, HOUR):
        for model in MODELS:
            writer.hour(model, at, wrong=False)
    pass_until(NOW)
    for model in MODELS:
        writer.hour(model, NOW, wrong=True)
    end = pass_until(NOW + HOUR)
    watch = ModelWatch(series)

    def of(model: str) -> list[Finding]:
        judged = watch.judge(ModelKey("p", model), AnomalyPolicy(), end, models=len(MODELS), wrong=frozenset())
        return [each.finding for each in judged if each.finding is not None]

    yield of
    series.close()
    collector.close()


@pytest.mark.parametrize("model", EXPECTED)
def test_each_series_has_a_detector_that_real_records_reach(
    findings: Callable[[str], list[Finding]], model: str
) -> None:
    assert {(each.cause, each.kind) for each in findings(model)} == {EXPECTED[model]}


def test_nothing_is_found_where_nothing_is_wrong(findings: Callable[[str], list[Finding]]) -> None:
    assert findings("fine") == []
