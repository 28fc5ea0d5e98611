"""Shares of answers that move: found although everything sways, not found while it only sways, over when it is over."""

from dataclasses import replace
from math import exp, log
from random import Random

import pytest

from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.drift_check import check_drift, learn_drift, outputs_of
from modelway_platform.domain.anomalies.judge import Recent, judge
from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding, Judgement, Sensitivity, bar_of
from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.anomalies.share_profile import HOUR, ShareProfile, learn_shares, numbers_of
from modelway_platform.domain.anomalies.share_shift import check_shares
from modelway_platform.domain.anomalies.usual_model import History, learn

DAYS = 21
AT = 1_762_732_800 + DAYS * 24 * HOUR
SHARES = {"cat": 0.4, "dog": 0.3, "bird": 0.2, "fish": 0.1}
BAR = bar_of(Sensitivity.NORMAL, 24)


class Answers:
    """Samples of a mix that sways from hour to hour and over the day; `moved` is added to the logit of fish."""

    def __init__(self, seed: int, an_hour: int = 1000, sway: float = 0.06) -> None:
        self.random = Random(seed)
        self.an_hour = an_hour
        self.noise = {hour: {each: self.random.gauss(0, sway) for each in SHARES} for hour in range(DAYS * 24 + 48)}

    def sample(self, at: int, seconds: int, moved: float = 0.0) -> Sample:
        hour = (at - AT) // HOUR + DAYS * 24
        day = 0.3 * (1 if at // HOUR % 24 < 12 else -1)
        weights = {each: share * exp(self.noise[hour][each]) for each, share in SHARES.items()}
        weights["cat"] *= exp(day)
        weights["fish"] *= exp(moved)
        many = self.an_hour * seconds // HOUR
        said = self.random.choices(list(weights), list(weights.values()), k=many)
        return Sample(
            at=at, seconds=seconds, requests=many, outputs={"label": {each: said.count(each) for each in SHARES}}
        )

    def hours(self, moved: float = 0.0, since: int = AT) -> list[Sample]:
        """Up to `AT`."""
        every = range(AT - DAYS * 24 * HOUR, AT, HOUR)
        return [self.sample(at, HOUR, moved if at >= since else 0.0) for at in every]

    def tens(self, begin: int, moved: float = 0.0, since: int = 0) -> list[Sample]:
        return [self.sample(at, 600, moved if at >= since else 0.0) for at in range(begin, begin + 3 * HOUR, 600)]


def found(profiles: dict[str, ShareProfile], tens: list[Sample], bar: Bar = BAR) -> Finding | None:
    return check_shares(Cause.OUTPUTS, profiles, tens, outputs_of, bar)[0]


def learned(hours: list[Sample]) -> dict[str, ShareProfile]:
    return dict(learn_shares(hours, outputs_of, at=AT))


def test_a_move_of_one_value_is_found_where_the_whole_says_nothing() -> None:
    answers = Answers(1)
    hours = answers.hours()
    tens = answers.tens(AT, 0.7)
    finding = found(learned(hours), tens)
    assert finding is not None
    assert (finding.cause, finding.kind, finding.unit, finding.at) == (Cause.OUTPUTS, "drift", "logit", AT + 3 * HOUR)
    assert finding.words.startswith("label: 'fish' 1")
    assert 0.4 < finding.measured < 1.3
    whole = check_drift(Cause.OUTPUTS, learn_drift(hours, outputs_of, at=AT), tens[-7:], outputs_of, BAR)
    assert whole.finding is None


@pytest.mark.parametrize("sway", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(7))
def test_what_only_sways_is_no_finding(seed: int, sway: float) -> None:
    answers = Answers(seed, sway=sway)
    profiles = learned(answers.hours())
    assert profiles
    for begin in range(AT, AT + 24 * HOUR, 4 * HOUR):
        assert found(profiles, answers.tens(begin)) is None


def test_few_requests_show_over_twelve_hours_what_they_do_not_show_over_one() -> None:
    answers = Answers(3, an_hour=100)
    hours = answers.hours(1.0, AT - 10 * HOUR)
    tens = answers.tens(AT, 1.0)
    finding = found(learned(hours), tens)
    assert finding is not None
    assert "the last 12 hours" in finding.words
    assert finding.since == finding.at - 12 * HOUR
    assert found(learned(answers.hours()), answers.tens(AT - 2 * HOUR, 1.0, AT)) is None  # it has only just begun


def test_it_is_over_when_it_is_over() -> None:
    answers = Answers(4)
    profiles = learned(answers.hours(1.0, AT - 10 * HOUR))
    assert found(profiles, answers.tens(AT, 1.0), BAR.halved()) is not None
    assert found(profiles, answers.tens(AT), BAR.halved()) is None


def test_a_past_drift_teaches_nothing() -> None:
    answers = Answers(5)
    hours = [
        answers.sample(each.at, HOUR, 1.0) if AT - 60 * HOUR <= each.at < AT - 30 * HOUR else each
        for each in answers.hours()
    ]
    assert found(learned(hours), answers.tens(AT)) is None
    assert found(learned(hours), answers.tens(AT, 1.0)) is not None


def test_what_varies_much_has_to_move_more() -> None:
    steady, restless = Answers(6, sway=0.05), Answers(6, sway=0.4)
    assert found(learned(steady.hours()), steady.tens(AT, 0.7)) is not None
    assert found(learned(restless.hours()), restless.tens(AT, 0.5)) is None


def test_numbers_are_looked_at_from_below() -> None:
    random = Random(7)

    def sample(at: int, seconds: int, moved: float = 0.0) -> Sample:
        bins: dict[str, int] = {}
        for _ in range(1000 * seconds // HOUR):
            place = f"#{round(random.gauss(10 + moved, 2))}"
            bins[place] = bins.get(place, 0) + 1
        return Sample(at=at, seconds=seconds, requests=1000, outputs={"score": bins})

    hours = [sample(at, HOUR) for at in range(AT - DAYS * 24 * HOUR, AT, HOUR)]
    profiles = learned(hours)
    assert all(isinstance(each, int) for each in profiles["score"].values)
    assert found(profiles, [sample(at, 600) for at in range(AT, AT + 3 * HOUR, 600)]) is None
    finding = found(profiles, [sample(at, 600, 0.8) for at in range(AT, AT + 3 * HOUR, 600)])
    assert finding is not None
    assert finding.words.startswith("score: up to ")
    assert finding.measured < 0  # fewer are so small


def test_too_little_of_anything_is_not_judged() -> None:
    answers = Answers(8)
    hours = answers.hours()
    assert learned(hours[-50:]) == {}
    assert learned([replace(each, outputs={}) for each in hours]) == {}
    profiles = learned(hours)
    assert check_shares(Cause.OUTPUTS, profiles, [], outputs_of, BAR) == (None, 0)
    nothing = [replace(each, outputs={}) for each in answers.tens(AT + 48 * HOUR - 12 * HOUR)]
    assert check_shares(Cause.OUTPUTS, profiles, nothing, outputs_of, BAR) == (None, 0)
    assert check_shares(Cause.OUTPUTS, {}, answers.tens(AT), outputs_of, BAR) == (None, 0)


def test_trifles_are_not_told_however_certain_they_are() -> None:
    answers = Answers(9, an_hour=200_000, sway=0.0)
    steady = [
        Sample(at=at, seconds=HOUR, requests=200_000, outputs={"label": {"a": 196_000, "b": 4_000}})
        for at in range(AT - DAYS * 24 * HOUR, AT, HOUR)
    ]
    doubled = [
        Sample(at=at, seconds=600, requests=30_000, outputs={"label": {"a": 29_100, "b": 900}})
        for at in range(AT, AT + 3 * HOUR, 600)
    ]
    assert found(learned(steady), doubled) is None  # 2 % became 3 %
    assert answers.an_hour


def test_what_is_kept_of_a_feature_is_small_and_right() -> None:
    answers = Answers(10)
    profile = learned(answers.hours())["label"]
    assert profile.values == ("cat", "dog", "bird", "fish")
    assert sum(map(len, (profile.usual, profile.varies, profile.scores, profile.weights))) < 1000
    mornings, nights = numbers_of(profile.usual)[4 * 6], numbers_of(profile.usual)[4 * 18]
    assert log(mornings / (1 - mornings)) - log(nights / (1 - nights)) == pytest.approx(0.6, abs=0.1)
    assert all(0.02 < each < 0.12 for each in numbers_of(profile.varies))


def judged(answers: Answers, moved: float) -> Judgement:
    """As the watching process does it, at three hours after `AT`."""
    end = AT + 3 * HOUR
    hours = [*answers.hours(moved, AT - 8 * HOUR), *(answers.sample(at, HOUR, moved) for at in range(AT, end, HOUR))]
    tens = answers.tens(AT, moved)
    looks = {"looks": [each.at for each in hours], "ten_looks": [each.at for each in tens]}
    usual = learn(History(**looks, hours={"v1": hours}, tens={"v1": tens}), at=end)
    recent = Recent(step=60, end=end, looks=(), steps={}, ten_looks=looks["ten_looks"], tens={"v1": tens})
    (found,) = judge(usual, recent, AnomalyPolicy(causes=frozenset({Cause.OUTPUTS})), models=24)
    return found


def test_outputs_are_judged_as_a_whole_and_value_by_value() -> None:
    fine = judged(Answers(11), 0.0)
    assert (fine.finding, fine.blind) == (None, "")
    assert "1 features" in fine.basis
    assert "4 values by themselves" in fine.basis
    moved = judged(Answers(11), 0.6)
    assert moved.finding is not None
    assert moved.finding.unit == "logit"


def test_models_that_are_asked_seldom_are_no_longer_out_of_sight() -> None:
    """Eighty requests an hour are too few for the whole of an hour, and enough for values over twelve."""
    fine = judged(Answers(12, an_hour=80), 0.0)
    assert (fine.finding, fine.blind) == (None, "")
    moved = judged(Answers(12, an_hour=80), 1.2)
    assert moved.finding is not None
    assert moved.finding.words.endswith("over the last 12 hours; more than days and hours vary")
