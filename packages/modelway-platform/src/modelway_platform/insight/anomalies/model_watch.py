"""Judges one model after the other, out of the series; what is usual of each is learned anew once an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import msgspec

from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.judge import STEPS, TENS, Recent, judge
from modelway_platform.domain.anomalies.judgement import Cause, Judgement
from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.anomalies.traffic_profile import HOUR
from modelway_platform.domain.anomalies.usual_model import TEN, History, UsualModel, learn
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.insight.series.store import SeriesStore

_LEARN_SECONDS = 3600
_LEARN_STEPS_WHILE_NEW = 5
_NEW_HOURS = 24
_HISTORY_HOURS = 8 * 168
_TENS_SECONDS = 8 * 86_400


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a model, as it is kept for readers: judgements, and what is usual for drawing a band."""

    at: float
    judgements: Sequence[Judgement]
    usual: UsualModel


@dataclass(slots=True)
class _Known:
    usual: UsualModel
    learned_at: int
    learn_at: int
    tens_at: int = 0
    ten_looks: Sequence[int] = ()
    tens: Mapping[str, Sequence[Sample]] = field(default_factory=dict[str, Sequence[Sample]])
    drift: tuple[Judgement, ...] = ()
    asked_at: int | None = None
    kept: bytes = b""


class ModelWatch:
    """What was learned of all models, in memory; all of it comes from the series.

    Args:
        series: Where samples are.
    """

    def __init__(self, series: SeriesStore) -> None:
        self._series = series
        self._step = series.tiers.base.step
        self._known: dict[ModelKey, _Known] = {}

    def usual(self, model: ModelKey) -> UsualModel:
        """What was learned of a model."""
        known = self._known.get(model)
        return known.usual if known is not None else UsualModel()

    def models(self) -> list[ModelKey]:
        """All of which there is a series."""
        return self._series.models()

    def judge(
        self, model: ModelKey, policy: AnomalyPolicy, end: int, *, models: int, wrong: frozenset[Cause]
    ) -> list[Judgement]:
        """What is to be said of a model.

        Args:
            model: Which.
            policy: What is watched.
            end: Unix time up to which the series is complete.
            models: How many are watched in all.
            wrong: What is known to be wrong with it.

        Raises:
            sqlite3.Error: The series cannot be read.
        """
        known = self._learned(model, end)
        recent = self._recent(known, model, end)
        tens_end = max(recent.ten_looks, default=0)
        drift = tens_end != known.tens_at
        found = judge(known.usual, recent, policy, models=models, wrong=wrong, drift=drift)
        of_drift = {Cause.INPUTS, Cause.OUTPUTS}
        if drift:
            known.tens_at = tens_end
            known.drift = tuple(each for each in found if each.cause in of_drift)
            # Distributions are looked at once; what is kept of thousands of models is counts.
            known.tens = {version: [_counts(each) for each in samples] for version, samples in known.tens.items()}
        else:  # nothing has changed since; still said, as long as it is watched
            found += [each for each in known.drift if each.cause in policy.causes]
        self._keep(model, known, found, end)
        return found

    def _learned(self, model: ModelKey, end: int) -> _Known:
        known = self._known.get(model)
        if known is None or end >= known.learn_at:
            usual = learn(self._history(model, end), at=end)
            again = end + min(_LEARN_SECONDS, _LEARN_STEPS_WHILE_NEW * self._step)
            if usual.hours >= _NEW_HOURS:  # each model at a moment of the hour of its own: never all of them at once
                again = end + _LEARN_SECONDS - (end - crc32(str(model).encode())) % _LEARN_SECONDS
            if known is None:
                known = self._known[model] = _Known(usual, end, again)
            known.usual, known.learned_at, known.learn_at = usual, end, again
        return known

    def _history(self, model: ModelKey, end: int) -> History:
        of = {"project": model.project, "model": model.model}
        looks, hours = self._series.read(HOUR, end - _HISTORY_HOURS * HOUR, end, **of)
        ten_looks, tens = self._series.read(TEN, end - _TENS_SECONDS, end, **of)
        return History(looks=looks, hours=_by_version(hours), ten_looks=ten_looks, tens=_by_version(tens))

    def _recent(self, known: _Known, model: ModelKey, end: int) -> Recent:
        of = {"project": model.project, "model": model.model}
        looks, steps = self._series.read(self._step, end - STEPS * self._step, end, **of)
        tens_end = end - end % TEN
        if tens_end - TEN not in known.ten_looks:  # there is a new one every ten minutes
            ten_looks, tens = self._series.read(TEN, tens_end - TENS * TEN, end, **of)
            known.ten_looks, known.tens = ten_looks, _by_version(tens)
        asked = [each.at + self._step for samples in steps.values() for each in samples if each.requests]
        if asked or known.asked_at is None:
            known.asked_at = max(asked, default=None) or self._series.last_asked(model)
        silent = known.asked_at
        return Recent(
            step=self._step,
            end=end,
            looks=looks,
            steps=_by_version(steps),
            ten_looks=known.ten_looks[-TENS:],
            tens=known.tens,
            silent_since=silent if silent is not None and silent < end else None,
            looked_at=self._series.looked_at(silent, end) if silent is not None and silent < end else 0,
        )

    def _keep(self, model: ModelKey, known: _Known, found: Sequence[Judgement], end: int) -> None:
        body = msgspec.json.encode(Judged(at=known.learned_at, judgements=found, usual=_shown(known.usual)))
        if body != known.kept:
            self._series.keep_judged(model, float(end), body)
            known.kept = body


def _by_version(samples: Mapping[VersionKey, Sequence[Sample]]) -> dict[str, Sequence[Sample]]:
    return {key.version: each for key, each in samples.items()}


def _counts(sample: Sample) -> Sample:
    return replace(sample, latency={}, outputs={}, inputs={})


def _shown(usual: UsualModel) -> UsualModel:
    """Without distributions, which nobody draws."""
    return UsualModel(
        traffic=usual.traffic, failed=usual.failed, refused=usual.refused, latency=usual.latency, mirror=usual.mirror,
        hours=usual.hours, latency_hours=usual.latency_hours,
    )  # fmt: skip
