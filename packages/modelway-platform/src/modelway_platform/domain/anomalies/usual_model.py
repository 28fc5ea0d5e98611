"""What is usual of a model in every respect, learned at once out of its history, once an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelway_platform.domain.anomalies.drift_check import DriftProfile, inputs_of, learn_drift, outputs_of
from modelway_platform.domain.anomalies.errors_check import (
    LEAST_DISAGREED,
    disagreed_of,
    failed_of,
    refused_of,
    usual_share,
)
from modelway_platform.domain.anomalies.latency_check import LatencyProfile, learn_latency
from modelway_platform.domain.anomalies.sample import Sample, merged
from modelway_platform.domain.anomalies.share_profile import ShareProfile, learn_shares
from modelway_platform.domain.anomalies.traffic_profile import HOUR, TrafficProfile, learn_traffic

TEN = 600
_OWN = 24
"""Hours that make a version's history of its own; below that the model's serves for it."""
_SHARES_HOURS = 14 * 24
_DRIFT_HOURS = 28 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Of a model.

    Args:
        looks: Beginnings of the hours that were looked at.
        hours: Samples of hours by version, in order of time; a missing one is an hour without a request.
        ten_looks: The same of ten minutes, of the last days.
        tens: Samples of these by version.
    """

    looks: Sequence[int]
    hours: Mapping[str, Sequence[Sample]]
    ten_looks: Sequence[int] = ()
    tens: Mapping[str, Sequence[Sample]] = field(default_factory=dict[str, Sequence[Sample]])


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualModel:
    """What `judge` compares with; `hours` is how many hours there is a history of."""

    traffic: TrafficProfile | None = None
    failed: float | None = None
    refused: float | None = None
    latency: LatencyProfile | None = None
    mirror: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    outputs: Mapping[str, DriftProfile] = field(default_factory=dict[str, DriftProfile])
    inputs: Mapping[str, DriftProfile] = field(default_factory=dict[str, DriftProfile])
    shares: Mapping[str, Mapping[str, ShareProfile]] = field(default_factory=dict[str, Mapping[str, ShareProfile]])
    hours: int = 0
    latency_hours: int = 0


def learn(history: History, *, at: int) -> UsualModel:
    """What is usual for a model at a time.

    Args:
        history: All that is known.
        at: Unix time of now; the running hour teaches nothing.
    """
    whole, whole_tens = _whole(history.hours, HOUR), _whole(history.tens, TEN)
    counts = {each.at: each.requests for each in whole}
    first = min(counts, default=at)
    known = [(hour, counts.get(hour, 0)) for hour in history.looks if first <= hour <= at - HOUR]
    in_tens = {each.at: each.requests for each in whole_tens}
    tens = [(ten, in_tens.get(ten, 0)) for ten in history.ten_looks if ten >= first]
    past_tens = [each for each in whole_tens if each.at + 2 * HOUR <= at]
    lately = [each for each in whole if each.at >= at - _SHARES_HOURS * HOUR and each.at + HOUR <= at]
    return UsualModel(
        traffic=learn_traffic(known, tens, until=at),
        failed=usual_share(lately, past_tens, failed_of),
        refused=usual_share(lately, past_tens, refused_of),
        latency=learn_latency(lately),
        mirror={
            version: usual_share(of, history.tens.get(version, ()), disagreed_of, LEAST_DISAGREED)
            for version, of in history.hours.items()
        },
        outputs={
            version: learn_drift(_of(history, whole, version, at), outputs_of, at=at) for version in history.hours
        },
        inputs={version: learn_drift(_of(history, whole, version, at), inputs_of, at=at) for version in history.hours},
        shares={
            version: learn_shares(_of(history, whole, version, at), outputs_of, at=at) for version in history.hours
        },
        hours=len(known),
        latency_hours=sum(1 for each in lately if sum(each.latency.values()) >= 50),
    )


def _of(history: History, whole: Sequence[Sample], version: str, at: int) -> Sequence[Sample]:
    """A version's own history where there is enough, or the model's."""
    own = [each for each in history.hours.get(version, ()) if each.requests]
    return [each for each in (own if len(own) >= _OWN else whole) if each.at >= at - _DRIFT_HOURS * HOUR]


def _whole(parts: Mapping[str, Sequence[Sample]], seconds: int) -> list[Sample]:
    """All versions together."""
    if len(parts) == 1:
        return list(next(iter(parts.values())))
    by_time: dict[int, list[Sample]] = {}
    for samples in parts.values():
        for each in samples:
            by_time.setdefault(each.at, []).append(each)
    return [merged(each, at, seconds) for at, each in sorted(by_time.items())]
