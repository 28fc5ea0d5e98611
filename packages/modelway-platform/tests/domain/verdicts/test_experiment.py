"""Verdicts from requests one after the other: seldom wrong, soon right, never fooled by what hits both versions."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.domain.verdicts.experiment import Experiment
from modelway_platform.domain.verdicts.sample_size import requests_needed
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Metric, Plan, overall
from modelway_platform.domain.verdicts.verdict_words import finding_words, verdict_words

PLAN = Plan()
Moment = Callable[[float], float]


def answers(
    seed: int,
    requests: int,
    errors: tuple[Moment, Moment],
    *,
    slower: float = 1.0,
    share: Moment = lambda _: 0.5,
    timed: bool = False,
    per_second: int = 20,
    spread: float = 0.5,
) -> Experiment | Answer:
    """The first answer that is not "hold" of a run looked at every second; the experiment if there was none."""
    chance = random.Random(seed)
    experiment = Experiment(PLAN)
    for number in range(requests):
        moment = number / requests
        candidate = chance.random() < share(moment)
        failed = chance.random() < errors[candidate](moment)
        duration = chance.lognormvariate(9, spread) * (slower if candidate else 1) if timed else None
        experiment.observe(number // per_second, duration, candidate=candidate, failed=failed)
        if number % per_second == per_second - 1 and (answer := experiment.answer()) is not Answer.HOLD:
            return answer
    return experiment


def always(value: float) -> Moment:
    return lambda _: value


def test_versions_that_are_alike_are_held() -> None:
    found = [answers(seed, 2000, (always(0.05), always(0.05)), timed=seed < 20) for seed in range(100)]
    assert sum(isinstance(each, Answer) for each in found) <= 2


def test_an_outage_of_both_while_shares_move_fools_nobody() -> None:
    outage: Moment = lambda moment: 0.01 if moment < 0.5 else 0.2  # noqa: E731 - a line says it
    growing: Moment = lambda moment: 0.1 if moment < 0.5 else 0.7  # noqa: E731 - the same
    found = [answers(seed, 3000, (outage, outage), share=growing) for seed in range(40)]
    experiments = [each for each in found if isinstance(each, Experiment)]
    assert len(experiments) >= 39
    findings = experiments[0].findings()
    assert findings[0].interval.low > 0  # who adds up is misled
    assert not findings[0].confirmed
    words = finding_words(findings[0], "v2", PLAN)
    assert "not surely between requests of the same moments" in words


@pytest.mark.parametrize(("rates", "answer"), [((0.02, 0.07), Answer.WORSE), ((0.07, 0.02), Answer.BETTER)])
def test_five_points_are_found_within_the_stated_sample(rates: tuple[float, float], answer: Answer) -> None:
    stated = requests_needed(*rates, share=0.5, alpha=PLAN.alpha_of(Metric.ERRORS))
    found = [answers(seed, 2 * stated, (always(rates[0]), always(rates[1]))) for seed in range(60)]
    assert sum(each is answer for each in found) >= 52
    assert all(each is answer for each in found if isinstance(each, Answer))


def test_a_slower_version_is_worse_and_a_faster_one_better() -> None:
    for slower, answer in ((1.4, Answer.WORSE), (0.7, Answer.BETTER)):
        found = answers(3, 6000, (always(0.0), always(0.0)), slower=slower, timed=True)
        assert found is answer


def test_a_difference_within_the_margin_does_not_matter() -> None:
    found = answers(4, 15_000, (always(0.0), always(0.0)), slower=1.04, timed=True, spread=0.02)
    assert isinstance(found, Experiment)
    median = found.findings()[1]
    assert median.interval.low > 0
    assert median.confirmed
    assert "not surely by more than 5 %" in finding_words(median, "v2", PLAN)


def test_nothing_is_said_before_the_minimum_sample() -> None:
    experiment = Experiment(PLAN)
    for number in range(2 * PLAN.minimum - 2):
        experiment.observe(number // 4, 1000.0, candidate=bool(number % 2), failed=bool(number % 2))
    assert experiment.answer() is Answer.HOLD
    assert experiment.findings()[0].requests_left >= 1
    for number in range(8):
        experiment.observe(1000 + number, 1000.0, candidate=bool(number % 2), failed=bool(number % 2))
    assert experiment.answer() is Answer.WORSE


def test_requests_that_are_too_rare_for_blocks_of_a_second_still_count() -> None:
    experiment = Experiment(PLAN)
    for number in range(1200):
        experiment.observe(10 * number, 1000.0, candidate=bool(number % 2), failed=bool(number % 2) and number % 3 == 0)
    assert experiment.answer() is Answer.WORSE


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans(), st.one_of(st.none(), st.floats(0, 1e9)))))
def test_every_run_can_be_told(requests: list[tuple[int, bool, bool, float | None]]) -> None:
    experiment = Experiment(PLAN)
    for second, candidate, failed, duration in sorted(requests, key=lambda each: each[0]):
        experiment.observe(second, duration, candidate=candidate, failed=failed)
    findings = experiment.findings()
    assert experiment.answer() is overall([each.answer for each in findings]) is Answer.HOLD
    assert sum(side.requests for side in experiment.seen()) == len(requests)
    words = [verdict_words(Answer.HOLD, findings, "v2", PLAN), *(finding_words(each, "v2", PLAN) for each in findings)]
    assert all(words)
    assert "inf" not in " ".join(words)


def test_words_say_what_and_how_much() -> None:
    experiment = Experiment(PLAN)
    chance = random.Random(1)
    for number in range(4000):
        candidate = bool(number % 2)
        failed = chance.random() < (0.1 if candidate else 0.02)
        experiment.observe(number // 20, chance.lognormvariate(8, 0.2), candidate=candidate, failed=failed)
    findings = experiment.findings()
    words = verdict_words(experiment.answer(), findings, "v2", PLAN)
    assert words.startswith("v2 is worse: error rate of v2 is higher: between +")
    assert "points (seen 2." in words
    assert "more requests of v2" in finding_words(findings[2], "v2", PLAN)


def test_worse_in_one_thing_is_worse() -> None:
    assert overall([Answer.BETTER, Answer.WORSE]) is Answer.WORSE
    assert overall([Answer.BETTER, Answer.HOLD]) is Answer.BETTER
    assert overall([Answer.HOLD]) is Answer.HOLD


def test_findings_have_an_order() -> None:
    findings: tuple[Finding, ...] = Experiment(PLAN).findings()
    assert [each.metric for each in findings] == [Metric.ERRORS, Metric.LATENCY_P50, Metric.LATENCY_P99]
    assert finding_words(findings[1], "v2", PLAN) == "median latency: nothing to compare yet"
