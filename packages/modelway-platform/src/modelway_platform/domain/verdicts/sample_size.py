"""How many requests it takes to find a change of a given size."""

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, wealth_against
from modelway_platform.domain.verdicts.rate_difference import RateDifference

# More than this nobody waits for.
MOST_REQUESTS = 1_000_000_000
# What the bets of `block_bets` cost until they know what to bet on, as a logarithm.
_LEARNING = 3.0
_ENOUGH = 1.02


def requests_needed(baseline: float, candidate: float, *, share: float, alpha: float, power: float = 0.9) -> int:
    """Requests of the candidate after which two rates will have been told apart.

    Args:
        baseline: Its rate.
        candidate: Its rate, another one.
        share: The candidate's share of all requests, between 0 and 1.
        alpha: Probability, over all time, of a verdict where there is no difference.
        power: Probability of a verdict by then.

    Returns:
        At most `MOST_REQUESTS`, which stands for "never".
    """
    question = _Question(baseline, candidate, share, alpha, NormalDist().inv_cdf(power))
    low, high = 0, 64
    while high < MOST_REQUESTS and not question.answered_by(high):
        low, high = high, high * 2
    while high - low > max(1, low * (_ENOUGH - 1)):
        middle = (low + high) // 2
        if question.answered_by(middle):
            high = middle
        else:
            low = middle
    return min(high, MOST_REQUESTS)


# The change of a quantile that must not be missed: twice as many requests slower than it, or this many more.
_SLOWER = 0.1
# Of such a change so much is lost in bins of durations, within which nothing can be told (measured by `benchmarks.checks`).
_WITHIN_BINS = 0.1


def slower_requests_needed(level: float, *, share: float, alpha: float) -> int:
    """Requests of the candidate after which a quantile of its durations will have been found higher.

    What is found is twice as many durations beyond the baseline's quantile, or a tenth more of all. The bets are on the share beyond the
    quantile of both streams together, which then lies higher; the more so, the more of them are the candidate's.

    Args:
        level: The quantile, between 0 and 1.
        share: As in `requests_needed`.
        alpha: As there.
    """
    beyond = 1 - level
    times = 1 + min(beyond, _SLOWER) / beyond
    of_baseline = beyond / (1 + share * (times - 1))
    unseen = _WITHIN_BINS * of_baseline * (times - 1) / 2
    return requests_needed(of_baseline + unseen, of_baseline * times - unseen, share=share, alpha=alpha)


def copies_needed(rate: float, allowed: float, *, alpha: float, power: float = 0.9) -> int:
    """Copies after which a rate will have been told apart from one that is allowed.

    Args:
        rate: Of copies that disagree.
        allowed: Of them, another one.
        alpha: Probability, over all time, of an answer where there is no difference.
        power: Probability of an answer by then.

    Returns:
        At most `MOST_REQUESTS`, which stands for "never".
    """
    strays = NormalDist().inv_cdf(power)

    def answered_by(number: int) -> bool:
        closer = strays * sqrt(rate * (1 - rate) / number)
        if closer >= abs(allowed - rate):
            return False
        seen = rate + closer * (1 if allowed > rate else -1)
        return wealth_against(Counts(number, number * seen))(allowed) >= -log(alpha)

    low, high = 0, 16
    while high < MOST_REQUESTS and not answered_by(high):
        low, high = high, high * 2
    while high - low > max(1, low * (_ENOUGH - 1)):
        middle = (low + high) // 2
        if answered_by(middle):
            high = middle
        else:
            low = middle
    return min(high, MOST_REQUESTS)


@dataclass(frozen=True, slots=True)
class _Question:
    baseline: float
    candidate: float
    share: float
    alpha: float
    strays: float

    def answered_by(self, requests: int) -> bool:
        """Whether so many of the candidate suffice although chance brings the rates closer than they are."""
        others = requests * (1 - self.share) / self.share
        one = self.baseline * (1 - self.baseline) / others
        other = self.candidate * (1 - self.candidate) / requests
        change = self.candidate - self.baseline
        closer = self.strays * sqrt(one + other) * (1 if change > 0 else -1)
        if abs(closer) >= abs(change):
            return False
        part = one / (one + other)
        ours = Counts(others, others * (self.baseline + closer * part))
        theirs = Counts(requests, requests * (self.candidate - closer * (1 - part)))
        return _bets_won(ours, theirs, self.alpha) and RateDifference(ours, theirs).refutes(0.0, self.alpha)


def _bets_won(one: Counts, other: Counts, alpha: float) -> bool:
    both = one.plus(other)
    won = sum(
        counts.trials * (_divergence(counts.rate, both.rate) + _divergence(1 - counts.rate, 1 - both.rate))
        for counts in (one, other)
    )
    return won - _LEARNING >= log(2 / alpha)


def _divergence(rate: float, common: float) -> float:
    return rate * log(rate / common) if rate > 0 else 0.0
