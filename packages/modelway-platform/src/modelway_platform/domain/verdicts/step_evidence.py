"""What one step of a rollout has shown, check by check; may be looked at after each request.

Every check keeps two kinds of evidence, as `experiment` does: a confidence sequence for the difference, and bets within blocks of
requests that came together. It finds the candidate worse when both say so, and good when the confidence sequence has left behind
every difference that is more than allowed. Each spends `Rollout.alpha_of_check`, an equal part of the rollout's error probability:
by the union bound all checks at all steps together stay within it, at all moments at once (Howard, Ramdas, McAuliffe, Sekhon, Ann.
Statist. 49 (2021) 1055-1080; Ramdas, Grünwald, Vovk, Shafer, Statist. Sci. 38 (2023) 576-601). Steps begin anew, so that what one
shows at a twentieth of the traffic does not outweigh what the next one shows at half of it.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, wealth_against
from modelway_platform.domain.verdicts.block_bets import BlockBets
from modelway_platform.domain.verdicts.check_finding import CheckAnswer, CheckFinding
from modelway_platform.domain.verdicts.paired_streams import PairedStreams, bets_from_json, bets_to_json
from modelway_platform.domain.verdicts.quantile_difference import QuantileDifference, quantile_difference
from modelway_platform.domain.verdicts.rate_difference import Interval, RateDifference
from modelway_platform.domain.verdicts.rate_interval import rate_interval
from modelway_platform.domain.verdicts.rollout import Check, Rollout
from modelway_platform.domain.verdicts.sample_size import copies_needed, requests_needed, slower_requests_needed

_LEAST_SHARE = 0.001
_NOTHING = Counts()
_ANYWHERE = Interval(-1.0, 1.0)


class StepEvidence:
    """Takes requests, copies and counts; answers the checks of one step.

    Args:
        rollout: Whose.
        step: Which, from 0.
    """

    def __init__(self, rollout: Rollout, step: int) -> None:
        self.checks = rollout.checks_at(step)
        self._alpha = rollout.alpha_of_check
        self._weight = rollout.steps[step].weight
        latencies = [each for each in self.checks if each.kind == "latency"]
        self._levels = {each.name: number for number, each in enumerate(latencies, 1)}
        self._streams = PairedStreams([each.quantile for each in latencies])
        self._copies = _NOTHING
        self._learned: dict[str, BlockBets] = {}
        self.problems: dict[str, str] = {}

    @property
    def requests(self) -> int:
        """What the candidate has answered; copies where it has no traffic."""
        return self._streams.candidate.requests if self._weight else int(self._copies.trials)

    @property
    def counts(self) -> tuple[Counts, Counts]:
        """Requests and errors of baseline and candidate."""
        one, other = self._streams.baseline, self._streams.candidate
        return Counts(one.requests, one.errors), Counts(other.requests, other.errors)

    def observe(self, second: int, duration_us: float | None, *, candidate: bool, failed: bool) -> None:
        """One answered request, in order of time; see `PairedStreams.observe`."""
        self._streams.observe(second, duration_us, candidate=candidate, failed=failed)

    def copied(self, *, agrees: bool) -> None:
        """One copy of the baseline's requests that the candidate answered."""
        self._copies = self._copies.plus(Counts(1, 0 if agrees else 1))

    def learn(self, name: str, baseline: Counts, candidate: Counts) -> None:
        """What a check of counts says since the step began; what is new in it is one block.

        Counts that have become smaller are not believed: what was known stays.
        """
        bets = self._learned.setdefault(name, BlockBets())
        news = [
            Counts(now.trials - then.trials, now.hits - then.hits)
            for now, then in ((baseline, bets.baseline), (candidate, bets.candidate))
        ]
        if any(each.hits < 0 or each.trials < each.hits for each in news):
            self.problems[name] = "its counts have become smaller since the last look; they may only grow"
            return
        self.problems.pop(name, None)
        if any(each.trials for each in news):
            self._learned[name] = bets.after(*news)

    def answers(self) -> dict[str, CheckAnswer]:
        """What each check says now, by its name."""
        return {each.name: self._answer(each) for each in self.checks}

    def findings(self) -> tuple[CheckFinding, ...]:
        """Every check with its numbers."""
        return tuple(self.finding(each) for each in self.checks)

    def finding(self, check: Check) -> CheckFinding:
        """One check with its numbers."""
        baseline, candidate, interval = self._numbers(check)
        return CheckFinding(
            check=check,
            answer=self._answer(check),
            baseline=baseline,
            candidate=candidate,
            interval=interval,
            requests_left=self._requests_left(check),
            problem=self.problems.get(check.name, ""),
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, to go on with after a restart."""
        return {
            "streams": self._streams.to_json(),
            "copies": [self._copies.trials, self._copies.hits],
            "learned": {name: bets_to_json(bets) for name, bets in self._learned.items()},
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """The reverse of `to_json`, for evidence of the same step of the same rollout."""
        self._streams.restore(value["streams"])
        self._copies = Counts(*value["copies"])
        self._learned = {name: bets_from_json(bets) for name, bets in value["learned"].items()}

    def _answer(self, check: Check) -> CheckAnswer:
        if check.name in self.problems:
            return CheckAnswer.HOLD
        if check.kind == "agreement":
            return self._agreement(check)
        if check.kind == "latency":
            ratio = self._quantiles(check).ratio if self._timed() else Interval(0.0, float("inf"))
            good, worse = ratio.high <= 1 + check.tolerance, ratio.low > 1
        else:
            known = RateDifference(*self._rates(check))
            good = known.seen < check.tolerance and known.refutes(check.tolerance, self._alpha)
            worse = known.seen > 0 and known.refutes(0.0, self._alpha)
        if good:
            return CheckAnswer.GOOD
        return CheckAnswer.WORSE if worse and self.suspects(check) else CheckAnswer.HOLD

    def suspects(self, check: Check) -> bool:
        """Whether the bets within moments say worse, without which nothing does; cheap, unlike the rest of an answer."""
        return check.kind == "agreement" or self._bets(check).log_higher >= -log(self._alpha)

    def _agreement(self, check: Check) -> CheckAnswer:
        allowed = 1 - check.least
        if not self._copies.trials or wealth_against(self._copies)(allowed) < -log(self._alpha):
            return CheckAnswer.HOLD
        return CheckAnswer.WORSE if self._copies.rate > allowed else CheckAnswer.GOOD

    def _numbers(self, check: Check) -> tuple[float | None, float | None, Interval]:
        if check.kind == "agreement":
            copies = self._copies
            differ = rate_interval(copies, self._alpha)
            return None, 1 - copies.rate if copies.trials else None, Interval(1 - differ.high, 1 - differ.low)
        if check.kind == "latency":
            one, other = (each.histogram.quantile(check.quantile) for each in self._sides())
            ratio = self._quantiles(check).ratio
            return one, other, Interval(ratio.low - 1, ratio.high - 1)
        ours, theirs = self._rates(check)
        interval = RateDifference(ours, theirs).interval(self._alpha) if ours.trials and theirs.trials else _ANYWHERE
        return ours.rate if ours.trials else None, theirs.rate if theirs.trials else None, interval

    def _rates(self, check: Check) -> tuple[Counts, Counts]:
        if check.kind == "errors":
            return self.counts
        bets = self._learned.get(check.name, BlockBets())
        return bets.baseline, bets.candidate

    def _bets(self, check: Check) -> BlockBets:
        if check.kind in {"errors", "latency"}:
            return self._streams.bets[self._levels.get(check.name, 0)]
        return self._learned.get(check.name, BlockBets())

    def _quantiles(self, check: Check) -> QuantileDifference:
        one, other = (each.histogram for each in self._sides())
        return quantile_difference(one, other, check.quantile, self._alpha)

    def _sides(self) -> tuple[Any, Any]:
        return self._streams.baseline, self._streams.candidate

    def _timed(self) -> bool:
        return all(each.histogram.count for each in self._sides())

    def _requests_left(self, check: Check) -> int:
        if self._answer(check) is not CheckAnswer.HOLD:
            return 0
        if check.kind == "agreement":
            # A rate that has shown no hit yet need not be zero.
            rate = (self._copies.hits + 0.5) / (self._copies.trials + 1)
            return max(0, copies_needed(rate, 1 - check.least, alpha=self._alpha) - int(self._copies.trials))
        if check.kind == "latency":
            seen = tuple(each.histogram.count for each in self._sides())
            needed = slower_requests_needed(check.quantile, share=_share_of(seen), alpha=self._alpha)
            return max(0, needed - seen[1])
        ours, theirs = self._rates(check)
        seen = (int(ours.trials), int(theirs.trials))
        # A rate that has shown no hit yet need not be zero.
        rate = (ours.hits + 0.5) / (ours.trials + 1)
        change, share = min(check.tolerance, 1 - rate), _share_of(seen)
        return max(0, requests_needed(rate, rate + change, share=share, alpha=self._alpha) - seen[1])


def _share_of(seen: Sequence[int]) -> float:
    """The candidate's, of baseline's and candidate's trials; a version without traffic needs very long, not for ever."""
    return min(max((seen[1] + 1) / (sum(seen) + 2), _LEAST_SHARE), 1 - _LEAST_SHARE)
