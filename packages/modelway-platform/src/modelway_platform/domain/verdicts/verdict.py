"""What the evidence says of a candidate: better, worse, or not enough data; with the numbers it rests on."""

from dataclasses import dataclass
from enum import StrEnum

from modelway_platform.domain.verdicts.rate_difference import Interval


class Answer(StrEnum):
    """What may be said. `HOLD` moves nothing: there is not enough data to say either."""

    BETTER = "better"
    WORSE = "worse"
    HOLD = "hold"


class Metric(StrEnum):
    """What is compared. Of errors and latencies less is better, of `ACCURACY` and `REWARD` more."""

    ERRORS = "errors"
    LATENCY_P50 = "latency_p50"
    LATENCY_P99 = "latency_p99"
    ACCURACY = "accuracy"
    REWARD = "reward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of the evidence, fixed before it is looked at.

    Args:
        alpha: Probability, over all time and all metrics together, of "better" or "worse" where both versions are alike.
        minimum: Requests each version must have had before anything is said.
        effect: The change of the error rate that must not be missed; the sample that is left to go is that for finding it.
        margin: Relative change of a latency quantile that is too small to matter.
        rewards: The limits within which all rewards lie.
    """

    alpha: float = 0.05
    minimum: int = 100
    effect: float = 0.05
    margin: float = 0.05
    rewards: tuple[float, float] = (0.0, 1.0)

    def alpha_of(self, metric: Metric) -> float:
        """Errors get half of it, each other an eighth."""
        return self.alpha / 2 if metric is Metric.ERRORS else self.alpha / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One metric of both versions. Error rates and accuracies are shares of 1, latencies microseconds.

    Args:
        metric: Which.
        baseline: Its value; None before the first request that has one.
        candidate: Its value.
        interval: Where the difference, candidate minus baseline, lies; holds at every moment at once.
        answer: What it says.
        confirmed: Whether comparing both within the same moments says the same as adding up; see `block_bets`.
        requests_left: Requests the candidate still needs for the planned sample; 0 once it is complete.
        problem: Why nothing can be said; empty if something can.
    """

    metric: Metric
    baseline: float | None
    candidate: float | None
    interval: Interval
    answer: Answer
    confirmed: bool
    requests_left: int
    problem: str = ""


def overall(answers: "list[Answer]") -> Answer:
    """Worse if anything is; better if something is and nothing is worse."""
    if Answer.WORSE in answers:
        return Answer.WORSE
    return Answer.BETTER if Answer.BETTER in answers else Answer.HOLD
