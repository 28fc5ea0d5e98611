"""Judges a model at a moment: what it has done lately against what is usual; values in, judgements out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.drift_check import DriftProfile, check_drift, inputs_of, outputs_of
from modelway_platform.domain.anomalies.errors_check import check_errors, check_mirror
from modelway_platform.domain.anomalies.judgement import Bar, Cause, Judgement, bar_of
from modelway_platform.domain.anomalies.latency_check import check_latency
from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.anomalies.share_shift import check_shares
from modelway_platform.domain.anomalies.traffic_check import SLOW, Traffic, check_traffic
from modelway_platform.domain.anomalies.usual_model import UsualModel

STEPS = SLOW
"""Fine steps that are looked at."""
TENS = 18
"""Stretches of ten minutes that are looked at: for models that are asked seldom, and for distributions."""
_FEW = 200
_DRIFT_TENS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What a model has done lately.

    Args:
        step: Seconds of a fine step.
        end: Unix time of the end of the newest one.
        looks: Beginnings of the fine steps that were looked at, the last `STEPS`.
        steps: Samples of these by version.
        ten_looks: The same of ten minutes, the last `TENS`.
        tens: Samples of these by version; None if they are not to be judged this time.
        silent_since: When the last request was; None if not known.
        looked_at: Seconds since then that were looked at.
    """

    step: int
    end: int
    looks: Sequence[int]
    steps: Mapping[str, Sequence[Sample]]
    ten_looks: Sequence[int] = ()
    tens: Mapping[str, Sequence[Sample]] = field(default_factory=dict[str, Sequence[Sample]])
    silent_since: int | None = None
    looked_at: int = 0


def judge(
    usual: UsualModel,
    recent: Recent,
    policy: AnomalyPolicy,
    *,
    models: int = 1,
    wrong: frozenset[Cause] = frozenset(),
    drift: bool = True,
) -> list[Judgement]:
    """One judgement for each cause that is watched, and for each version where versions are told apart.

    Args:
        usual: What is usual.
        recent: What there was.
        policy: What is watched, and how closely.
        models: How many are watched in all.
        wrong: What is known to be wrong: it is over only when it is well over.
        drift: Whether distributions are looked at, which change slowly and take longest.
    """
    bar = bar_of(policy.sensitivity, models)
    bars = {cause: bar.halved() if cause in wrong else bar for cause in Cause}
    found: list[Judgement] = []
    if Cause.TRAFFIC in policy.causes:
        found.append(check_traffic(usual.traffic, _traffic(recent), bars[Cause.TRAFFIC], hours=usual.hours))
    for version in sorted({*recent.steps, *recent.tens}):
        found += _of_version(usual, recent, version, policy.causes, bars)
    if drift:
        found += _drift(usual, recent, policy.causes, bars)
    return found


def _of_version(
    usual: UsualModel, recent: Recent, version: str, causes: frozenset[Cause], bars: Mapping[Cause, Bar]
) -> list[Judgement]:
    steps = _filled(recent.looks, recent.steps.get(version, ()), recent.step)
    found: list[Judgement] = []
    asked, compared = sum(each.requests for each in steps), sum(each.compared for each in steps)
    seldom = asked < _FEW and bool(recent.ten_looks)
    tens = _filled(recent.ten_looks, recent.tens.get(version, ()), 600) if seldom or compared < _FEW else []
    if Cause.ERRORS in causes and (asked or seldom):
        bar, shares = bars[Cause.ERRORS], (usual.failed, usual.refused)
        one = check_errors(shares, steps, bar, version=version) if steps else None
        if (one is None or one.finding is None) and seldom:
            one = check_errors(shares, tens, bar, version=version)
        found += [one] if one else []
    if Cause.LATENCY in causes and steps and asked:
        found.append(
            check_latency(usual.latency, steps, bars[Cause.LATENCY], version=version, hours=usual.latency_hours)
        )
    if Cause.MIRROR in causes and (compared or any(each.compared for each in tens)):
        window = steps if compared >= _FEW or not tens else tens
        found.append(check_mirror(usual.mirror.get(version), window, bars[Cause.MIRROR], version=version))
    return found


def _drift(usual: UsualModel, recent: Recent, causes: frozenset[Cause], bars: Mapping[Cause, Bar]) -> list[Judgement]:
    found: list[Judgement] = []
    for version, tens in recent.tens.items():
        window = [each for each in tens if each.at >= recent.end - _DRIFT_TENS * 600 - 600]
        if not any(each.requests for each in window):
            continue
        for cause, of, profiles in (
            (Cause.OUTPUTS, outputs_of, usual.outputs),
            (Cause.INPUTS, inputs_of, usual.inputs),
        ):
            if cause in causes:
                profile = profiles.get(version, DriftProfile())
                found.append(check_drift(cause, profile, window, of, bars[cause], version=version))
                if cause is Cause.OUTPUTS:
                    found[-1] = _with_shares(found[-1], usual, tens, bars[cause])
    return found


def _with_shares(said: Judgement, usual: UsualModel, tens: Sequence[Sample], bar: Bar) -> Judgement:
    """What single values say, where the whole distribution says nothing."""
    profiles = usual.shares.get(said.version, {})
    if said.finding is not None or not profiles:
        return said
    finding, judged = check_shares(said.cause, profiles, tens, outputs_of, bar, version=said.version)
    if not judged:
        return said
    basis = f"{judged} values by themselves, against the same hours of earlier days, over 1, 3 and 12 hours"
    whole = f"{said.basis}; " if said.basis and not said.blind else ""
    return Judgement(cause=said.cause, version=said.version, finding=finding, basis=whole + basis)


def _traffic(recent: Recent) -> Traffic:
    counts = dict.fromkeys(recent.looks, 0)
    for samples in recent.steps.values():
        for each in samples:
            if each.at in counts:
                counts[each.at] += each.requests
    return Traffic(
        step=recent.step,
        end=recent.end,
        counts=counts,
        silent_since=recent.silent_since,
        looked_at=recent.looked_at,
    )


def _filled(looks: Sequence[int], samples: Sequence[Sample], step: int) -> list[Sample]:
    known = {each.at: each for each in samples}
    return [known.get(at) or Sample(at=at, seconds=step) for at in looks]
