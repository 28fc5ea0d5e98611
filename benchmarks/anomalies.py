"""Precision, recall and delay over simulated weeks with anomalies put in: the platform's detectors, fixed thresholds, and river's.

Models are those of `benchmarks.anomaly_weeks`, of seeds that nothing was tuned on. An alarm is right when it is of the cause that was put
in, and overlaps it or the half hour after; any other is false. Prints a table; `figures` is part of `make bench-verdicts`.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import sqrt
from statistics import median
from typing import Any

from benchmarks.anomaly_detectors import Alarm, ours, river, threshold
from benchmarks.anomaly_weeks import KINDS, Label, Weeks, simulate

FIRST_SEED = 1000
MODELS = 6
_AFTER = 30


@dataclass(frozen=True, slots=True)
class Score:
    """Of all models: false alarms, right ones, and per anomaly its kind and how soon it was found, None for never."""

    right: int
    false: int
    delays: tuple[tuple[str, int | None], ...]

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.false)

    @property
    def recall(self) -> float:
        return sum(delay is not None for _, delay in self.delays) / max(1, len(self.delays))

    @property
    def delay(self) -> float:
        """Median minutes of those that were found."""
        return median([delay for _, delay in self.delays if delay is not None] or [0])

    def of_kind(self, kind: str) -> str:
        """Found of how many."""
        mine = [delay for each, delay in self.delays if each == kind]
        return f"{sum(each is not None for each in mine)}/{len(mine)}"


def score(found: Sequence[tuple[Sequence[Label], Sequence[Alarm]]]) -> Score:
    """Of one detector, over several models' labels and alarms."""
    right = false = 0
    delays: list[tuple[str, int | None]] = []
    for labels, alarms in found:
        matched = [any(_fits(label, alarm) for label in labels) for alarm in alarms]
        right, false = right + sum(matched), false + len(matched) - sum(matched)
        for label in labels:
            begins = [max(0, alarm.begin - label.begin) for alarm in alarms if _fits(label, alarm)]
            delays.append((label.kind, min(begins, default=None)))
    return Score(right, false, tuple(delays))


def _fits(label: Label, alarm: Alarm) -> bool:
    return alarm.cause == label.cause and alarm.begin < label.end + _AFTER and alarm.end > label.begin


def compare(models: int, first_seed: int = FIRST_SEED, *, others: bool = True) -> dict[str, Score]:
    """All detectors over the same models, or the platform's alone."""
    seeds = range(first_seed, first_seed + models)
    detectors = {"ours": partial(ours, models=models)} | ({"threshold": threshold, "river": river} if others else {})
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(partial(_of_seed, detectors=detectors), seeds))
    return {name: score([(labels, alarms[name]) for labels, alarms in found]) for name in detectors}


def _of_seed(
    seed: int, *, detectors: Mapping[str, Callable[[Weeks], Sequence[Alarm]]]
) -> tuple[Sequence[Label], dict[str, Sequence[Alarm]]]:
    weeks = simulate(seed)
    return weeks.labels, {name: detector(weeks) for name, detector in detectors.items()}


def interval(share: float, count: int) -> tuple[float, float]:
    """Where a share of so many lies, at 95 % (Wilson 1927)."""
    z, count = 1.96, max(1, count)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return round(middle - half, 3), round(middle + half, 3)


def figures(models: int = MODELS, first_seed: int = FIRST_SEED, *, others: bool = True) -> dict[str, Any]:
    """Keys and numbers of a run."""
    found = compare(models, first_seed, others=others)
    result: dict[str, Any] = {"anomaly_models": models, "anomaly_labels": len(found["ours"].delays)}
    for name, each in found.items():
        prefix = "anomaly" if name == "ours" else f"anomaly_{name}"
        result[f"{prefix}_precision"] = round(each.precision, 3)
        result[f"{prefix}_recall"] = round(each.recall, 3)
        result[f"{prefix}_precision_95"] = interval(each.precision, each.right + each.false)
        result[f"{prefix}_recall_95"] = interval(each.recall, len(each.delays))
        result[f"{prefix}_delay_minutes"] = each.delay
        result[f"{prefix}_false_per_model_week"] = round(each.false / models, 2)
        result[f"{prefix}_found"] = {kind: each.of_kind(kind) for kind in KINDS}
    return result


def main() -> None:
    """Simulates, prints what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--alone", action="store_true", help="without the threshold and river")
    given, started = parser.parse_args(), time.perf_counter()
    result = figures(given.models, given.first_seed, others=not given.alone)
    result["anomaly_seconds"] = round(time.perf_counter() - started, 1)
    for name, value in result.items():
        print(f"{name:42} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
