"""What callers told afterwards of two versions: labels that were right or wrong, and rewards; may be looked at at any time.

Wrong predictions are a rate, judged as errors are. A reward that lies between two limits known beforehand is judged on the same bets, as
the share of the way from the upper to the lower limit: each wins linearly for a coin and convexly for what lies between, hence not
more than for a coin of the same mean (Hoeffding 1963; Waudby-Smith, Ramdas, J. R. Statist. Soc. B 86 (2024) 1-27, section 3). What was
told within one span of time is a block (`block_bets`); one that has not ended is added up but not bet on.
"""

from dataclasses import dataclass
from math import ceil, log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.block_bets import BlockBets
from modelway_platform.domain.verdicts.rate_difference import Interval, RateDifference
from modelway_platform.domain.verdicts.sample_size import requests_needed
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Metric, Plan

TOLD = (Metric.ACCURACY, Metric.REWARD)
_LEAST_SHARE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Of one version in one span of time.

    Args:
        compared: Predictions that a label came for.
        wrong: Of them.
        rewarded: Predictions that a reward came for.
        rewards: Their sum.
        least: Of them; meaningless without any.
        most: Of them.
    """

    compared: int = 0
    wrong: int = 0
    rewarded: int = 0
    rewards: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def plus(self, other: "Told") -> "Told":
        """Both together."""
        one, two = (self, other) if self.rewarded else (other, self)
        return Told(
            compared=self.compared + other.compared,
            wrong=self.wrong + other.wrong,
            rewarded=self.rewarded + other.rewarded,
            rewards=self.rewards + other.rewards,
            least=min(one.least, two.least) if two.rewarded else one.least,
            most=max(one.most, two.most) if two.rewarded else one.most,
        )


NOTHING_TOLD = Told()


class ToldEvidence:
    """Gathers blocks in order of time.

    Args:
        plan: What is asked.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._bets = {metric: BlockBets() for metric in TOLD}
        self.baseline = NOTHING_TOLD
        self.candidate = NOTHING_TOLD

    def add(self, baseline: Told, candidate: Told, *, ended: bool = True) -> None:
        """One more block; one that has not `ended` is the last."""
        self.baseline, self.candidate = self.baseline.plus(baseline), self.candidate.plus(candidate)
        if ended:
            for metric, bets in self._bets.items():
                self._bets[metric] = bets.after(self._losses(baseline, metric), self._losses(candidate, metric))

    def answers(self) -> dict[Metric, Answer]:
        """What is to be said now; cheap as long as that is "hold"."""
        return {metric: self._answer(metric) for metric in TOLD}

    def findings(self, requests: tuple[int, int]) -> tuple[Finding, ...]:
        """Of each metric that something was told for.

        Args:
            requests: All that baseline and candidate answered, labelled or not.
        """
        both = self.baseline.plus(self.candidate)
        told = {Metric.ACCURACY: both.compared, Metric.REWARD: both.rewarded}
        return tuple(self._finding(metric, requests) for metric, count in told.items() if count)

    def _finding(self, metric: Metric, requests: tuple[int, int]) -> Finding:
        one, other = (self._losses(each, metric) for each in (self.baseline, self.candidate))
        if problem := self._problem(metric):
            return Finding(
                metric=metric, baseline=None, candidate=None, interval=Interval(-float("inf"), float("inf")),
                answer=Answer.HOLD, confirmed=True, requests_left=0, problem=problem,
            )  # fmt: skip
        alpha, scale = self._plan.alpha_of(metric), self._scale(metric)
        lost = RateDifference(one, other).interval(alpha)
        added_up = Answer.HOLD if lost.holds(0.0) else Answer.WORSE if lost.low > 0 else Answer.BETTER
        return Finding(
            metric=metric,
            baseline=self._value(one, metric),
            candidate=self._value(other, metric),
            interval=Interval(-lost.high * scale, -lost.low * scale),
            answer=self._answer(metric),
            confirmed=self._won(metric) is added_up,
            requests_left=self._requests_left(metric, one, other, requests),
        )

    def _answer(self, metric: Metric) -> Answer:
        """What the bets say, if what was added up says the same."""
        won, alpha = self._won(metric), self._plan.alpha_of(metric)
        one, other = (self._losses(each, metric) for each in (self.baseline, self.candidate))
        if won is Answer.HOLD or min(one.trials, other.trials) < self._plan.minimum or self._problem(metric):
            return Answer.HOLD
        known = RateDifference(one, other)
        higher = Answer.WORSE if known.seen > 0 else Answer.BETTER
        return won if higher is won and known.refutes(0.0, alpha) else Answer.HOLD

    def _won(self, metric: Metric) -> Answer:
        bets, alpha = self._bets[metric], self._plan.alpha_of(metric)
        won = max(bets.log_higher, bets.log_lower)
        if won < log(2 / alpha):
            return Answer.HOLD
        return Answer.WORSE if bets.log_higher == won else Answer.BETTER

    def _losses(self, told: Told, metric: Metric) -> Counts:
        if metric is Metric.ACCURACY:
            return Counts(told.compared, told.wrong)
        low, high = self._plan.rewards
        return Counts(told.rewarded, min(max((told.rewarded * high - told.rewards) / (high - low), 0.0), told.rewarded))

    def _problem(self, metric: Metric) -> str:
        low, high = self._plan.rewards
        seen = [each for each in (self.baseline, self.candidate) if each.rewarded]
        if metric is Metric.REWARD and any(each.least < low or each.most > high for each in seen):
            least, most = min(each.least for each in seen), max(each.most for each in seen)
            return f"rewards lie between {least:g} and {most:g}, not {low:g} and {high:g}: say within which limits they always lie"
        return ""

    def _scale(self, metric: Metric) -> float:
        low, high = self._plan.rewards
        return high - low if metric is Metric.REWARD else 1.0

    def _value(self, losses: Counts, metric: Metric) -> float | None:
        """What is shown: a share that was right, or a mean reward."""
        if not losses.trials:
            return None
        return (
            1 - losses.rate if metric is Metric.ACCURACY else self._plan.rewards[1] - losses.rate * self._scale(metric)
        )

    def _requests_left(self, metric: Metric, one: Counts, other: Counts, requests: tuple[int, int]) -> int:
        rate = (one.hits + 0.5) / (one.trials + 1)
        change = min(self._plan.effect, 1 - rate)
        share = min(max((other.trials + 1) / (one.trials + other.trials + 2), _LEAST_SHARE), 1 - _LEAST_SHARE)
        needed = requests_needed(rate, rate + change, share=share, alpha=self._plan.alpha_of(metric))
        for_baseline = max(0.0, self._plan.minimum - one.trials) * share / (1 - share)
        told = max(0.0, needed - other.trials, self._plan.minimum - other.trials, for_baseline)
        # Not every request is told of: so many more have to be answered.
        return ceil(told * max(1.0, requests[1] / max(other.trials, 1.0)))
