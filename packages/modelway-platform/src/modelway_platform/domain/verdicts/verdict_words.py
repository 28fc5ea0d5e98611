"""A verdict in words that somebody can act on."""

from math import inf

from modelway_platform.domain.verdicts.comparison import CopiesSeen
from modelway_platform.domain.verdicts.sample_size import MOST_REQUESTS
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Metric, Plan

_NAMES = {
    Metric.ERRORS: "error rate",
    Metric.LATENCY_P50: "median latency",
    Metric.LATENCY_P99: "p99 latency",
    Metric.ACCURACY: "accuracy",
    Metric.REWARD: "reward",
}
_MORE_IS_BETTER = {Metric.ACCURACY, Metric.REWARD}
_UNITS = {Metric.ERRORS: (100.0, " points"), Metric.ACCURACY: (100.0, " points"), Metric.REWARD: (1.0, "")}
_CHANGES = {
    Metric.LATENCY_P50: "a tenth more requests slower than the median",
    Metric.LATENCY_P99: "twice as many requests slower than the p99",
}


def finding_words(finding: Finding, candidate: str, plan: Plan) -> str:
    """What one metric says of `candidate`, with the difference and what is left to go."""
    name = _NAMES[finding.metric]
    if finding.problem:
        return f"{name}: {finding.problem}"
    if finding.baseline is None or finding.candidate is None:
        return f"{name}: nothing to compare yet"
    between = interval_text(finding)
    if finding.answer is not Answer.HOLD:
        higher = "higher" if (finding.answer is Answer.WORSE) != (finding.metric in _MORE_IS_BETTER) else "lower"
        return f"{name} of {candidate} is {higher}: {between} (seen {value_text(finding)})"
    return f"{name}: difference {between}{_held_words(finding, candidate, plan)}"


def _held_words(finding: Finding, candidate: str, plan: Plan) -> str:
    """Why nothing is said yet, and until when."""
    if not finding.confirmed and not finding.interval.holds(0.0):
        return (
            " when added up, but not surely between requests of the same moments: "
            "go on, and see whether conditions or shares have changed"
        )
    low, high = plan.rewards
    of_rewards = f"a change of {_plain(plan.effect * (high - low))}"
    of_rates = f"a change of {_plain(plan.effect * 100)} points"
    change = _CHANGES.get(finding.metric, of_rewards if finding.metric is Metric.REWARD else of_rates)
    if finding.requests_left >= MOST_REQUESTS:
        return f"; {candidate} gets too few requests to ever find {change}"
    if finding.requests_left:
        return f"; about {_about(finding.requests_left)} more requests of {candidate} to find {change}"
    if not finding.interval.holds(0.0):
        return f"; not surely by more than {_plain(plan.margin * 100)} %, which would matter"
    return f"; {change} would most likely have been found by now"


def verdict_words(answer: Answer, findings: "tuple[Finding, ...]", candidate: str, plan: Plan) -> str:
    """The whole verdict in one sentence or two."""
    reasons = [finding_words(each, candidate, plan) for each in findings if each.answer is answer]
    if answer is not Answer.HOLD:
        return f"{candidate} is {answer.value}: {'; '.join(reasons)}"
    left = max(each.requests_left for each in findings)
    if left >= MOST_REQUESTS:
        return f"hold: not enough data, and {candidate} gets too few requests for a verdict"
    if left:
        return f"hold: not enough data; about {_about(left)} more requests of {candidate} until a change worth acting on is found"
    return f"hold: no difference of the size asked for has been found between {candidate} and the baseline"


def copies_words(copies: CopiesSeen, baseline: str, candidate: str) -> str:
    """What copies have shown, with the interval."""
    if copies.share is None:
        return f"copies of {baseline}'s requests to {candidate}: none could be compared"
    low, high = copies.interval.low * 100, copies.interval.high * 100
    return (
        f"copies of {baseline}'s requests to {candidate}: {_plain(copies.share * 100)} % agree, surely between {_plain(low)} and"
        f" {_plain(high)} %"
    )


def value_text(finding: Finding) -> str:
    """Both values: `2 % → 7.1 %`, `1.3 ms → 1.4 ms`."""
    one, other = finding.baseline or 0.0, finding.candidate or 0.0
    if finding.metric in {Metric.ERRORS, Metric.ACCURACY}:
        return f"{_plain(one * 100)} % → {_plain(other * 100)} %"
    if finding.metric is Metric.REWARD:
        return f"{_plain(one)} → {_plain(other)}"
    return f"{_plain(one / 1000)} ms → {_plain(other / 1000)} ms"


def interval_text(finding: Finding) -> str:
    """The interval: `between -0.4 and +1.2 points`."""
    low, high = finding.interval.low, finding.interval.high
    factor, unit = _UNITS.get(finding.metric, (0.001, " ms"))
    if low == -inf and high == inf:
        return "unknown"
    if high == inf:
        return f"at least {_signed(low * factor)}{unit}"
    if low == -inf:
        return f"at most {_signed(high * factor)}{unit}"
    return f"between {_signed(low * factor)} and {_signed(high * factor)}{unit}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + _plain(value)


def _plain(value: float) -> str:
    """Three digits that count, never an exponent."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _about(count: int) -> str:
    """Two digits that count, upwards: nobody knows more exactly."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // unit) * unit:,}"
