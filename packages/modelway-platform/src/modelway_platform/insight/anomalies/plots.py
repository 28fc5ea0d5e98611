"""A model's series as lines with the band of what is usual: what pages, the command line and evidence show."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.anomalies.sample import Sample, merged
from modelway_platform.domain.anomalies.usual_model import UsualModel
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.insight.anomalies.model_watch import Judged
from modelway_platform.insight.series.store import Found, SeriesReader

MOST_POINTS = 720
_FIELDS = ("requests", "failed", "refused", "p50", "p95", "inFlight", "disagreed")
METRIC_OF = {
    Cause.TRAFFIC: "requests",
    Cause.ERRORS: "failed",
    Cause.LATENCY: "p50",
    Cause.MIRROR: "disagreed",
    Cause.INPUTS: "requests",
    Cause.OUTPUTS: "requests",
}


def plot(found: Found, step: int, usual: UsualModel) -> dict[str, Any]:
    """Times that were looked at; per version and for the model (`""`) requests/s, shares, milliseconds; None where there was nothing."""
    looks, samples = found
    at = {time: index for index, time in enumerate(looks)}
    by_version = {key.version: _lines(each, at, step) for key, each in sorted(samples.items())}
    whole = _lines(_together(samples, step), at, step)
    return {
        "step": step,
        "times": list(looks),
        "model": whole,
        "versions": [{"version": version, **lines} for version, lines in by_version.items()],
        "usual": usual_band(usual, looks, step),
    }


def usual_band(usual: UsualModel, looks: Sequence[int], step: int) -> dict[str, Any]:
    """Lowest and highest of what is usual, for the metrics where that is known."""
    found: dict[str, Any] = {}
    if usual.traffic is not None:
        bands = [usual.traffic.band(at + step / 2) for at in looks]
        found["requests"] = {
            "low": [_round(low) for low, _, _ in bands],
            "middle": [_round(middle) for _, middle, _ in bands],
            "high": [_round(high) for _, _, high in bands],
        }
    for name, most in (("failed", usual.failed), ("refused", usual.refused)):
        if most is not None:
            found[name] = {"low": 0.0, "high": _round(most)}
    for each in usual.latency.quantiles if usual.latency else ():
        found[f"p{each.share * 100:.0f}"] = {"low": _round(each.low), "high": _round(each.high)}
    shares = [each for each in usual.mirror.values() if each is not None]
    if shares:
        found["disagreed"] = {"low": 0.0, "high": _round(max(shares))}
    return found


def read_judged(reader: SeriesReader, model: ModelKey) -> Judged:
    """What was said of a model last; nothing where nothing was.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    kept = reader.judged(model)
    if kept is None:
        return Judged(at=0.0, judgements=(), usual=UsualModel())
    try:
        judged = msgspec.json.decode(kept[1], type=Judged)
    except msgspec.MsgspecError:  # of an older version; the next turn says it anew
        return Judged(at=0.0, judgements=(), usual=UsualModel())
    return msgspec.structs.replace(judged, at=kept[0])


def _together(samples: Mapping[VersionKey, Sequence[Sample]], step: int) -> list[Sample]:
    if len(samples) == 1:
        return list(next(iter(samples.values())))
    by_time: dict[int, list[Sample]] = {}
    for of_version in samples.values():
        for each in of_version:
            by_time.setdefault(each.at, []).append(each)
    return [merged(each, at, step) for at, each in sorted(by_time.items())]


def _lines(samples: Sequence[Sample], at: Mapping[int, int], step: int) -> dict[str, list[float | None]]:
    lines: dict[str, list[float | None]] = {name: [None] * len(at) for name in _FIELDS}
    lines["requests"], lines["inFlight"] = [0.0] * len(at), [0.0] * len(at)
    for each in samples:
        index = at.get(each.at)
        if index is None:
            continue
        values = (
            each.requests / step,
            each.failed / each.requests if each.requests else None,
            each.refused / each.requests if each.requests else None,
            each.latency_ms(0.5),
            each.latency_ms(0.95),
            each.in_flight,
            each.disagreed / each.compared if each.compared else None,
        )
        for name, value in zip(_FIELDS, values, strict=True):
            lines[name][index] = None if value is None else _round(value)
    return lines


def _round(value: float) -> float:
    return float(f"{value:.5g}")
