"""Feedback is on the disk before it is answered and joins what it is about; data sets hold inputs, outputs and labels."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from modelway.errors import ModelwayError
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.store.files.collected_marks import write_marks
from modelway_platform.store.files.feedback_segments import FeedbackSegments

FEED, EXPORT = "/v1/feedback", "/v1/logs/export"
NOW = time.time()


def infer(api: Any, *records: dict[str, Any]) -> None:
    folder = api.root / "replicas" / "r1" / "inference"
    folder.mkdir(parents=True, exist_ok=True)
    common = {"time": NOW - 60, "project": "vision", "model": "digits", "version": "v1", "status": 200}
    with (folder / "worker-0-1.ndjson").open("a") as file:
        file.writelines(json.dumps(common | each) + "\n" for each in records)


def collect(api: Any) -> None:
    sources = [Source(INFERENCE, api.root / "replicas", "inference"), Source(FEEDBACK, api.root / "feedback")]
    collector = Collector(StoreFolder(api.root / "store"), sources, Keeping(seconds=1e9, octets=1 << 40))
    collector.collect()
    collector.close()


def said(api: Any) -> list[dict[str, Any]]:
    segments = sorted((api.root / "feedback").glob("*.ndjson"))
    return [json.loads(line) for path in segments for line in path.read_bytes().splitlines()]


def accuracy(api: Any) -> dict[tuple[str, bool], dict[str, Any]]:
    answer = api.ask("POST", "/v1/logs/ask", {"question": "accuracy", "project": "vision"}).json["answer"]
    rows = [dict(zip((each["name"] for each in answer["columns"]), row, strict=True)) for row in answer["rows"]]
    return {(row["version"], row["mirrored"]): row for row in rows}


def test_what_is_said_is_kept_before_it_is_answered(api: Any) -> None:
    assert api.ask("POST", FEED, {"requestId": "r1", "label": {"a": [1, "\u00e9"]}}).json == {"accepted": 1}
    assert said(api)[0]["label"] == {"a": [1, "\u00e9"]}
    many = {
        "items": [
            {"requestId": "r2", "reward": -0.5, "project": "vision"},
            {"requestId": "r3", "label": "7", "reward": 1},
        ]
    }
    assert api.ask("POST", FEED, many).json == {"accepted": 2}
    found = said(api)
    assert [(each["request_id"], each.get("label"), each["reward"], each["author"]) for each in found[1:]] == [
        ("r2", None, -0.5, "tester"), ("r3", "7", 1.0, "tester"),
    ]  # fmt: skip
    assert all(abs(each["time"] - time.time()) < 60 for each in found)


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"requestId": "r1"}, {"requestId": "r1", "label": None}, {"requestId": "", "label": 1},
        {"requestId": "a b", "label": 1}, {"requestId": "r1", "reward": "much"}, {"requestId": "r1", "label": 1, "x": 2},
        {"requestId": "r1", "label": "x" * 20_000}, {"items": []}, {"items": [{"requestId": "r1", "label": 1}, {"requestId": "r2"}]},
        {"requestId": "r1", "label": 1, "project": "../x"},
    ],
)  # fmt: skip
def test_what_says_nothing_is_refused_and_nothing_of_it_kept(api: Any, body: Any) -> None:
    assert api.ask("POST", FEED, body).status == 400
    assert not (api.root / "feedback").exists()


def test_only_those_who_administrate(api: Any) -> None:
    _, caller = api.parts.access.keys.create(KeySpec(name="caller", role="caller"))
    for path in (FEED, EXPORT):
        assert api.ask("POST", path, {"requestId": "r1", "label": 1}, key=caller).status == 403
        assert api.ask("POST", path, {}, key=None).status == 401


def test_live_accuracy_of_each_version_and_of_mirrored_ones(api: Any) -> None:
    infer(
        api,
        {"request_id": "a", "answer": {"label": 7}},
        {"request_id": "a", "answer": {"label": 1}, "version": "v2", "mirrored": True},
        {"request_id": "b", "answer": {"prediction": "cat", "more": 1}},
        {"request_id": "b", "answer": {"prediction": "cat"}, "version": "v2", "mirrored": True},
        {"request_id": "c", "answer": 3.0},
        {"request_id": "d", "fields": {"label": "dog"}},
        {"request_id": "e", "answer": {"anything": 1}},
        {"request_id": "e", "answer": {"label": 5}, "step": "scale"},
        {"request_id": "f", "answer": {"outputs": [{"name": "label", "data": [4, 5]}]}},
        {"request_id": "g", "answer": {"label": 7}},
    )
    labels = {"a": "7", "b": "cat", "c": 3, "d": "cat", "e": 5, "f": 4}
    for request_id, label in labels.items():
        api.ask("POST", FEED, {"requestId": request_id, "label": label, "reward": 0.5})
    api.ask("POST", FEED, {"requestId": "b", "label": "dog"})
    api.ask("POST", FEED, {"requestId": "never-seen", "label": 1})
    collect(api)
    found = accuracy(api)
    first, second = found["v1", False], found["v2", True]
    assert (first["predictions"], first["labelled"], first["compared"]) == (6 + 1, 6, 5)
    assert first["accuracy_percent"] == 60.0, "a, c and f; the last word on b is another"
    assert (second["labelled"], second["accuracy_percent"], second["mean_reward"]) == (2, 0.0, 0.5)


def test_a_data_set_holds_inputs_outputs_and_labels(api: Any, tmp_path: Path) -> None:
    infer(
        api,
        {"request_id": "a", "request": {"pixels": [1, 2]}, "answer": {"label": 7}},
        {"request_id": "a", "request": {"pixels": [1, 2]}, "answer": {"label": 1}, "version": "v2", "mirrored": True},
        {"request_id": "b", "request": {"pixels": [3]}, "answer": {"label": 2}, "time": NOW - 30},
        {"request_id": "c", "status": 500},
        {"request_id": "d", "project": "o'ther"},
    )
    api.ask("POST", FEED, {"requestId": "a", "label": 7})
    collect(api)

    def export(**asked: Any) -> list[Any]:
        reply = api.ask("POST", EXPORT, {"project": "vision", **asked})
        assert reply.status == 200, reply.body
        (tmp_path / "set.parquet").write_bytes(reply.body)
        with duckdb.connect() as database:
            return database.execute(
                "SELECT request_id, version, input, output, label, correct FROM read_parquet(?)",
                [str(tmp_path / "set.parquet")],
            ).fetchall()

    first, second = export()
    assert first[:2] == ("a", "v1")
    assert [json.loads(each) for each in first[2:5]] == [{"pixels": [1, 2]}, {"label": 7}, 7]
    assert (first[5], second[0], second[4:]) == (True, "b", (None, None))
    assert [row[:2] for row in export(labelled=True, mirrored=True)] == [("a", "v1"), ("a", "v2")]
    assert [row[0] for row in export(since="2h", version="v1")] == ["a", "b"]
    assert export(project="nobody") == []
    assert [row[0] for row in export(project="o'ther")] == ["d"]
    again = [api.ask("POST", EXPORT, {"project": "vision"}).body for _ in range(2)]
    assert again[0] == again[1], "the same records give the same file"
    assert list((api.root / "store" / "exports").iterdir()) == []
    assert api.ask("POST", EXPORT, {"since": "yesterday"}).status == 400
    assert api.ask("POST", EXPORT, {"projekt": "x"}).status == 400


def test_segments_go_only_when_they_are_collected(tmp_path: Path) -> None:
    log = FeedbackSegments(tmp_path, segment_bytes=10)
    for number in range(3):
        log.take(b'{"n":%d}           \n' % number)
    first, second, _ = sorted(tmp_path.glob("worker-0-*.ndjson"))
    write_marks(tmp_path, [(first.name, first.stat().st_size), (second.name, 3)])
    log.take(b"{}\n")
    log.close()
    assert not first.exists()
    assert second.exists()


def test_a_full_disk_is_told_and_leaves_no_half_line(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    log = FeedbackSegments(tmp_path / "in the way" / "folder")
    with pytest.raises(ModelwayError) as told:
        log.take(b"{}\n")
    assert told.value.error_code == "storage_full"
    if Path("/dev/full").exists():
        log = FeedbackSegments(tmp_path / "log")
        log.take(b'{"n":1}\n')
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, log._file)  # pyright: ignore[reportPrivateUsage] - a disk that is full from here on
        os.close(full)
        with pytest.raises(ModelwayError):
            log.take(b'{"n":2}\n')
        log.take(b'{"n":3}\n')
        text = io.StringIO("".join(path.read_text() for path in sorted((tmp_path / "log").iterdir())))
        assert [json.loads(line)["n"] for line in text] == [1, 3]
