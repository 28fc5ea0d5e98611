"""What watching costs: CPU and memory of judging 5,000 models, each with a history, minute by minute.

A series is written as the watcher would have (hours of eight days, tens of three hours, an hour of minutes; latencies, labels and sizes
in each sample), then turns are taken as the watching process takes them, over a real database for incidents. Counting the records is not
in it: that is DuckDB's work, by record and not by model. Run with `python -m benchmarks.watching`; the last line is one JSON object.
"""

import argparse
import json
import random
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.domain.anomalies.sample import Sample, latency_bin
from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.insight.anomalies.watcher import AnomalyWatcher, WatchParts
from modelway_platform.insight.series.store import SeriesStore
from modelway_platform.insight.series.tiers import tiers_of
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.database import Database

MODELS, PER_PROJECT = 5000, 25
END = 1_763_942_400  # a whole hour
HOURS, MINUTES, TURNS = 192, 60, 12
_MINUTE, _TEN, _HOUR = 60, 600, 3600
_DISTINCT = 64


def sample(chance: random.Random, at: int, seconds: int) -> Sample:
    """Ten requests a second, as they come."""
    requests = seconds * 10
    latency = {latency_bin(9000) + bin_: max(1, int(requests * 0.15 * 0.75 ** abs(bin_))) for bin_ in range(-8, 12)}
    looked = min(requests, 100 * seconds // 60)
    labels = {str(label): looked // 8 + chance.randrange(3) for label in range(8)}
    sizes = {f"{2**power}": looked // 6 + chance.randrange(3) for power in range(6)}
    return Sample(
        at=at, seconds=seconds, requests=requests, failed=chance.randrange(2), refused=chance.randrange(2),
        busy_us=requests * 9000, latency=latency, outputs={"label": labels}, inputs={"size": sizes},
    )  # fmt: skip


def keys(models: int) -> list[VersionKey]:
    """Of so many models."""
    return [VersionKey(f"p{number // PER_PROJECT}", f"m{number}", "v1") for number in range(models)]


def written(path: Path, models: int) -> SeriesStore:
    """A series up to `END`."""
    series, chance, all_keys = SeriesStore(path, tiers_of(_MINUTE)), random.Random(1), keys(models)
    for step, count in ((_HOUR, HOURS), (_TEN, 18), (_MINUTE, MINUTES)):
        shapes = [sample(chance, 0, step) for _ in range(_DISTINCT)]
        for at in range(END - count * step, END, step):
            put(series, all_keys, at, step, shapes)
    return series


def put(series: SeriesStore, of: list[VersionKey], at: int, step: int, shapes: list[Sample]) -> None:
    """One stretch of time of all models."""
    moved = [replace(each, at=at) for each in shapes]
    series.put(step, at, at + step, ((key, moved[number % len(moved)]) for number, key in enumerate(of)))


def turns(series: SeriesStore, folder: Path, models: int) -> Iterator[float]:
    """CPU seconds of each turn, the first of which learns everything."""
    said: list[Incident] = []
    shapes = [sample(random.Random(2), 0, _MINUTE) for _ in range(_DISTINCT)]
    with Database.open(folder / "modelway.db") as database:
        watcher = AnomalyWatcher(
            WatchParts(
                watch=ModelWatch(series), incidents=Incidents(database), settings=AnomalySettings(database),
                evidence=lambda _: {}, say=said.append, tell=False, step=_MINUTE,
            )
        )  # fmt: skip
        for turn in range(TURNS):
            end = END + turn * _MINUTE
            began = time.process_time()
            if turn:
                put(series, keys(models), end - _MINUTE, _MINUTE, shapes)
                series.roll_up(end)
            watcher.turn(end)
            yield time.process_time() - began
    if said:
        raise SystemExit(f"nothing is wrong, but {len(said)} were told")


def figures(models: int = MODELS) -> dict[str, Any]:
    """Keys and numbers of a run."""
    with TemporaryDirectory() as folder:
        series = written(Path(folder) / "series.db", models)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        first, *rest = turns(series, Path(folder), models)
        series.close()
        size = sum(each.stat().st_size for each in Path(folder).glob("series.db*")) / (1 << 20)
    steady = sum(rest) / len(rest)
    return {
        "watch_models": models,
        "watch_first_turn_cpu_s": round(first, 1),
        "watch_cpu_s_per_minute": round(steady, 2),
        "watch_cpu_cores": round(steady / _MINUTE, 3),
        "watch_slowest_turn_cpu_s": round(max(rest), 2),
        "watch_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "watch_memory_before_mib": round(before),
        "watch_series_mib": round(size),
    }


def main() -> None:
    """Writes, watches, prints what it cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=MODELS)
    result = figures(parser.parse_args().models)
    for name, value in result.items():
        print(f"{name:42} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
