"""Bets that two streams differ, settled block by block: what hits both streams at once proves nothing.

Rates that change with time mislead whoever adds up: an outage that hits both versions while one of them gets more of the traffic
than before makes that one look worse. Within a block of requests that came together both versions meet the same conditions. The
stake of each block is one that nobody can expect to win while both have the same rate in it, whatever that rate is:
Turner, Ly, Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping", J. Statist.
Plann. Inference 230 (2024) 106116. The product over blocks is an e-process; it passes 1/alpha with probability alpha at most, ever
(Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statist. Sci. 38 (2023) 576-601).
"""

from dataclasses import dataclass
from math import log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts

# What is guessed of a stream before it has shown anything counts like so many of its trials.
_GUESS_TRIALS = 2.0
_NEARLY_ZERO = 1e-9
_NOTHING = Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBets:
    """Two gamblers, one sure that the candidate's rate is higher, one that it is lower; each guesses from past blocks how much.

    Args:
        baseline: All of its past blocks.
        candidate: All of its past blocks.
        log_higher: Logarithm of the wealth of the one who says higher.
        log_lower: Logarithm of the wealth of the one who says lower.
    """

    baseline: Counts = _NOTHING
    candidate: Counts = _NOTHING
    log_higher: float = 0.0
    log_lower: float = 0.0

    def after(self, baseline: Counts, candidate: Counts) -> "BlockBets":
        """With one more block, in which both streams should have trials: where only one has, nothing can be won."""
        before, since = self._guess(self.baseline), self._guess(self.candidate)
        won = _log_payoff(baseline, before, candidate, since)
        return BlockBets(
            baseline=self.baseline.plus(baseline),
            candidate=self.candidate.plus(candidate),
            log_higher=self.log_higher + (won if since > before else 0.0),
            log_lower=self.log_lower + (won if since < before else 0.0),
        )

    def _guess(self, counts: Counts) -> float:
        together = self.baseline.plus(self.candidate)
        pooled = (together.hits + 0.5) / (together.trials + 1)
        return (counts.hits + _GUESS_TRIALS * pooled) / (counts.trials + _GUESS_TRIALS)


def _log_payoff(baseline: Counts, before: float, candidate: Counts, since: float) -> float:
    """Likelihood of the block under the guessed rates, by that under the one common rate that is closest to them."""
    trials = baseline.trials + candidate.trials
    if not trials:
        return 0.0
    common = (baseline.trials * before + candidate.trials * since) / trials
    return _log_likelihood(baseline, before, common) + _log_likelihood(candidate, since, common)


def _log_likelihood(counts: Counts, rate: float, common: float) -> float:
    misses = counts.trials - counts.hits
    low = max(common, _NEARLY_ZERO)
    high = max(1 - common, _NEARLY_ZERO)
    return counts.hits * log(max(rate, _NEARLY_ZERO) / low) + misses * log(max(1 - rate, _NEARLY_ZERO) / high)
