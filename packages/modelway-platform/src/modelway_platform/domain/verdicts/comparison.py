"""Two versions of a model compared: what is asked, and what the access records answer."""

from dataclasses import dataclass

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.rate_difference import Interval
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
        rewards: The limits within which all rewards lie.
    """

    model: ModelKey
    baseline: str
    candidate: str
    since: float = 0.0
    until: float
    pinned: bool = False
    experiment: str = ""
    rewards: tuple[float, float] = (0.0, 1.0)


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
        p95: The same.
        p99: The same.
        p999: The same.
        compared: Predictions that a label was fed back for.
        wrong: Of them.
        rewarded: Predictions that a reward was fed back for.
        mean_reward: Of them; None without one.
    """

    requests: int
    errors: int
    refused: int
    left: int
    pinned: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    compared: int = 0
    wrong: int = 0
    rewarded: int = 0
    mean_reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesSeen:
    """What copies of the baseline's requests to the candidate have shown.

    Args:
        copies: Of them, all.
        failed: The candidate gave no answer.
        agreed: Compared or failed, and alike.
        differed: Compared or failed, and not alike.
        interval: Where the share of those that agree lies; holds at every moment at once.
    """

    copies: int
    failed: int
    agreed: int
    differed: int
    interval: Interval

    @property
    def share(self) -> float | None:
        """Of those that agree; None where nothing was compared."""
        return self.agreed / (self.agreed + self.differed) if self.agreed + self.differed else None


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
        copies: What copies have shown; None where there were none.
        problem: What could not be looked at, and why.
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
    copies: CopiesSeen | None = None
    problem: str = ""
