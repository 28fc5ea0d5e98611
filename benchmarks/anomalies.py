"""Precision, recall and delay over simulated weeks with anomalies put in: the platform's detectors, fixed thresholds, and river's.

Models are those of `benchmarks.anomaly_weeks`, of seeds that nothing was tuned on. An alarm is right when it is of the cause that was put
in, and overlaps it or the half hour after; any other is false. Prints a table; `figures` is part of `make bench-verdicts`.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def compare(models: int) -> dict[str, Score]:
    """All detectors over the same models."""
    weeks = [simulate(FIRST_SEED + number) for number in range(models)]

    def of(detector: Callable[[Weeks], Sequence[Alarm]]) -> Score:
        return score([(each.labels, detector(each)) for each in weeks])

    return {"ours": of(lambda each: ours(each, models=models)), "threshold": of(threshold), "river": of(river)}


def figures(models: int = MODELS) -> dict[str, Any]:
    """Keys and numbers of a run."""
    found = compare(models)
    result: dict[str, Any] = {"anomaly_models": models, "anomaly_labels": len(found["ours"].delays)}
    for name, each in found.items():
        prefix = "anomaly" if name == "ours" else f"anomaly_{name}"
        result[f"{prefix}_precision"] = round(each.precision, 3)
        result[f"{prefix}_recall"] = round(each.recall, 3)
        result[f"{prefix}_delay_minutes"] = each.delay
        result[f"{prefix}_false_per_model_week"] = round(each.false / models, 2)
        result[f"{prefix}_found"] = {kind: each.of_kind(kind) for kind in KINDS}
    return result


def main() -> None:
    """Simulates, prints what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=MODELS)
    started = time.perf_counter()
    result = figures(parser.parse_args().models)
    result["anomaly_seconds"] = round(time.perf_counter() - started, 1)
    for name, value in result.items():
        print(f"{name:42} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
