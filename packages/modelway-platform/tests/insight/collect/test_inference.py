"""Inference records of many replicas in the store, whatever a replica's folder holds."""

import json
import os
import shutil
from typing import TYPE_CHECKING

from modelway.serving.observing.collected import read_marks
from modelway_platform.insight.collect import collector as collecting
from modelway_platform.insight.collect.ledger import Counts
from modelway_platform.insight.collect.plan import Tidiness

if TYPE_CHECKING:
    import pytest
    from conftest import Logs


def test_records_of_all_replicas_are_taken_once_with_what_handlers_wrote(logs: "Logs") -> None:
    fields = {"label": "7", "scores": [0.25, None], "deep": {"a": {"b": "\u00e9"}}}
    first = logs.infer("a1", {"request_id": "r1", "fields": fields, "batch": 4, "queue_us": 12})
    logs.infer(
        "b2", {"request_id": "r2", "mirrored": True, "step": "scale", "request": [1, 2], "answer_omitted": "9000 bytes"}
    )
    collector = logs.collector(tidiness=Tidiness(recent_files=1))
    assert collector.collect() is False
    collector.tidy()
    logs.infer("a1", {"request_id": "r3", "fields": None})
    collector.collect()
    found = logs.stored(
        "request_id, replica, mirrored, step, batch, queue_us, fields, request, answer, answer_omitted", "inference"
    )
    assert json.loads(found[0][6]) == fields
    assert [(*row[:6], *row[7:]) for row in found] == [
        ("r1", "a1", False, "", 4, 12, None, None, ""),
        ("r2", "b2", True, "scale", None, None, "[1,2]", None, "9000 bytes"),
        ("r3", "a1", False, "", None, None, None, None, ""),
    ]
    assert logs.stored("fields->>'label'", "inference") == ["7", None, None]
    assert read_marks(first.parent) == {first.name: first.stat().st_size}
    shutil.rmtree(first.parent.parent)
    collector.collect()
    assert [path.parent.parent.name for path in collector.ledger.segments("inference")] == ["b2"]


def test_a_busy_replica_does_not_keep_others_waiting(logs: "Logs", monkeypatch: "pytest.MonkeyPatch") -> None:
    monkeypatch.setattr(collecting, "BATCH_BYTES", 40_000)
    logs.infer("a1", *({"request_id": f"a{number}", "code": "x" * 200} for number in range(1000)))
    logs.infer("b2", {"request_id": "b"})
    collector = logs.collector()
    assert collector.collect()
    assert collector.collect()
    assert "b" in logs.stored(kind="inference")
    while collector.collect():
        pass
    assert len(logs.stored(kind="inference")) == 1001


def test_what_a_model_leaves_in_its_folder_costs_its_own_records_only(logs: "Logs") -> None:
    bad = logs.infer("a1").parent
    (logs.root / "secret").write_bytes(logs.line(1))
    (bad / "worker-1-1.ndjson").symlink_to(logs.root / "secret")
    os.mkfifo(bad / "worker-2-1.ndjson")
    (bad / "worker-3-1.ndjson").mkdir()
    (bad / "worker-4-1.ndjson").write_bytes(
        b'{"time":1764115200.5,"fields":{"a":}}\n{"time":1764115200.5,"fields":"\\ud800"}\n'
    )
    (logs.replicas / "b2").mkdir()
    (logs.replicas / "b2" / "inference").symlink_to(logs.access)
    (logs.replicas / "c3").symlink_to(bad.parent)
    logs.append("worker-0-1.ndjson", [logs.line(2)])
    logs.infer("d4", {"request_id": "good"})
    collector = logs.collector()
    collector.collect()
    assert "good" in logs.stored(kind="inference")
    assert "r1" not in logs.stored(kind="inference")
    assert "r2" not in logs.stored(kind="inference")
    assert collector.ledger.counts("inference") in {Counts(records=2, set_aside=1), Counts(records=1, set_aside=2)}
    assert logs.stored() == ["r2"]
