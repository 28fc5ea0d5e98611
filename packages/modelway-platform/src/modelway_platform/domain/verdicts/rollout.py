"""The Rollout document as a value: steps that move a route's weights to another version, and what the evidence must say."""

from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.identity import ModelKey

CheckKind = Literal["errors", "latency", "agreement", "accuracy", "query"]
OnWorse = Literal["rollback", "pause"]
AfterHold = Literal["pause", "rollback", "advance"]
Commits = Literal["none", "ends", "moves"]
COMMITS: tuple[Commits, ...] = ("none", "ends", "moves")
CHECK_KINDS: tuple[CheckKind, ...] = ("errors", "latency", "agreement", "accuracy", "query")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """One share of the traffic, and what has to be before the next one.

    Args:
        weight: Percent of the requests that the candidate gets, 99 at most: all of them come with the end. 0 only watches copies.
        pause: Seconds it lasts at least.
        duration: Seconds after which it does not wait for data any more; 0: as the rollout says for every step.
        approval: Whether a person has to let it go on.
        minimum_requests: Requests the candidate must have answered in this step (copies, where its weight is 0).
    """

    weight: int
    pause: float = 0.0
    duration: float = 0.0
    approval: bool = False
    minimum_requests: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to the evidence of each step.

    Args:
        name: What it is called in reports.
        kind: What is looked at.
        tolerance: How much worse the candidate may be: a share of 1 for rates, a relative change for latencies.
        quantile: Of latencies.
        least: The least share of copies that agree.
        sql: A question of the collected records, for `query`.
    """

    name: str
    kind: CheckKind
    tolerance: float = 0.02
    quantile: float = 0.99
    least: float = 0.98
    sql: str = ""


USUAL_CHECKS = (Check(name="errors", kind="errors"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What a person declares: from one version to another, in these steps, as long as the evidence is good.

    Args:
        key: The model, whose Route is moved.
        baseline: The version that has the traffic (`from`).
        candidate: The version that shall have it (`to`).
        steps: In order of their weights.
        checks: What is asked at each step.
        alpha: Probability that the whole rollout, all checks and steps together, finds a candidate worse that is not.
        on_worse: What is done when a check finds the candidate worse.
        hold_seconds: How long a step may wait for enough data.
        after_hold: What is done then.
        commits: Which moves of weights become commits, where a Git source that may be written to declares the route.
    """

    key: ModelKey
    baseline: str
    candidate: str
    steps: tuple[RolloutStep, ...]
    checks: tuple[Check, ...] = USUAL_CHECKS
    alpha: float = 0.05
    on_worse: OnWorse = "rollback"
    hold_seconds: float = 86_400.0
    after_hold: AfterHold = "pause"
    commits: Commits = "none"

    @property
    def alpha_of_check(self) -> float:
        """What one check at one step may spend: equal parts, so that all together spend `alpha` (union bound)."""
        return self.alpha / (len(self.checks) * len(self.steps))

    def patience(self, step: int) -> float:
        """Seconds that a step waits for enough data."""
        return self.steps[step].duration or self.steps[step].pause + self.hold_seconds

    def checks_at(self, step: int) -> tuple[Check, ...]:
        """Those that can be answered at a step: where the candidate has no traffic, only copies and queries say something."""
        if self.steps[step].weight:
            return self.checks
        return tuple(each for each in self.checks if each.kind in {"agreement", "query"})
