"""Two versions of a model compared: what is asked, and what the access records answer."""

from dataclasses import dataclass

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonQuery:
    """Which versions, and which of their requests.

    Args:
        model: Whose versions.
        baseline: The version that is judged by.
        candidate: The version that is judged.
        since: Unix time from which requests count.
        until: Unix time up to which they do.
        pinned: Whether requests count whose callers chose the version themselves. They are not shared out by the route, so a
            difference may be theirs, not the version's.
        experiment: Of this named experiment only; empty for all requests.
    """

    model: ModelKey
    baseline: str
    candidate: str
    since: float = 0.0
    until: float
    pinned: bool = False
    experiment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSeen:
    """What the access records say of one version.

    Args:
        requests: Those that count.
        errors: Answered with a status from 500.
        refused: Answered with a status from 400 to 498; no error of the version's.
        left: The caller left before the answer.
        pinned: To the version's own URL; counted in `requests` only if that was asked for.
        p50: Microseconds; None without a request that was answered.
        p99: The same.
    """

    requests: int
    errors: int
    refused: int
    left: int
    pinned: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer, with every number it rests on.

    Args:
        query: What was asked.
        plan: What was demanded of the evidence.
        baseline: What was seen of it.
        candidate: What was seen of it.
        findings: Each metric.
        answer: All of them together.
        words: The same in words.
        records: Access records read, of whatever model and version.
        unreadable: Lines that were none.
    """

    query: ComparisonQuery
    plan: Plan
    baseline: VersionSeen
    candidate: VersionSeen
    findings: tuple[Finding, ...]
    answer: Answer
    words: str
    records: int
    unreadable: int
