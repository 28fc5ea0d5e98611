"""How often verdicts are wrong, and how soon right ones come, when somebody looks every second.

Simulated runs with fixed seeds go through the platform's own code (`modelway_platform.domain.verdicts.experiment`), one request after the other:

* A/A: both versions are alike in errors and latency. Any verdict but "hold", at any of the looks, is wrong.
* A/A with changing conditions: errors rise for both alike while the candidate's share grows. Whoever adds up is misled.
* A/B: the candidate fails more often by five points. The right verdict has to come within the sample that was stated beforehand.
* A/B: the candidate is slower by three tenths.

Beside it the habit these replace: a z-test for two rates, looked at as often, at the same error probability; and the one thing it can be trusted
with, one look at the end. Then whole rollouts (`benchmarks.rollouts`), their other checks (`benchmarks.checks`), and anomalies (`benchmarks.anomalies`). Run with `make bench-verdicts`; the last line is one JSON object.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import anomalies, checks, rollouts
from modelway_platform.domain.verdicts.experiment import Experiment
from modelway_platform.domain.verdicts.sample_size import requests_needed
from modelway_platform.domain.verdicts.verdict import Answer, Metric, Plan

RUNS = 1000
PER_SECOND = 20
ERRORS = 0.05
CHANGE = 0.05
AA_SECONDS = 300
SLOWER = 1.3
SLOWER_SECONDS = 300
SLOWER_RUNS = 200
PLAN = Plan()
Z_LIMIT = 1.959964  # 5 %, both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated.

    Args:
        errors: Error rate of baseline and candidate at a moment between 0 and 1 of the run.
        share: The candidate's share of requests at that moment.
        seconds: How long a run is.
        slower: Factor of the candidate's durations.
    """

    errors: Callable[[float], tuple[float, float]]
    share: Callable[[float], float]
    seconds: int
    slower: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: the first verdict and when, and what the z-test said."""

    answer: Answer
    candidate_requests: int
    naive_wrong_once: bool
    naive_at_end: bool
    naive_requests: int


def simulate(world: World, seed: int) -> Outcome:
    """One run, looked at after each second until there is a verdict; the z-test goes on to the end."""
    random = np.random.default_rng(seed)
    experiment = Experiment(PLAN)
    answer, answered_at = Answer.HOLD, 0
    counts = np.zeros((world.seconds, 4))
    for second in range(world.seconds):
        moment = second / world.seconds
        candidate = random.random(PER_SECOND) < world.share(moment)
        rates = np.where(candidate, *reversed(world.errors(moment)))
        failed = random.random(PER_SECOND) < rates
        counts[second] = (
            (~candidate).sum(),
            (failed & ~candidate).sum(),
            candidate.sum(),
            (failed & candidate).sum(),
        )
        if answer is not Answer.HOLD:
            continue
        durations = random.lognormal(9.0, 0.6, PER_SECOND) * np.where(candidate, world.slower, 1.0)
        for theirs, bad, duration in zip(candidate.tolist(), failed.tolist(), durations.tolist(), strict=True):
            experiment.observe(second, None if bad else duration, candidate=theirs, failed=bad)
        answer = experiment.answer()
        if answer is not Answer.HOLD:
            answered_at = experiment.seen()[1].requests
    tested, requests = z_tests(counts.cumsum(axis=0))
    return Outcome(
        answer=answer,
        candidate_requests=answered_at,
        naive_wrong_once=bool(tested.any()),
        naive_at_end=bool(tested[-1]),
        naive_requests=int(requests[tested.argmax()]) if tested.any() else 0,
    )


def z_tests(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a two-sided z-test finds a difference at each look, after the same minimum sample; and the candidate's requests."""
    before, before_hits, since, since_hits = counts.T
    enough = (before >= PLAN.minimum) & (since >= PLAN.minimum)
    before, since = np.maximum(before, 1), np.maximum(since, 1)
    pooled = (before_hits + since_hits) / (before + since)
    spread = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / before + 1 / since), 1e-12))
    return enough & (np.abs(since_hits / since - before_hits / before) / spread > Z_LIMIT), since


def half(_: float) -> float:
    """Every other request."""
    return 0.5


def found(share: float) -> tuple[int, list[Outcome]]:
    """The sample stated for `CHANGE`, and runs of a little more than that length."""
    stated = requests_needed(ERRORS, ERRORS + CHANGE, share=share, alpha=PLAN.alpha_of(Metric.ERRORS), power=0.9)
    seconds = round(stated / share / PER_SECOND)
    world = World(errors=lambda _: (ERRORS, ERRORS + CHANGE), share=lambda _: share, seconds=seconds)
    return stated, [simulate(world, 20_000 + seed) for seed in range(RUNS)]


def share_of(outcomes: list[Outcome], is_one: Callable[[Outcome], bool]) -> float:
    """How many of them, of all."""
    return sum(map(is_one, outcomes)) / len(outcomes)


def main() -> None:
    """Simulates, prints what came out."""
    started = time.perf_counter()
    alike = World(errors=lambda _: (ERRORS, ERRORS), share=half, seconds=AA_SECONDS)
    aa = [simulate(alike, seed) for seed in range(RUNS)]
    # An outage in the second half, when the candidate gets most of the traffic.
    shifting = World(
        errors=lambda moment: (0.01, 0.01) if moment < 0.5 else (0.15, 0.15),
        share=lambda moment: 0.1 if moment < 0.5 else 0.7,
        seconds=AA_SECONDS,
    )
    shifted = [simulate(shifting, 10_000 + seed) for seed in range(RUNS)]
    slower = World(errors=lambda _: (ERRORS, ERRORS), share=half, seconds=SLOWER_SECONDS, slower=SLOWER)
    slow = [simulate(slower, 30_000 + seed) for seed in range(SLOWER_RUNS)]
    stated, even = found(0.5)
    stated_canary, canary = found(0.1)
    right, right_slow = (
        sorted(each.candidate_requests for each in outcomes if each.answer is Answer.WORSE) for outcomes in (even, slow)
    )
    result = {
        "aa_wrong_share": share_of(aa, lambda each: each.answer is not Answer.HOLD),
        "aa_wrong_share_changing_conditions": share_of(shifted, lambda each: each.answer is not Answer.HOLD),
        "found_share": share_of(even, lambda each: each.answer is Answer.WORSE),
        "found_share_canary": share_of(canary, lambda each: each.answer is Answer.WORSE),
        "found_wrong_way_share": share_of(even + canary, lambda each: each.answer is Answer.BETTER),
        "naive_aa_wrong_share": share_of(aa, lambda each: each.naive_wrong_once),
        "naive_aa_wrong_share_one_look": share_of(aa, lambda each: each.naive_at_end),
        "naive_aa_wrong_share_changing_conditions": share_of(shifted, lambda each: each.naive_wrong_once),
        "naive_found_share_one_look": share_of(even, lambda each: each.naive_at_end),
        "slower_found_share": share_of(slow, lambda each: each.answer is Answer.WORSE),
        "slower_median_sample_to_verdict": right_slow[len(right_slow) // 2],
        "slower_by": SLOWER,
        "runs": RUNS,
        "requests_per_second": PER_SECOND,
        "aa_looks": AA_SECONDS,
        "error_rate": ERRORS,
        "change": CHANGE,
        "stated_sample": stated,
        "median_sample_to_verdict": right[len(right) // 2],
        "stated_sample_canary_10_percent": stated_canary,
        **rollouts.measured(RUNS),
        **checks.measured(RUNS),
        **anomalies.figures(),
        "seconds": round(time.perf_counter() - started, 1),
    }
    for name, value in result.items():
        print(f"{name:42} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
