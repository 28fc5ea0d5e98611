"""A store with collected records, and the outputs' destinations."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from journeys.output_destinations import DESTINATIONS, Destination

from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE, Kind
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.outputs.delivery import Delivering
from modelway_platform.insight.outputs.position import position_file

START = 1_764_115_200.0  # 2025-11-26T00:00:00Z
FOR_EVER = Keeping(seconds=1e12, octets=1 << 50)


class Store:
    """Segments and the store that a collector makes of them."""

    start = START

    def __init__(self, root: Path) -> None:
        self.root = root / "store"
        self.outputs = root / "outputs"
        self.outputs.mkdir()
        self._kinds: dict[str, Kind] = {each.name: each for each in (ACCESS, INFERENCE, FEEDBACK)}
        self._segments = {name: root / name for name in self._kinds}
        for folder in self._segments.values():
            folder.mkdir()
        self._numbers = 0

    def append(self, many: int, kind: str = "access", **fields: Any) -> list[str]:
        """So many records more; returns their ids."""
        ids: list[str] = []
        with (self._segments[kind] / "worker-0-1.ndjson").open("ab") as file:
            for _ in range(many):
                self._numbers += 1
                ids.append(f"r{self._numbers}")
                record = {
                    "time": START + self._numbers, "request_id": ids[-1], "project": "vision", "model": "digits",
                    "version": "v1", "status": 200, "duration_us": self._numbers, "method": "POST", "path": "/vision/digits/predict",
                    **fields,
                }  # fmt: skip
                file.write(json.dumps(record).encode() + b"\n")
        return ids

    def collector(self, keeping: Keeping = FOR_EVER, **more: Any) -> Collector:
        sources = [Source(self._kinds[name], folder) for name, folder in self._segments.items()]
        return Collector(StoreFolder(self.root), sources, keeping, **more)

    def collect(self, **more: Any) -> None:
        collector = self.collector(**more)
        while collector.collect():
            pass
        collector.close()

    def batch(self, many: int, kind: str = "access", **fields: Any) -> list[str]:
        """Records that are collected together."""
        ids = self.append(many, kind, **fields)
        self.collect()
        return ids

    def delivering(self, name: str = "out", **more: Any) -> Delivering:
        given: dict[str, Any] = {"kinds": ("access",), "piece_records": 10, **more}
        return Delivering(
            store=self.root, ledger=self.root / "ledger.db", position=position_file(self.outputs, name), **given
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture(params=sorted(DESTINATIONS))
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Destination]:
    made = DESTINATIONS[request.param](tmp_path)
    try:
        yield made
    finally:
        made.close()
