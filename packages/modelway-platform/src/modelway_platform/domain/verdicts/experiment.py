"""Two versions under the same traffic: takes one request after the other, and can be asked after each what it all says."""

from dataclasses import dataclass
from math import ceil, log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.paired_streams import PairedStreams, Side
from modelway_platform.domain.verdicts.quantile_difference import QuantileDifference, quantile_difference
from modelway_platform.domain.verdicts.rate_difference import Interval, RateDifference
from modelway_platform.domain.verdicts.sample_size import requests_needed, slower_requests_needed
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Metric, Plan, overall

_LEVELS = {Metric.LATENCY_P50: 0.5, Metric.LATENCY_P99: 0.99}
_METRICS = (Metric.ERRORS, *_LEVELS)
# A version without traffic needs a very long time, not an infinite one.
_LEAST_SHARE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSeen:
    """What was seen of one version."""

    requests: int
    errors: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None


class Experiment:
    """Gathers evidence; constant memory, constant time per request.

    A metric's answer is given when two kinds of evidence agree: the interval of the difference of all that was added up
    (`rate_difference`, `quantile_difference`), and the bets settled within blocks of requests that came together (`block_bets`). The
    second stands against conditions that change with time, the first says how large the difference is.

    Args:
        plan: What is asked.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._streams = PairedStreams(tuple(_LEVELS.values()))

    def observe(self, second: int, duration_us: float | None, *, candidate: bool, failed: bool) -> None:
        """One answered request, in order of time; see `PairedStreams.observe`."""
        self._streams.observe(second, duration_us, candidate=candidate, failed=failed)

    def answer(self) -> Answer:
        """What is to be said now; cheap as long as that is "hold"."""
        return overall([self._answer(metric) for metric in _METRICS])

    def findings(self) -> tuple[Finding, ...]:
        """Every metric with its numbers."""
        return tuple(self._finding(metric) for metric in _METRICS)

    def seen(self) -> tuple[SideSeen, SideSeen]:
        """What was seen of baseline and candidate."""
        one, other = (
            SideSeen(
                requests=side.requests,
                errors=side.errors,
                p50=side.histogram.quantile(0.5),
                p95=side.histogram.quantile(0.95),
                p99=side.histogram.quantile(0.99),
                p999=side.histogram.quantile(0.999),
            )
            for side in self._sides()
        )
        return one, other

    def _answer(self, metric: Metric) -> Answer:
        direction = self._direction(metric)
        if direction is Answer.HOLD or min(self._trials(metric)) < self.plan.minimum:
            return Answer.HOLD
        return direction if direction is self._added_up(metric) else Answer.HOLD

    def _direction(self, metric: Metric) -> Answer:
        """What the bets within blocks say; both directions share the error probability."""
        bets = self._streams.bets[_METRICS.index(metric)]
        won = max(bets.log_higher, bets.log_lower)
        if won < log(2 / self.plan.alpha_of(metric)):
            return Answer.HOLD
        return Answer.WORSE if bets.log_higher == won else Answer.BETTER

    def _added_up(self, metric: Metric) -> Answer:
        """What the interval says."""
        alpha = self.plan.alpha_of(metric)
        if metric is Metric.ERRORS:
            known = self._errors()
            if not known.refutes(0.0, alpha):
                return Answer.HOLD
            return Answer.WORSE if known.seen > 0 else Answer.BETTER
        ratio = self._quantiles(metric).ratio
        if ratio.low > 1 + self.plan.margin:
            return Answer.WORSE
        return Answer.BETTER if ratio.high < 1 / (1 + self.plan.margin) else Answer.HOLD

    def _finding(self, metric: Metric) -> Finding:
        alpha, level = self.plan.alpha_of(metric), _LEVELS.get(metric)
        if level is None:
            interval = self._errors().interval(alpha)
            one, other = (side.errors / side.requests if side.requests else None for side in self._sides())
        else:
            interval = self._quantiles(metric).difference
            one, other = (side.histogram.quantile(level) for side in self._sides())
        return Finding(
            metric=metric,
            baseline=one,
            candidate=other,
            interval=interval,
            answer=self._answer(metric),
            confirmed=self._direction(metric) is _side_of_zero(interval),
            requests_left=self._requests_left(metric),
        )

    def _requests_left(self, metric: Metric) -> int:
        ours, theirs = self._trials(metric)
        level, alpha = _LEVELS.get(metric), self.plan.alpha_of(metric)
        share = min(max((theirs + 1) / (ours + theirs + 2), _LEAST_SHARE), 1 - _LEAST_SHARE)
        if level is None:
            # A rate that has shown no error yet need not be zero.
            rate = (self._sides()[0].errors + 0.5) / (ours + 1)
            change = min(self.plan.effect, 1 - rate)
            needed = requests_needed(rate, rate + change, share=share, alpha=alpha)
        else:
            needed = slower_requests_needed(level, share=share, alpha=alpha)
        for_baseline = ceil(max(0, self.plan.minimum - ours) * share / (1 - share))
        return max(0, needed - theirs, self.plan.minimum - theirs, for_baseline)

    def _trials(self, metric: Metric) -> tuple[int, int]:
        one, other = (side.requests if metric is Metric.ERRORS else side.histogram.count for side in self._sides())
        return one, other

    def _sides(self) -> tuple[Side, Side]:
        return self._streams.baseline, self._streams.candidate

    def _errors(self) -> RateDifference:
        one, other = (Counts(side.requests, side.errors) for side in self._sides())
        return RateDifference(one, other)

    def _quantiles(self, metric: Metric) -> QuantileDifference:
        one, other = (side.histogram for side in self._sides())
        return quantile_difference(one, other, _LEVELS[metric], self.plan.alpha_of(metric))


def _side_of_zero(interval: Interval) -> Answer:
    if interval.low > 0:
        return Answer.WORSE
    return Answer.BETTER if interval.high < 0 else Answer.HOLD
