"""Labels and rewards: what is alike is not called different, what differs is found, and limits of rewards are kept."""

import random

import pytest

from modelway_platform.domain.verdicts.sample_size import requests_needed
from modelway_platform.domain.verdicts.told_evidence import Told, ToldEvidence
from modelway_platform.domain.verdicts.verdict import Answer, Finding, Metric, Plan
from modelway_platform.domain.verdicts.verdict_words import finding_words

PLAN = Plan()


def block(chance: random.Random, size: int, wrong: float, reward: float) -> Told:
    """So many predictions with labels, and rewards around a mean."""
    rewards = [min(1.0, max(0.0, chance.gauss(reward, 0.2))) for _ in range(size)]
    return Told(
        compared=size, wrong=sum(chance.random() < wrong for _ in range(size)),
        rewarded=size, rewards=sum(rewards), least=min(rewards), most=max(rewards),
    )  # fmt: skip


def told(
    seed: int, blocks: int, wrong: tuple[float, float], reward: tuple[float, float]
) -> tuple[list[Answer], Finding, Finding]:
    """Every answer on the way, and the last findings of accuracy and reward."""
    chance, evidence, answers = random.Random(seed), ToldEvidence(PLAN), list[Answer]()
    for _ in range(blocks):
        evidence.add(block(chance, 20, wrong[0], reward[0]), block(chance, 20, wrong[1], reward[1]))
        answers += evidence.answers().values()
    of_labels, of_rewards = evidence.findings((10_000, 10_000))
    return answers, of_labels, of_rewards


def test_what_is_alike_is_not_called_different_however_often_one_looks() -> None:
    wrong = sum(set(told(seed, 60, (0.1, 0.1), (0.6, 0.6))[0]) != {Answer.HOLD} for seed in range(60))
    assert wrong <= 3, "5 % of 60"


def test_a_version_that_is_wrong_more_often_is_found_within_the_stated_sample() -> None:
    stated = requests_needed(0.1, 0.2, share=0.5, alpha=PLAN.alpha_of(Metric.ACCURACY), power=0.9)
    found = [Answer.WORSE in told(seed, stated // 20 + 1, (0.1, 0.2), (0.6, 0.6))[0] for seed in range(30)]
    assert sum(found) >= 24


def test_more_reward_is_better_and_said_so() -> None:
    _, accuracy, reward = told(1, 150, (0.1, 0.1), (0.4, 0.6))
    assert (accuracy.answer, reward.answer, reward.confirmed) == (Answer.HOLD, Answer.BETTER, True)
    assert reward.baseline == pytest.approx(0.4, abs=0.02)
    assert reward.candidate == pytest.approx(0.6, abs=0.02)
    assert 0 < reward.interval.low < 0.2 < reward.interval.high
    assert finding_words(reward, "v2", PLAN).startswith("reward of v2 is higher: between +0.")
    worse = told(2, 150, (0.1, 0.3), (0.6, 0.6))[1]
    assert (worse.answer, worse.baseline, worse.candidate) == (
        Answer.WORSE, pytest.approx(0.9, abs=0.03), pytest.approx(0.7, abs=0.03),
    )  # fmt: skip
    assert worse.interval.high < 0
    assert finding_words(worse, "v2", PLAN).startswith("accuracy of v2 is lower: between -")


def test_limits_of_rewards_are_said_beforehand() -> None:
    evidence = ToldEvidence(PLAN)
    evidence.add(Told(rewarded=2, rewards=-1, least=-1, most=0), Told(rewarded=1, rewards=0.5, least=0.5, most=0.5))
    (found,) = evidence.findings((10, 10))
    assert (found.metric, found.answer) == (Metric.REWARD, Answer.HOLD)
    assert "rewards lie between -1 and 0.5, not 0 and 1" in finding_words(found, "v2", PLAN)
    wide = ToldEvidence(Plan(rewards=(-1.0, 1.0)))
    wide.add(evidence.baseline, evidence.candidate)
    (found,) = wide.findings((10, 10))
    assert (found.baseline, found.candidate, found.problem) == (-0.5, 0.5, "")


def test_a_block_that_has_not_ended_wins_nothing_and_nothing_told_says_nothing() -> None:
    evidence = ToldEvidence(PLAN)
    assert evidence.findings((10, 10)) == ()
    evidence.add(Told(compared=3000, wrong=100), Told(compared=3000, wrong=900), ended=False)
    (found,) = evidence.findings((3000, 3000))
    assert (found.answer, found.confirmed) == (Answer.HOLD, False)


def test_what_is_left_to_go_counts_requests_of_which_few_are_labelled() -> None:
    few, all_of_them = ToldEvidence(PLAN), ToldEvidence(PLAN)
    for each in (few, all_of_them):
        each.add(Told(compared=100, wrong=10), Told(compared=100, wrong=10))
    assert few.findings((1000, 1000))[0].requests_left == pytest.approx(
        10 * all_of_them.findings((100, 100))[0].requests_left, rel=0.01
    )
