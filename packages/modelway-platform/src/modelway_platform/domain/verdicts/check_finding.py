"""What one check of a rollout says, with the numbers it rests on and in words."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from modelway_platform.domain.verdicts.rate_difference import Interval
from modelway_platform.domain.verdicts.rollout import Check
from modelway_platform.domain.verdicts.sample_size import MOST_REQUESTS


class CheckAnswer(StrEnum):
    """What may be said. `GOOD`: surely not worse than allowed; `HOLD`: there is not enough data to say either."""

    GOOD = "good"
    WORSE = "worse"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """One check at one moment.

    Args:
        check: Which.
        answer: What it says.
        baseline: Its value, a share of 1 or microseconds; None where nothing was seen.
        candidate: Its value.
        interval: Where the difference lies (of latencies the relative one, of copies the share that agrees); holds at all looks at once.
        requests_left: Requests (copies) of the candidate until it will most likely be answered.
        problem: Why nothing can be said; empty if something can.
    """

    check: Check
    answer: CheckAnswer
    baseline: float | None
    candidate: float | None
    interval: Interval
    requests_left: int
    problem: str = ""


def finding_text(finding: CheckFinding, candidate: str) -> str:
    """One line that somebody can act on."""
    check = finding.check
    if finding.problem:
        return f"{check.name}: {finding.problem}"
    if finding.candidate is None or (finding.baseline is None and check.kind != "agreement"):
        return f"{check.name}: nothing to compare yet"
    seen, between = _seen(finding), _between(finding)
    match finding.answer:
        case CheckAnswer.WORSE if check.kind == "agreement":
            return f"{check.name}: copies to {candidate} agree too seldom: {seen}, {between}; at least {check.least:.4g} is asked"
        case CheckAnswer.WORSE:
            return f"{check.name} of {candidate} is worse: {seen}, {between}"
        case CheckAnswer.GOOD:
            return f"{check.name} of {candidate} is good: {seen}, {between}; allowed {_allowed(check)}"
        case CheckAnswer.HOLD:
            return f"{check.name}: {seen}, {between}; allowed {_allowed(check)}; not enough data{_left(finding, candidate)}"


def finding_json(finding: CheckFinding, candidate: str) -> dict[str, Any]:
    """Numbers and words; an end of an interval that is not known is null, latencies are milliseconds."""
    scale = 0.001 if finding.check.kind == "latency" else 1.0
    return {
        "name": finding.check.name,
        "metric": finding.check.kind,
        "verdict": finding.answer.value,
        "baseline": _scaled(finding.baseline, scale),
        "candidate": _scaled(finding.candidate, scale),
        "unit": "ms" if finding.check.kind == "latency" else "share",
        "interval": {"low": _scaled(finding.interval.low), "high": _scaled(finding.interval.high)},
        "limit": finding.check.least if finding.check.kind == "agreement" else finding.check.tolerance,
        "requestsLeft": finding.requests_left,
        "words": finding_text(finding, candidate),
    }


def _scaled(value: float | None, scale: float = 1.0) -> float | None:
    return None if value is None or not isfinite(value) else round(value * scale, 6)


def _seen(finding: CheckFinding) -> str:
    one, other = finding.baseline or 0.0, finding.candidate or 0.0
    if finding.check.kind == "agreement":
        return f"{other * 100:.4g} %"
    if finding.check.kind == "latency":
        return f"{one / 1000:.4g} ms → {other / 1000:.4g} ms"
    return f"{one * 100:.3g} % → {other * 100:.3g} %"


def _between(finding: CheckFinding) -> str:
    low, high = finding.interval.low, finding.interval.high
    if finding.check.kind == "agreement":
        return f"surely between {low * 100:.4g} and {high * 100:.4g} %"
    unit = "%" if finding.check.kind == "latency" else "points"
    if not isfinite(high):
        return f"difference at least {low * 100:+.3g} {unit}" if isfinite(low) else "difference unknown"
    return f"difference between {low * 100:+.3g} and {high * 100:+.3g} {unit}"


def _allowed(check: Check) -> str:
    if check.kind == "agreement":
        return f"at least {check.least * 100:.4g} %"
    return f"{check.tolerance * 100:+.3g} {'%' if check.kind == 'latency' else 'points'}"


def _left(finding: CheckFinding, candidate: str) -> str:
    if finding.requests_left >= MOST_REQUESTS:
        return f", and {candidate} gets too few requests"
    return f", about {_about(finding.requests_left)} more requests of {candidate}" if finding.requests_left else ""


def _about(count: int) -> str:
    """Two digits that count, upwards: nobody knows more exactly."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // unit) * unit:,}"
