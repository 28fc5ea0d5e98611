"""Labels, rewards and copies in a comparison: real segments, the real collector and DuckDB."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery
from modelway_platform.domain.verdicts.verdict import Answer, Metric
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.query.desk import QueryDesk

START, SECONDS = 1_700_000_000.0, 400
OF = {"project": "vision", "model": "digits"}


def lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(OF | each) + "\n" for each in records))


def record(root: Path, *, wrong: dict[str, float], reward: dict[str, float], pinned: float = 0.0) -> None:
    """20 requests a second, half of them each version's; most are told of within ten seconds; copies of v1's go to v2."""
    chance = random.Random(3)
    access: list[dict[str, Any]] = []
    inference: list[dict[str, Any]] = []
    feedback: list[dict[str, Any]] = []
    for number in range(SECONDS * 20):
        version, at, name = ("v1", "v2")[number % 2], START + number / 20, f"r{number}"
        reason = "pinned" if chance.random() < pinned else "weight"
        common = {"time": at, "request_id": name, "version": version, "status": 200, "duration_us": 900}
        access.append(common | {"path": "/vision/digits/predict", "reason": reason, "replica": version})
        right = chance.random() >= wrong[version]
        inference.append(common | {"replica": version, "answer": {"label": "7"}})
        if chance.random() < 0.8:
            rewarded = (
                {"reward": chance.betavariate(2, 2) * 2 * reward[version]} if reason == "weight" else {"reward": 5.0}
            )
            told = {"time": at + chance.random() * 10, "request_id": name, "label": "7" if right else "1"}
            feedback.append(told | rewarded)
        if version == "v1" and number % 4 == 0:
            copy = {"version": "v2", "primary": "v1", "mirrored": True, "agree": chance.random() < 0.9}
            access.append(common | copy | {"path": "/vision/digits/predict", "replica": "v2"})
            inference.append(common | {"version": "v2", "replica": "v2", "mirrored": True, "answer": {"label": "1"}})
    lines(root / "access" / f"worker-0-{int(START * 1e9)}.ndjson", access)
    lines(root / "replicas/r1/inference/worker-0-1.ndjson", inference)
    lines(root / "feedback/worker-0-1.ndjson", feedback)
    sources = [
        Source(ACCESS, root / "access"), Source(INFERENCE, root / "replicas", "inference"), Source(FEEDBACK, root / "feedback"),
    ]  # fmt: skip
    collector = Collector(StoreFolder(root / "store"), sources, Keeping(seconds=1e12, octets=1 << 40))
    collector.collect()
    collector.close()


def compare(root: Path, **more: Any) -> Comparison:
    query = ComparisonQuery(
        model=ModelKey("vision", "digits"), baseline="v1", candidate="v2", since=START, until=START + SECONDS + 60, **more
    )  # fmt: skip
    comparer = AccessComparison(root / "access", desk=QueryDesk(root / "store"))
    return comparer.compare(query, abandoned=lambda: False)


def test_labels_and_rewards_are_compared_and_copies_counted(tmp_path: Path) -> None:
    record(tmp_path, wrong={"v1": 0.05, "v2": 0.2}, reward={"v1": 0.5, "v2": 0.5})
    found = compare(tmp_path)
    assert found.problem == ""
    by_metric = {each.metric: each for each in found.findings}
    accuracy, reward = by_metric[Metric.ACCURACY], by_metric[Metric.REWARD]
    assert (accuracy.answer, reward.answer, found.answer) == (Answer.WORSE, Answer.HOLD, Answer.WORSE)
    assert accuracy.baseline == pytest.approx(0.95, abs=0.01)
    assert accuracy.candidate == pytest.approx(0.8, abs=0.02)
    assert -0.2 < accuracy.interval.low < -0.15 < accuracy.interval.high < 0
    assert "v2 is worse: accuracy of v2 is lower" in found.words
    assert found.baseline.compared == found.baseline.rewarded == pytest.approx(0.8 * SECONDS * 10, rel=0.05)
    assert found.candidate.mean_reward == pytest.approx(0.5, abs=0.02)
    assert found.copies is not None
    assert (found.copies.copies, found.copies.failed) == (SECONDS * 5, 0)
    assert found.copies.share == pytest.approx(0.9, abs=0.03)
    assert found.copies.interval.low < 0.9 < found.copies.interval.high


def test_what_callers_chose_is_left_out_unless_wanted(tmp_path: Path) -> None:
    record(tmp_path, wrong={"v1": 0.1, "v2": 0.1}, reward={"v1": 0.5, "v2": 0.5}, pinned=0.3)
    found = compare(tmp_path)
    assert {each.answer for each in found.findings} == {Answer.HOLD}
    assert found.baseline.compared < 0.6 * SECONDS * 10
    everything = compare(tmp_path, pinned=True)
    assert everything.baseline.compared > 0.7 * SECONDS * 10
    (problem,) = [each.problem for each in everything.findings if each.metric is Metric.REWARD]
    assert "rewards lie between" in problem
    within = compare(tmp_path, pinned=True, rewards=(0.0, 5.0))
    assert not any(each.problem for each in within.findings)


def test_a_store_that_cannot_be_read_is_said_and_the_rest_compared(tmp_path: Path) -> None:
    record(tmp_path, wrong={"v1": 0.1, "v2": 0.1}, reward={"v1": 0.5, "v2": 0.5})
    for path in (tmp_path / "store").rglob("*.parquet"):
        path.write_bytes(b"PAR1 no more")
    found = compare(tmp_path)
    assert "what was fed back cannot be read" in found.problem
    assert found.baseline.requests == SECONDS * 10
