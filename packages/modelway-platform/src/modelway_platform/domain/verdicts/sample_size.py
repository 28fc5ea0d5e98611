"""How many requests it takes to find a change of a given size."""

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
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
