"""Whether inputs or outputs look otherwise than they did: against the same hours of earlier days, and against how much they vary anyhow."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

from modelway_platform.domain.anomalies.distribution_distance import distance
from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding, Judgement
from modelway_platform.domain.anomalies.sample import Distribution, Sample, merged_distributions

HOUR = 3600
NEEDED = 200
"""Requests in a window, and in each hour that shows how much distributions vary."""
_NEEDED_BEFORE = 1000
_PSI = 0.1
"""What credit scoring calls a moderate change (Siddiqi 2006)."""
_AROUND = 2
"""Hours of the day before and after that are taken for the same."""
_MOST_COMPARED = 30
Distributions = Callable[[Sample], Mapping[str, Distribution]]


def outputs_of(sample: Sample) -> Mapping[str, Distribution]:
    """What was answered."""
    return sample.outputs


def inputs_of(sample: Sample) -> Mapping[str, Distribution]:
    """What was asked."""
    return sample.inputs


@dataclass(frozen=True, slots=True)
class DriftProfile:
    """Per feature: the distribution at this time of day, and the index that nineteen of twenty hours stay below."""

    before: Mapping[str, Distribution] = field(default_factory=dict[str, Distribution])
    varies: Mapping[str, float] = field(default_factory=dict[str, float])


def learn_drift(hours: Sequence[Sample], of: Distributions, *, at: int) -> DriftProfile:
    """What is usual at the time of day of `at`.

    Args:
        hours: Of one version, or of the model, in order of time.
        of: Outputs or inputs.
        at: Unix time; what is learned from ended three hours before.
    """
    past = [each for each in hours if each.at + each.seconds <= at - 3 * HOUR and of(each)]
    near = [each for each in past if _hours_apart(each.at, at) <= _AROUND]
    before = {name: counts for name, counts in _merged(near, of).items() if sum(counts.values()) >= _NEEDED_BEFORE}
    if not before:
        near = past
        before = {name: counts for name, counts in _merged(past, of).items() if sum(counts.values()) >= _NEEDED_BEFORE}
    return DriftProfile(before, {name: _varies(name, counts, near, of) for name, counts in before.items()})


def _varies(name: str, before: Distribution, hours: Sequence[Sample], of: Distributions) -> float:
    """Beyond chance, of what single hours differ from all of them."""
    found: list[float] = []
    for each in hours[-_MOST_COMPARED:]:
        counts = of(each).get(name, {})
        total = sum(counts.values())
        if total >= NEEDED // 4:
            by_chance = (len(counts) or 1) * (1 / total + 1 / sum(before.values()))
            found.append(max(0.0, distance(before, counts).psi - by_chance))
    found.sort()
    return found[min(len(found) - 1, int(len(found) * 0.95))] if found else 0.0


def check_drift(
    cause: Cause, profile: DriftProfile, recent: Sequence[Sample], of: Distributions, bar: Bar, *, version: str = ""
) -> Judgement:
    """The feature that changed most, if it changed enough to matter and too much for chance.

    Args:
        cause: Outputs or inputs.
        profile: What is usual.
        recent: The last hour or hours, in order of time.
        of: Outputs or inputs.
        bar: What has to be passed.
        version: Whose they are.
    """
    now = _merged(recent, of)
    blind = _blind(cause, profile, now)
    if blind:
        return Judgement(cause=cause, version=version, blind=blind)
    worst: Finding | None = None
    looked_at = [name for name in now if name in profile.before and sum(now[name].values()) >= NEEDED]
    for name in looked_at:
        found = distance(profile.before[name], now[name])
        limit = (_PSI + 1.5 * profile.varies.get(name, 0.0)) * bar.size
        # Samples of one client come together: as if there were half as many.
        if found.psi < limit or found.surprise / 2 > bar.log_alpha - log(len(looked_at)):
            continue
        if worst is None or found.psi > worst.measured:
            value, old, new = found.most
            worst = Finding(
                cause=cause, kind="drift", version=version, since=recent[0].at, at=recent[-1].at + recent[-1].seconds,
                measured=found.psi, expected=profile.varies.get(name, 0.0), low=0.0, high=limit, unit="PSI",
                surprise=found.surprise / 2,
                words=f"{name}: {value!r} {old:.1%} before, {new:.1%} now; stability index {found.psi:.2f}, usual up to {limit:.2f}",
            )  # fmt: skip
    basis = f"{len(looked_at)} features, against the same hours of earlier days"
    return Judgement(cause=cause, version=version, finding=worst, basis=basis)


def _blind(cause: Cause, profile: DriftProfile, now: Mapping[str, Distribution]) -> str:
    if cause is Cause.OUTPUTS and not now and not profile.before:
        return "neither answers nor log fields are on record; log payloads, or write the label into Context.log_fields"
    if not profile.before:
        return f"needs {_NEEDED_BEFORE} looked-at requests of before"
    most = max((sum(counts.values()) for counts in now.values()), default=0)
    return "" if most >= NEEDED else f"needs {NEEDED} looked-at requests lately; has {most}"


def _merged(samples: Iterable[Sample], of: Distributions) -> Mapping[str, Distribution]:
    return merged_distributions(of(each) for each in samples)


def _hours_apart(one: int, other: int) -> float:
    apart = abs(one - other) % (24 * HOUR)
    return min(apart, 24 * HOUR - apart) / HOUR
