"""Records in the store, and series counted out of them."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

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
from modelway_platform.insight.series.tiers import Tiers, tiers_of

HOUR = 3600


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
