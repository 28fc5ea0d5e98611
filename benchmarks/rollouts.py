"""Row R19 on whole rollouts: the platform's own evidence, decision and transitions, looked at each simulated second.

A candidate that is like the baseline must be promoted; going back, at whatever step and for whichever check, is wrong. One that fails
five points more often has to go back within the sample that was stated beforehand. Only reading and writing is left out.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.rollout import Check, Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_decision import Noted, Situation, decide
from modelway_platform.domain.verdicts.rollout_status import RolloutPhase, RolloutRecord, RolloutStatus
from modelway_platform.domain.verdicts.rollout_transition import begun, moved, noted
from modelway_platform.domain.verdicts.sample_size import requests_needed
from modelway_platform.domain.verdicts.step_evidence import StepEvidence

KEY = ModelKey("vision", "digits")
TOLERANCE = 0.05
ROLLOUT = Rollout(
    key=KEY,
    baseline="v1",
    candidate="v2",
    steps=(RolloutStep(weight=20, minimum_requests=200), RolloutStep(weight=50, minimum_requests=200)),
    checks=(
        Check(name="errors", kind="errors", tolerance=TOLERANCE),
        Check(name="accuracy", kind="accuracy", tolerance=TOLERANCE),
    ),
    hold_seconds=30 * 86_400.0,
)
LABELLED = 0.3
WRONG_PREDICTIONS = 0.1
LABELS_EVERY = 15
MOST_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended: `requests` of the candidate in the step that was its last."""

    phase: str
    step: int
    seconds: int
    requests: int


class SimulatedRollout:
    """One rollout with a route of its own.

    Args:
        seed: Of the requests.
        errors: Error rates of baseline and candidate.
        per_second: Requests of both together.
    """

    def __init__(self, seed: int, errors: tuple[float, float], per_second: int) -> None:
        self._random = np.random.default_rng(seed)
        self._errors = errors
        self._per_second = per_second
        self._now = 0.0
        self._weights: Mapping[str, int] = {"v1": 100}
        self._record = RolloutRecord(
            rollout=ROLLOUT, revision=1, status=RolloutStatus(), created_at=0.0, updated_at=0.0
        )
        self._evidence = StepEvidence(ROLLOUT, 0)
        self._labels = [Counts(), Counts()]

    def run(self) -> Ended:
        """Until it has ended."""
        self._look()
        for second in range(1, MOST_SECONDS):
            self._now = float(second)
            self._serve(second)
            seen = self._evidence.requests
            self._look()
            if not self._record.status.under_way:
                return Ended(
                    phase=self._record.status.phase.value,
                    step=self._record.status.step,
                    seconds=second,
                    requests=seen,
                )
        return Ended(phase="Running", step=self._record.status.step, seconds=MOST_SECONDS, requests=0)

    def _serve(self, second: int) -> None:
        share = self._weights["v2"] / sum(self._weights.values())
        candidate = self._random.random(self._per_second) < share
        failed = self._random.random(self._per_second) < np.where(candidate, self._errors[1], self._errors[0])
        for theirs, bad in zip(candidate.tolist(), failed.tolist(), strict=True):
            self._evidence.observe(second, None, candidate=theirs, failed=bad)
        labelled = self._random.random(self._per_second) < LABELLED
        wrong = self._random.random(self._per_second) < WRONG_PREDICTIONS
        for place, ours in enumerate((~candidate, candidate)):
            news = Counts(int((labelled & ours).sum()), int((labelled & ours & wrong).sum()))
            self._labels[place] = self._labels[place].plus(news)
        if second % LABELS_EVERY == 0:
            self._evidence.learn("accuracy", *self._labels)

    def _look(self) -> None:
        status = self._record.status
        decision = decide(self._situation())
        if decision is None:
            return
        if isinstance(decision, Noted):
            status = noted(status, decision, self._now)
        else:
            if decision.kind == "begin":
                status = begun(status, 1, (("v1", 100), ("v2", 0)), decision, self._now)
            self._weights = dict(decision.weights)
            status = moved(status, decision, self._now)
            self._evidence = StepEvidence(ROLLOUT, status.step)
            self._labels = [Counts(), Counts()]
        self._record = replace(self._record, status=status)

    def _situation(self) -> Situation:
        versions = tuple(VersionWeight(version=version, weight=weight) for version, weight in self._weights.items())
        both = frozenset({"v1", "v2"})
        return Situation(
            record=self._record,
            route=Route(key=KEY, versions=versions),
            ready=both,
            deployed=both,
            requests=self._evidence.requests,
            answers=self._evidence.answers() if self._record.status.under_way else {},
            explain=str,
            now=self._now,
        )


def one_run(seed: int, *, errors: tuple[float, float], per_second: int) -> Ended:
    """A run by its seed."""
    return SimulatedRollout(seed, errors, per_second).run()


def measured(runs: int, *, errors: float = 0.05, change: float = 0.05, per_second: int = 100) -> dict[str, float | int]:
    """Shares of so many runs of each kind, the stated sample, and the median of what it took."""
    with ProcessPoolExecutor() as pool:
        alike, worse = (
            list(
                pool.map(
                    partial(one_run, errors=rates, per_second=per_second), range(first, first + runs), chunksize=10
                )
            )
            for first, rates in ((100_000, (errors, errors)), (200_000, (errors, errors + change)))
        )
    stated = stated_sample(errors, change)
    back = sorted(each.requests for each in worse if each.phase == RolloutPhase.ROLLED_BACK.value)
    return {
        "rollout_aa_wrong_share": share(alike, lambda each: each.phase == RolloutPhase.ROLLED_BACK.value),
        "rollout_aa_promoted_share": share(alike, lambda each: each.phase == RolloutPhase.PROMOTED.value),
        "rollout_found_share": share(
            worse,
            lambda each: each.phase == RolloutPhase.ROLLED_BACK.value and each.step == 0 and each.requests <= stated,
        ),
        "rollout_wrongly_promoted_share": share(worse, lambda each: each.phase == RolloutPhase.PROMOTED.value),
        "rollout_stated_sample": stated,
        "rollout_median_sample_to_rollback": back[len(back) // 2] if back else 0,
        "rollout_aa_median_seconds": sorted(each.seconds for each in alike)[len(alike) // 2],
        "rollout_runs": runs,
    }


def stated_sample(errors: float, change: float) -> int:
    """Requests of the candidate at the first step after which such a change is found with 90 % probability."""
    share_ = ROLLOUT.steps[0].weight / 100
    return requests_needed(errors, errors + change, share=share_, alpha=ROLLOUT.alpha_of_check, power=0.9)


def share(ended: list[Ended], is_one: Callable[[Ended], bool]) -> float:
    """How many of them, of all."""
    return sum(map(is_one, ended)) / len(ended)
