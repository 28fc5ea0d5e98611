"""Whether shares of what is answered have moved and stay moved: value by value, over an hour, three and twelve.

The shift of a value's logit by its efficient score, against the variance of counts together with what stretches of the same length have
varied beyond it (overdispersion: McCullagh and Nelder 1989, section 4.5), which is estimated robustly. What is too little for an hour adds
up over twelve, as in a moving sum (Chu, Hornik and Kuan 1995); that it goes on is asked of every shorter stretch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding
from modelway_platform.domain.anomalies.sample import Distribution, Sample
from modelway_platform.domain.anomalies.share_profile import (
    HOUR,
    LENGTHS,
    Distributions,
    ShareProfile,
    counts_of,
    numbers_of,
    score_of,
)
from modelway_platform.domain.anomalies.surprise import log_tail

TEN = 600
_LEAST_SHIFT = 0.3
"""Of a logit: a share of 10 % becomes 13 %, or 7.6 %."""
_LEAST_POINTS = 0.015
_LEAST_WEIGHT = 10.0
"""Information (of a rare value: how many of it are usual) below which a normal distribution is none."""
_COVERED = 0.66
_STILL = 0.8
"""Of the least shift, what shorter stretches have to show by themselves."""
_RATHER = 0.5
"""Of a longer stretch's shift: at less, that it is over is likelier than that it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Of one value over a stretch of time.

    Args:
        value: Which.
        size: Of its logit.
        surprise: Logarithm of how likely one so large is by chance, at most.
        hours: Over how many.
        before: Its share at these hours of earlier days.
        now: Its share in them.
    """

    value: str | int
    size: float
    surprise: float
    hours: int
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class _Sums:
    """Scores and weights of each value over one of `LENGTHS`, and how many requests were looked at."""

    scores: Sequence[float]
    weights: Sequence[float]


def check_shares(
    cause: Cause,
    profiles: Mapping[str, ShareProfile],
    tens: Sequence[Sample],
    of: Distributions,
    bar: Bar,
    *,
    version: str = "",
) -> tuple[Finding | None, int]:
    """The value whose share moved most surprisingly, if by enough, and still; and how many values could be judged.

    Args:
        cause: Outputs or inputs.
        profiles: What is usual.
        tens: Samples of ten minutes, of the last three hours, in order of time.
        of: Outputs or inputs.
        bar: What has to be passed.
        version: Whose they are.
    """
    tests = sum(len(each.values) for each in profiles.values()) * len(LENGTHS)
    worst: tuple[str, Shift] | None = None
    judged = 0
    for name, profile in profiles.items():
        sums = _sums(profile, [(each.at, of(each).get(name, {})) for each in tens]) if tens else []
        for index in range(len(profile.values) if sums else 0):
            judged += sums[-1].weights[index] >= _LEAST_WEIGHT
            shift = _shift(profile, sums, index, bar)
            if shift is None or shift.surprise > bar.log_alpha - log(tests):
                continue
            if worst is None or shift.surprise < worst[1].surprise:
                worst = (name, shift)
    return (_finding(cause, version, *worst, tens[-1].at + TEN) if worst is not None else None), judged


def _sums(profile: ShareProfile, tens: Sequence[tuple[int, Distribution]]) -> list[_Sums]:
    """Over the newest hour, three, and the twelve up to now, as far as each was looked at."""
    many, usual = len(profile.values), numbers_of(profile.usual)
    scored = [score_of(usual, at, *counts_of(profile.values, counts)) for at, counts in tens]
    first, end = tens[0][0], tens[-1][0] + TEN
    older = [
        hour * many for hour, at in enumerate(profile.hours) if at >= end - LENGTHS[-1] * HOUR and at + HOUR <= first
    ]
    scores, weights = numbers_of(profile.scores), numbers_of(profile.weights)
    newest = [each for each, (at, _) in zip(scored, tens, strict=True) if at >= end - HOUR]
    one, three = _added(newest, many), _added(scored, many)
    twelve = _Sums(
        [three.scores[index] + sum(scores[hour + index] for hour in older) for index in range(many)],
        [three.weights[index] + sum(weights[hour + index] for hour in older) for index in range(many)],
    )
    # Less than most of a stretch varies more than all of it.
    here = (end - first) / HOUR
    known = (1.0, here, here + len(older))
    return [
        each
        for length, hours, each in zip(LENGTHS, known, (one, three, twelve), strict=True)
        if hours >= _COVERED * length
    ]


def _added(scored: Sequence[tuple[list[float], list[float]]], many: int) -> _Sums:
    return _Sums(
        [sum(scores[index] for scores, _ in scored) for index in range(many)],
        [sum(weights[index] for _, weights in scored) for index in range(many)],
    )


def _shift(profile: ShareProfile, sums: Sequence[_Sums], index: int, bar: Bar) -> Shift | None:
    """The most surprising one that is large enough, and that each shorter stretch says goes on rather than is over."""
    many, varies = len(profile.values), numbers_of(profile.varies)
    shares = numbers_of(profile.usual)[index::many]
    share = sum(shares) / len(shares)
    least = _LEAST_SHIFT * bar.size
    found: Shift | None = None
    shorter: list[float] = []
    for length, (hours, each) in enumerate(zip(LENGTHS, sums, strict=False)):
        weight = each.weights[index]
        if weight <= 0:
            return None
        size = each.scores[index] / weight
        still = max(_STILL * least, _RATHER * bar.size * abs(size))
        goes_on = all(one * size > 0 and abs(one) >= still for one in shorter)
        shorter.append(size)
        moved = size * share * (1 - share)
        if not goes_on or weight < _LEAST_WEIGHT or abs(size) < least or abs(moved) < _LEAST_POINTS * bar.size:
            continue
        surprise = log_tail(abs(size) / sqrt(1 / weight + varies[length * many + index] ** 2)) + log(2)
        if found is None or surprise < found.surprise:
            now = min(1.0, max(0.0, share + moved))
            found = Shift(value=profile.values[index], size=size, surprise=surprise, hours=hours, before=share, now=now)
    return found


def _finding(cause: Cause, version: str, name: str, shift: Shift, end: int) -> Finding:
    what = f"up to {shift.value}" if isinstance(shift.value, int) else repr(shift.value)
    over = "the last hour" if shift.hours == 1 else f"the last {shift.hours} hours"
    return Finding(
        cause=cause, kind="drift", version=version, since=end - shift.hours * HOUR, at=end,
        measured=shift.size, expected=0.0, low=-_LEAST_SHIFT, high=_LEAST_SHIFT, unit="logit", surprise=shift.surprise,
        words=f"{name}: {what} {shift.before:.1%} before, about {shift.now:.1%} over {over}; more than days and hours vary",
    )  # fmt: skip
