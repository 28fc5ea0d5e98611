"""Row R19 on whole rollouts in short: good ones are promoted, bad ones found within the stated sample, looked at every second."""

from benchmarks.rollouts import ROLLOUT, one_run, stated_sample

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.check_finding import CheckAnswer
from modelway_platform.domain.verdicts.rollout import Check, Rollout, RolloutStep
from modelway_platform.domain.verdicts.step_evidence import StepEvidence

RUNS = 8


def test_alike_is_promoted_and_worse_goes_back_in_time() -> None:
    """1,000 runs of each are `make bench-verdicts`; with these seeds at most one of so few may differ."""
    alike = [one_run(seed, errors=(0.05, 0.05), per_second=400) for seed in range(RUNS)]
    assert [each.phase for each in alike].count("Promoted") >= RUNS - 1
    worse = [one_run(100 + seed, errors=(0.05, 0.10), per_second=200) for seed in range(RUNS)]
    found = [each for each in worse if each.phase == "RolledBack" and each.step == 0]
    assert len([each for each in found if each.requests <= stated_sample(0.05, 0.05)]) >= RUNS - 1


def test_the_parts_of_alpha_add_up() -> None:
    parts = len(ROLLOUT.steps) * len(ROLLOUT.checks)
    assert ROLLOUT.alpha_of_check * parts == ROLLOUT.alpha


def test_evidence_goes_on_where_it_was_kept() -> None:
    latency = Check(name="latency", kind="latency", quantile=0.9, tolerance=0.2)
    rollout = Rollout(
        key=ROLLOUT.key,
        baseline="v1",
        candidate="v2",
        steps=(RolloutStep(weight=50),),
        checks=(*ROLLOUT.checks, latency, Check(name="agreement", kind="agreement")),
    )
    whole, first = StepEvidence(rollout, 0), StepEvidence(rollout, 0)

    def feed(evidence: StepEvidence, numbers: range) -> None:
        for number in numbers:
            slow = 2 if number % 2 else 1
            evidence.observe(
                number // 10, 1000.0 * (1 + number % 7) * slow, candidate=number % 2 == 1, failed=number % 9 == 0
            )
            evidence.copied(agrees=number % 50 != 0)

    feed(whole, range(3000))
    feed(first, range(1234))
    second = StepEvidence(rollout, 0)
    second.restore(first.to_json())
    feed(second, range(1234, 3000))
    assert second.to_json() == whole.to_json()
    assert second.findings() == whole.findings()
    assert second.answers()["latency"] is CheckAnswer.WORSE


def test_counts_that_shrink_are_not_believed() -> None:
    evidence = StepEvidence(ROLLOUT, 0)
    for times in range(1, 5):  # the first block only tells what to bet on
        evidence.learn("accuracy", Counts(25 * times, 2 * times), Counts(25 * times, 15 * times))
    assert evidence.answers()["accuracy"] is CheckAnswer.WORSE
    evidence.learn("accuracy", Counts(90, 10), Counts(100, 60))
    assert evidence.answers()["accuracy"] is CheckAnswer.HOLD
    assert "become smaller" in evidence.finding(ROLLOUT.checks[1]).problem
    evidence.learn("accuracy", Counts(120, 12), Counts(110, 66))
    assert evidence.answers()["accuracy"] is CheckAnswer.WORSE
