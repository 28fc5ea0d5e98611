"""Row R19 on the other checks of a rollout: latency, agreement of copies and live accuracy, each by itself, looked at each second.

Where both versions are alike (copies: agree just as often as is asked), "worse" is wrong at any look. Where the candidate is worse, it has to
be found within the sample that the platform states beforehand: twice as many requests slower than the 95th percentile; copies
that agree in 95 % where 98 % are asked; five points more wrong predictions, of which a third is fed back, every 15 seconds.
"""

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.check_finding import CheckAnswer
from modelway_platform.domain.verdicts.rollout import Check, Rollout, RolloutStep
from modelway_platform.domain.verdicts.sample_size import copies_needed, requests_needed, slower_requests_needed
from modelway_platform.domain.verdicts.step_evidence import StepEvidence

PER_SECOND = 20
AA_SECONDS = 300
LEVEL, TWICE_AS_MANY = 0.95, 1.2437  # lognormal, 0.6: a tenth is slower than what a twentieth was slower than
LEAST, AGREES = 0.98, 0.95
WRONG, MORE_WRONG = 0.1, 0.15
LABELLED, LABELS_EVERY = 1 / 3, 15
CHECKS = {
    "latency": Check(name="latency", kind="latency", quantile=LEVEL, tolerance=0.1),
    "agreement": Check(name="agreement", kind="agreement", least=LEAST),
    "accuracy": Check(name="accuracy", kind="accuracy", tolerance=0.02),
}


def rollout_of(kind: str) -> Rollout:
    """One step, half of the traffic, this check alone."""
    return Rollout(
        key=ModelKey("vision", "digits"),
        baseline="v1",
        candidate="v2",
        steps=(RolloutStep(weight=50),),
        checks=(CHECKS[kind],),
    )


def stated(kind: str) -> int:
    """What the candidate has to show for 90 % probability: requests, copies, or labelled predictions."""
    alpha = rollout_of(kind).alpha_of_check
    if kind == "agreement":
        return copies_needed(1 - AGREES, 1 - LEAST, alpha=alpha)
    if kind == "latency":
        return slower_requests_needed(LEVEL, share=0.5, alpha=alpha)
    return requests_needed(WRONG, MORE_WRONG, share=0.5, alpha=alpha)


def one_run(seed: int, *, kind: str, worse: bool) -> tuple[bool, int]:
    """Whether "worse" was said, and how much the candidate had shown by then."""
    random = np.random.default_rng(seed)
    evidence = StepEvidence(rollout_of(kind), 0)
    serve = {"latency": _latencies, "agreement": _copies, "accuracy": _labels}[kind]
    seconds = round(1.3 * stated(kind) / _a_second(kind)) if worse else AA_SECONDS
    shown = 0
    counts = [Counts(), Counts()]
    for second in range(seconds):
        shown += serve(random, evidence, counts, second=second, worse=worse)
        if evidence.suspects(CHECKS[kind]) and evidence.answers()[kind] is CheckAnswer.WORSE:
            return True, shown
    return False, shown


def _a_second(kind: str) -> float:
    share = {"latency": 0.5, "agreement": 1.0, "accuracy": 0.5 * LABELLED}[kind]
    return PER_SECOND * share


def _latencies(
    random: np.random.Generator, evidence: StepEvidence, _: list[Counts], *, second: int, worse: bool
) -> int:
    candidate = random.random(PER_SECOND) < 0.5
    durations = random.lognormal(9.0, 0.6, PER_SECOND) * np.where(candidate & worse, TWICE_AS_MANY, 1.0)
    for theirs, duration in zip(candidate.tolist(), durations.tolist(), strict=True):
        evidence.observe(second, duration, candidate=theirs, failed=False)
    return int(candidate.sum())


def _copies(random: np.random.Generator, evidence: StepEvidence, _: list[Counts], *, second: int, worse: bool) -> int:
    del second
    for agrees in (random.random(PER_SECOND) < (AGREES if worse else LEAST)).tolist():
        evidence.copied(agrees=agrees)
    return PER_SECOND


def _labels(
    random: np.random.Generator, evidence: StepEvidence, counts: list[Counts], *, second: int, worse: bool
) -> int:
    candidate = random.random(PER_SECOND) < 0.5
    labelled = random.random(PER_SECOND) < LABELLED
    wrong = random.random(PER_SECOND) < np.where(candidate & worse, MORE_WRONG, WRONG)
    for place, ours in enumerate((~candidate, candidate)):
        counts[place] = counts[place].plus(Counts(int((labelled & ours).sum()), int((labelled & ours & wrong).sum())))
    if second % LABELS_EVERY == 0:
        evidence.learn("accuracy", *counts)
    return int((labelled & candidate).sum())


def measured(runs: int) -> dict[str, float | int]:
    """Shares of so many runs of each kind that is alike, of a fifth as many that are worse (they take longer), and the stated samples."""
    result: dict[str, float | int] = {"check_runs": runs, "check_found_runs": max(1, runs // 5)}
    with ProcessPoolExecutor() as pool:
        for number, kind in enumerate(CHECKS):

            def of(first: int, count: int, run: Callable[[int], tuple[bool, int]]) -> list[tuple[bool, int]]:
                return list(pool.map(run, range(first, first + count), chunksize=10))

            sample = stated(kind)
            alike = of(300_000 + number * 20_000, runs, partial(one_run, kind=kind, worse=False))
            worse = of(310_000 + number * 20_000, max(1, runs // 5), partial(one_run, kind=kind, worse=True))
            result |= {
                f"check_{kind}_aa_wrong_share": sum(found for found, _ in alike) / runs,
                f"check_{kind}_found_share": sum(found and shown <= sample for found, shown in worse) / len(worse),
                f"check_{kind}_stated_sample": sample,
            }
    return result


def main() -> None:
    """Simulates, prints what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    started = time.perf_counter()
    result = measured(parser.parse_args().runs)
    result["check_seconds"] = round(time.perf_counter() - started, 1)
    for name, value in result.items():
        print(f"{name:42} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
