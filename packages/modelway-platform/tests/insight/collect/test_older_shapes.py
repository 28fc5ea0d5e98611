"""Files that were written before a kind of record had its newest columns."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, INFERENCE, Kind
from modelway_platform.insight.collect.plan import Keeping, Tidiness
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.query.views import setup_of

if TYPE_CHECKING:
    from conftest import Logs

NEW = {"access": {"gateway": "edge"}, "inference": {"answer_truncated": True}}
FOR_EVER = Keeping(seconds=1e12, octets=1 << 50)
ABSENT = {"access": {"gateway": ""}, "inference": {"answer_truncated": False}}


def seen(logs: "Logs", kind: str) -> list[Any]:
    statements, _ = setup_of(logs.store, 0.0)
    with duckdb.connect() as database:
        for each in statements:
            database.execute(each)
        (name,) = NEW[kind]
        return [row[0] for row in database.execute(f"SELECT {name} FROM {kind} ORDER BY request_id").fetchall()]


@pytest.mark.parametrize("kind", [ACCESS, INFERENCE])
def test_old_files_are_read_and_put_together_as_if_nothing_had_been_there(logs: "Logs", kind: Kind) -> None:
    old = replace(kind, columns=tuple(each for each in kind.columns if each.since == 1), shape=1)
    for number, shape in enumerate((old, kind)):
        record = json.loads(logs.line(number)) | NEW[kind.name]
        logs.append("worker-0-1.ndjson", [json.dumps(record).encode() + b"\n"])
        collector = Collector(StoreFolder(logs.store), [Source(shape, logs.access)], FOR_EVER)
        while collector.collect():
            pass
        collector.close()
    (before,), (after,) = ABSENT[kind.name].values(), NEW[kind.name].values()
    assert seen(logs, kind.name) == [before, after]
    sources = [Source(kind, logs.access)]
    collector = Collector(StoreFolder(logs.store), sources, FOR_EVER, tidiness=Tidiness(recent_files=1))
    collector.tidy()
    collector.close()
    assert any("project=vision" in each for each in logs.paths())
    assert seen(logs, kind.name) == [before, after]
    assert logs.stored(next(iter(NEW[kind.name])), kind.name) == [before, after]
