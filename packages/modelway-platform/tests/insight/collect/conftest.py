"""Segments as gateway workers write them, and what the store holds of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, INFERENCE
from modelway_platform.insight.collect.ledger import live_files
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source

START = 1_764_115_200.0  # 2025-11-26T00:00:00Z
FOR_EVER = Keeping(seconds=1e12, octets=1 << 50)


class Logs:
    """A folder of segments and the store that a collector makes of them."""

    start = START

    def __init__(self, root: Path) -> None:
        self.root = root
        self.access = root / "access"
        self.replicas = root / "replicas"
        self.store = root / "store"
        self.access.mkdir()

    def line(self, number: int, moment: float = START, **fields: Any) -> bytes:
        record = {
            "time": moment, "request_id": f"r{number}", "project": "vision", "model": "digits", "version": "v1",
            "status": 200, "code": "", "duration_us": number, "worker": 0, **fields,
        }  # fmt: skip
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"

    def append(self, name: str, lines: Iterable[bytes]) -> Path:
        path = self.access / name
        with path.open("ab") as file:
            file.write(b"".join(lines))
        return path

    def collector(self, keeping: Keeping = FOR_EVER, **more: Any) -> Collector:
        sources = [Source(ACCESS, self.access), Source(INFERENCE, self.replicas, "inference")]
        return Collector(StoreFolder(self.store), sources, keeping, **more)

    def collect(self, **more: Any) -> None:
        collector = self.collector(**more)
        while collector.collect():
            pass
        collector.close()

    def infer(self, replica: str, *records: dict[str, Any]) -> Path:
        """Appends records as a replica's model server does."""
        path = self.replicas / replica / "inference" / "worker-0-1.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.writelines(json.dumps({"time": START, "replica": replica} | each).encode() + b"\n" for each in records)
        return path

    def stored(self, what: str = "request_id", kind: str = "access") -> list[Any]:
        """Of all records that count, in order of time; read as a question does, by the ledger."""
        files = [str(self.store / each.path) for each in live_files(self.store / "ledger.db", kind)]
        if not files:
            return []
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            rows = database.execute(
                f"SELECT {what} FROM read_parquet(?, hive_partitioning = false) ORDER BY time, request_id", [files]
            ).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def paths(self) -> list[str]:
        """Of all Parquet files there are."""
        return sorted(str(path.relative_to(self.store)) for path in self.store.rglob("*.parquet"))


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)
