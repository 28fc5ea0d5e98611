"""Detectors over the same weeks: the platform's own, a fixed threshold, and river's; each says when it raised which alarm."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.anomaly_weeks import JUDGED, LEARNED, MINUTES_PER_WEEK, START, Floats, Weeks, Whole
from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.incident import Incident, advance
from modelway_platform.domain.anomalies.judge import STEPS, TENS, Recent, judge
from modelway_platform.domain.anomalies.judgement import Cause, Judgement
from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.anomalies.usual_model import History, UsualModel, learn
from modelway_platform.domain.identity import ModelKey

LEARN_EVERY = 180
"""Minutes; the platform learns anew each hour, which takes a benchmark too long."""
BEGIN, END = LEARNED * MINUTES_PER_WEEK, (LEARNED + JUDGED) * MINUTES_PER_WEEK
_MODEL = ModelKey("simulated", "model")
FIVE = 5
TENS_BEGIN = BEGIN - 12_000
RIVER_STD = 6.0
CLEAR_STEPS = 2
"""Of five minutes, after which the others' alarm is over: ten minutes, as ours."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """From a minute until it was over."""

    cause: str
    begin: int
    end: int


def ours(weeks: Weeks, *, models: int, end: int = END) -> list[Alarm]:
    """Minute by minute, as the watching process does it, up to the minute `end`."""
    hours = [weeks.sample(at, 60) for at in range(0, end, 60)]
    tens = [weeks.sample(at, 10) for at in range(TENS_BEGIN, end, 10)]
    known: dict[Cause, Incident | None] = dict.fromkeys(Cause)
    steps = deque((weeks.sample(at, 1) for at in range(BEGIN - STEPS, BEGIN)), maxlen=STEPS)
    alarms: list[Alarm] = []
    usual, last = UsualModel(), BEGIN
    for minute in range(BEGIN, end):
        if minute % LEARN_EVERY == 0:
            usual = learn(_history(hours, tens, minute), at=START + minute * 60)
        steps.append(weeks.sample(minute, 1))
        if weeks.requests[minute]:
            last = minute + 1
        wrong = frozenset(cause for cause, each in known.items() if each is not None and not each.over)
        recent = _recent(list(steps), tens, minute + 1, last)
        found = judge(usual, recent, AnomalyPolicy(), models=models, wrong=wrong, drift=minute % 10 == 9)
        alarms += _advance(known, found, minute + 1)
    return alarms + [_alarm(each, end) for each in known.values() if each is not None and not each.over]


def _history(hours: Sequence[Sample], tens: Sequence[Sample], minute: int) -> History:
    now = START + minute * 60
    past = hours[: minute // 60]
    ten = [each for each in tens if now - 8 * 86_400 <= each.at and each.at + 600 <= now]
    return History(
        looks=[each.at for each in past],
        hours={"v1": [each for each in past if each.requests]},
        ten_looks=[each.at for each in ten],
        tens={"v1": [each for each in ten if each.requests]},
    )


def _recent(steps: Sequence[Sample], tens: Sequence[Sample], end: int, last: int) -> Recent:
    upto = (end - TENS_BEGIN) // 10
    window = tens[upto - TENS : upto]
    return Recent(
        step=60,
        end=START + end * 60,
        looks=[each.at for each in steps],
        steps={"v1": steps},
        ten_looks=[each.at for each in window],
        tens={"v1": window},
        silent_since=START + last * 60 if end > last else None,
        looked_at=(end - last) * 60,
    )


def _advance(known: dict[Cause, Incident | None], found: Sequence[Judgement], minute: int) -> Iterator[Alarm]:
    for cause in Cause:
        before = known[cause]
        of_cause = [each for each in found if each.cause is cause]
        after = advance(before, _MODEL, of_cause, at=START + minute * 60, step=60)
        known[cause] = after
        if before is not None and after is not None and not before.over and after.over:
            yield _alarm(before, minute)


def _alarm(incident: Incident, end: int) -> Alarm:
    return Alarm(incident.cause.value, int(incident.opened_at - START) // 60, end)


def series_of(weeks: Weeks) -> dict[str, Floats]:
    """What the others watch: one number per five minutes and cause, as a person would draw it on a dashboard."""

    def fives(values: Any) -> Any:
        return values.reshape(-1, FIVE, *values.shape[1:]).sum(axis=1)

    def mean(counts: Any) -> Floats:
        total: Any = np.maximum(counts.sum(axis=1), 1)
        return np.asarray(counts.dot(list(range(counts.shape[1]))) / total, dtype=np.float64)

    def share(hits: Whole, total: Whole) -> Floats:
        return np.asarray(fives(hits) / np.maximum(fives(total), 1), dtype=np.float64)

    return {
        "traffic": fives(weeks.requests).astype(np.float64),
        "errors": share(weeks.failed, weeks.requests),
        "latency": mean(fives(weeks.latency)),
        "outputs": mean(fives(weeks.outputs)),
        "inputs": mean(fives(weeks.inputs)),
        "mirror": share(weeks.disagreed, weeks.compared),
    }


def threshold(weeks: Weeks) -> list[Alarm]:
    """Fixed limits a tenth beyond all but a thousandth of three weeks, passed twice in a row: what a careful person sets by hand."""
    alarms: list[Alarm] = []
    for cause, values in series_of(weeks).items():
        past = values[: BEGIN // FIVE]
        low, high = np.quantile(past, 0.001), np.quantile(past, 0.999)
        room = 0.1 * (high - low)
        beyond = (values > high + room) | (values < low - room)
        alarms += _runs(cause, beyond)
    return alarms


def river(weeks: Weeks) -> list[Alarm]:
    """River's PredictiveAnomalyDetection over Holt-Winters with a season of a day, learning on as it goes; twice in a row, too."""
    from river import anomaly, time_series  # noqa: PLC0415 - only here

    alarms: list[Alarm] = []
    for cause, values in series_of(weeks).items():
        detector: Any = anomaly.PredictiveAnomalyDetection(
            time_series.HoltWinters(alpha=0.2, beta=0.01, gamma=0.2, seasonality=288),
            horizon=1,
            n_std=RIVER_STD,
            warmup_period=600,
        )
        beyond = np.zeros(len(values), dtype=bool)
        for index, value in enumerate(values.tolist()):
            if index * FIVE >= BEGIN:
                beyond[index] = detector.score_one({}, value) >= 1.0
            detector.learn_one({}, value)
        alarms += _runs(cause, beyond)
    return alarms


def _runs(cause: str, beyond: NDArray[np.bool_]) -> Iterator[Alarm]:
    """Alarms from the second time in a row on, until it has been clear for ten minutes."""
    began, clear = -1, 0
    for index in range(BEGIN // FIVE, END // FIVE):
        clear = 0 if beyond[index] else clear + 1
        if began < 0 and beyond[index] and beyond[index - 1]:
            began = (index + 1) * FIVE
        elif began >= 0 and clear >= CLEAR_STEPS:
            yield Alarm(cause, began, (index + 1) * FIVE)
            began = -1
    if began >= 0:
        yield Alarm(cause, began, END)
