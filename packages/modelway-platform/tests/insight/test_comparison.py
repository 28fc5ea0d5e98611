"""Comparisons from segments as gateway workers write them."""

import json
import random
import time
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import UnavailableError
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery
from modelway_platform.domain.verdicts.verdict import Answer
from modelway_platform.insight.access_segments import ReadCounts, read_records
from modelway_platform.insight.compare_versions import AccessComparison

START = 1_700_000_000
MODEL = ModelKey("vision", "digits")


def record(moment: float, version: str = "v1", status: int = 200, **fields: Any) -> dict[str, Any]:
    return {
        "time": moment, "project": "vision", "model": "digits", "version": version, "status": status,
        "duration_us": 1000, "path": "/vision/digits/predict", **fields,
    }  # fmt: skip


def segment(folder: Path, worker: int, start: float, records: Iterable[dict[str, Any]]) -> Path:
    path = folder / f"worker-{worker}-{int(start * 1e9)}.ndjson"
    path.write_bytes(b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in records))
    return path


def compare(folder: Path, **asked: Any) -> Comparison:
    query: dict[str, Any] = {"model": MODEL, "baseline": "v1", "candidate": "v2", "until": START + 1e9, **asked}
    return AccessComparison(folder).compare(ComparisonQuery(**query), abandoned=lambda: False)


def read(folder: Path, since: float = 0.0, until: float = START + 1e9) -> tuple[list[float], ReadCounts]:
    counts = ReadCounts()
    found = read_records(
        (folder,), project="vision", model="digits", since=since, until=until, counts=counts, abandoned=lambda: False
    )
    return [each.time for each in found], counts


def test_records_of_all_workers_and_segments_come_in_order(tmp_path: Path) -> None:
    segment(tmp_path, 0, START, [record(START + each) for each in (1, 4)])
    segment(tmp_path, 0, START + 5, [record(START + each) for each in (6, 9)])
    segment(tmp_path, 10, START, [record(START + each) for each in (2, 5, 7)])
    (tmp_path / "other.ndjson").write_text("not ours\n")
    assert [moment - START for moment in read(tmp_path)[0]] == [1, 2, 4, 5, 6, 7, 9]
    assert [moment - START for moment in read(tmp_path, START + 4, START + 7)[0]] == [4, 5, 6, 7]
    assert read(tmp_path / "missing")[0] == []


def test_lines_that_are_no_records_are_counted_and_left_out(tmp_path: Path) -> None:
    path = segment(tmp_path, 0, START, [record(START + 1), record(START + 2, project="sound")])
    with path.open("ab") as file:
        file.write(
            b'"vision" "digits" not json\n\xff"vision""digits"\n' + json.dumps(record(START + 3)).encode() + b"\n"
        )
        file.write(json.dumps(record(START + 4)).encode()[:40])
    found, counts = read(tmp_path)
    assert [moment - START for moment in found] == [1, 3]
    assert (counts.records, counts.unreadable) == (3, 2)


@pytest.mark.parametrize("since", [0, 1, 1234.5, 7999, 8000, 9000])
def test_what_is_too_old_is_skipped_not_read(tmp_path: Path, since: float) -> None:
    segment(tmp_path, 0, START, (record(START + each, filler="x" * 200) for each in range(4000)))
    segment(tmp_path, 0, START + 4000, (record(START + each, filler="x" * 200) for each in range(4000, 8000)))
    found, counts = read(tmp_path, START + since)
    assert [moment - START for moment in found] == [each for each in range(8000) if each >= since]
    assert counts.records <= len(found) + 2000


def traffic(count: int, errors: Sequence[float], seed: int = 1) -> Iterable[dict[str, Any]]:
    chance = random.Random(seed)
    for number in range(count):
        candidate = number % 2
        status = 500 if chance.random() < errors[candidate] else 200
        duration = chance.lognormvariate(8, 0.3)
        yield record(START + number / 50, ("v1", "v2")[candidate], status, duration_us=int(duration))


def test_more_errors_are_worse_and_the_numbers_are_kept(tmp_path: Path) -> None:
    segment(tmp_path, 0, START, traffic(4000, (0.02, 0.08)))
    found = compare(tmp_path)
    assert found.answer is Answer.WORSE
    assert found.words.startswith("v2 is worse: error rate of v2 is higher")
    assert (found.baseline.requests, found.candidate.requests, found.records) == (2000, 2000, 4000)
    assert found.candidate.errors > found.baseline.errors
    assert found.findings[0].interval.low > 0
    assert found.findings[0].confirmed
    turned = compare(tmp_path, baseline="v2", candidate="v1")
    assert turned.answer is Answer.BETTER


def test_alike_is_held_with_what_is_left_to_go(tmp_path: Path) -> None:
    segment(tmp_path, 0, START, traffic(600, (0.02, 0.02)))
    found = compare(tmp_path)
    assert found.answer is Answer.HOLD
    assert "more requests of v2" in found.words
    assert all(each.requests_left > 0 for each in found.findings)


def test_what_does_not_count(tmp_path: Path) -> None:
    segment(
        tmp_path, 0, START,
        [
            *(record(START + each, ("v1", "v2")[each % 2]) for each in range(20)),
            *(record(START + 30, "v2", 500, mirrored=True) for _ in range(5)),
            *(record(START + 31, "v2", 500, internal=True) for _ in range(5)),
            *(record(START + 32, "v2", 500, path="/vision/digits/v2/predict") for _ in range(7)),
            *(record(START + 32, "v2", 500, path="/api/x", reason="url:/api/x pinned") for _ in range(2)),
            *(record(START + 32, "v2", 500, path="/vision/digits/@champion/predict", reason="alias:champion") for _ in range(3)),
            *(record(START + 33, "v3", 500) for _ in range(5)),
            *(record(START + 34, "", 503) for _ in range(5)),
            *(record(START + 35, "v2", 422) for _ in range(3)),
            *(record(START + 36, "v2", 499) for _ in range(2)),
        ],
    )  # fmt: skip
    seen = compare(tmp_path).candidate
    assert (seen.requests, seen.errors, seen.refused, seen.left, seen.pinned) == (15, 0, 3, 2, 12)
    seen = compare(tmp_path, pinned=True).candidate
    assert (seen.requests, seen.errors, seen.pinned) == (27, 12, 12)


def test_durations_of_errors_and_refusals_say_nothing_about_speed(tmp_path: Path) -> None:
    segment(
        tmp_path, 0, START,
        [record(START, "v1", 200, duration_us=8000), record(START, "v1", 500, duration_us=1), record(START, "v1", 422, duration_us=1)],
    )  # fmt: skip
    p50 = compare(tmp_path).baseline.p50
    assert p50 == pytest.approx(8000, rel=0.03)


def test_memory_is_bounded_and_reading_takes_a_moment(tmp_path: Path) -> None:
    for worker in range(2):
        lines = [json.dumps(each).encode() + b"\n" for each in traffic(1000, (0.02, 0.02), worker)]
        (tmp_path / f"worker-{worker}-{START * 10**9}.ndjson").write_bytes(b"".join(lines) * 20)
    tracemalloc.start()
    started = time.perf_counter()
    found = compare(tmp_path)
    took = time.perf_counter() - started
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.records == 40_000
    assert most < 8_000_000
    assert took < 100


def test_what_nobody_waits_for_is_given_up(tmp_path: Path) -> None:
    segment(tmp_path, 0, START, traffic(5000, (0.02, 0.02)))
    asked: list[int] = []

    def abandoned() -> bool:
        asked.append(1)
        return len(asked) > 1

    query = ComparisonQuery(model=MODEL, baseline="v1", candidate="v2", until=START + 1e9)
    with pytest.raises(UnavailableError, match="stopping"):
        AccessComparison(tmp_path).compare(query, abandoned=abandoned)
    assert len(asked) == 2


def test_only_an_experiments_requests_count_if_asked(tmp_path: Path) -> None:
    records = [record(START + number, experiment="trial" if number % 4 == 0 else "") for number in range(100)]
    records += [record(START + 100 + number, "v2", experiment="trial") for number in range(10)]
    segment(tmp_path, 0, START, records)
    assert (compare(tmp_path).baseline.requests, compare(tmp_path).candidate.requests) == (100, 10)
    trial = compare(tmp_path, experiment="trial")
    assert (trial.baseline.requests, trial.candidate.requests) == (25, 10)
