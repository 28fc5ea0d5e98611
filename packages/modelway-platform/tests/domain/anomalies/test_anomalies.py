"""Judging a model by what is usual of it: each kind of anomaly is found, ordinary weeks are left alone, and nothing is made up without a history."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log, pi, sin
from typing import Any

import pytest

from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy, read_policy
from modelway_platform.domain.anomalies.features import features_of, number_bin, place_of
from modelway_platform.domain.anomalies.incident import Incident, IncidentState, acknowledged, advance
from modelway_platform.domain.anomalies.judge import Recent, judge
from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement, Sensitivity, bar_of
from modelway_platform.domain.anomalies.sample import Sample, latency_bin, merged
from modelway_platform.domain.anomalies.surprise import (
    chi_squared_surprise,
    count_surprise,
    deviations_of,
    kolmogorov_surprise,
    log_tail,
    share_surprise,
    silence_surprise,
)
from modelway_platform.domain.anomalies.usual_model import History, UsualModel, learn
from modelway_platform.domain.identity import ModelKey

HOUR, START = 3600, 1_762_732_800  # a Monday
NOW = START + 22 * 24 * HOUR + 14 * HOUR
MODEL = ModelKey("vision", "digits")
PER_MINUTE = 120


def rate(at: int) -> float:
    """Requests per minute: a day with a peak, quiet weekends."""
    weekend = 0.5 if (at // 86_400 + 3) % 7 >= 5 else 1.0
    return PER_MINUTE * weekend * (1 + 0.6 * sin(2 * pi * at / 86_400))


def sample(chance: random.Random, at: int, seconds: int, **fields: Any) -> Sample:
    requests = max(0, round(chance.gauss(1, 0.05) * rate(at + seconds // 2) * seconds / 60))
    middle = latency_bin(10_000)
    latency: dict[int, int] = {}
    for _ in range(min(requests, 200)):
        index = middle + round(chance.gauss(0, 3))
        latency[index] = latency.get(index, 0) + max(1, requests // 200)
    looked = min(requests, 100 * seconds // 60)
    whole = Sample(
        at=at,
        seconds=seconds,
        requests=requests,
        failed=round(requests * 0.005),
        latency=latency,
        compared=requests // 4,
        disagreed=round(requests * 0.005),
        outputs={"label": {"cat": looked * 6 // 10, "dog": looked * 4 // 10}},
        inputs={"size": {"#10": looked // 4, "#11": looked // 2, "#12": looked // 4}},
    )
    return replace(whole, **fields)


@pytest.fixture(scope="module")
def usual() -> UsualModel:
    chance = random.Random(1)
    hours = [sample(chance, at, HOUR) for at in range(START, NOW, HOUR)]
    tens = [sample(chance, at, 600) for at in range(NOW - 8 * 24 * HOUR, NOW, 600)]
    times: dict[str, Any] = {"looks": [each.at for each in hours], "ten_looks": [each.at for each in tens]}
    return learn(History(**times, hours={"v1": hours}, tens={"v1": tens}), at=NOW)


def lately(change: Callable[[Sample], Sample], minutes: int = 10, **fields: Any) -> Recent:
    """The last half hour and three hours, the last minutes of it changed."""
    chance = random.Random(2)
    steps = [sample(chance, at, 60) for at in range(NOW - 1800, NOW, 60)]
    tens = [sample(chance, at, 600) for at in range(NOW - 3 * HOUR, NOW, 600)]
    steps = [change(each) if each.at >= NOW - minutes * 60 else each for each in steps]
    tens = [change(each) if each.at >= NOW - minutes * 60 else each for each in tens]
    times: dict[str, Any] = {"looks": [each.at for each in steps], "ten_looks": [each.at for each in tens]}
    return Recent(step=60, end=NOW, steps={"v1": steps}, tens={"v1": tens}, **(times | fields))


def found(usual: UsualModel, recent: Recent, **more: Any) -> dict[Cause, Finding]:
    judgements = judge(usual, recent, AnomalyPolicy(), models=10, **more)
    return {each.cause: each.finding for each in judgements if each.finding is not None}


def same(each: Sample) -> Sample:
    return each


def slower(each: Sample) -> Sample:
    return replace(each, latency={index + 8: count for index, count in each.latency.items()})


WRONG: Sequence[tuple[Cause, str, Callable[[Sample], Sample], int]] = (
    (Cause.TRAFFIC, "drop", lambda each: replace(each, requests=each.requests // 4), 5),
    (Cause.TRAFFIC, "surge", lambda each: replace(each, requests=each.requests * 3), 5),
    (Cause.ERRORS, "errors", lambda each: replace(each, failed=each.requests // 10), 4),
    (Cause.ERRORS, "refusals", lambda each: replace(each, refused=each.requests // 3), 4),
    (Cause.LATENCY, "slower", slower, 4),
    (Cause.MIRROR, "disagreement", lambda each: replace(each, disagreed=each.compared // 4), 30),
    (Cause.OUTPUTS, "drift", lambda each: replace(each, outputs={"label": {"cat": 100, "dog": 500}}), 90),
    (Cause.INPUTS, "drift", lambda each: replace(each, inputs={"size": {"#12": 300, "#13": 300}}), 90),
)


@pytest.mark.parametrize(("cause", "kind", "change", "minutes"), WRONG, ids=[each[1] + "-" + each[0] for each in WRONG])
def test_each_kind_of_anomaly_is_found_and_nothing_else(
    usual: UsualModel, cause: Cause, kind: str, change: Callable[[Sample], Sample], minutes: int
) -> None:
    findings = found(usual, lately(change, minutes))
    assert set(findings) == {cause}
    assert findings[cause].kind == kind
    assert findings[cause].words


def test_usual_minutes_are_fine_in_all_respects(usual: UsualModel) -> None:
    judgements = judge(usual, lately(same), AnomalyPolicy(), models=10)
    assert {each.cause for each in judgements} == set(Cause)
    assert not [each for each in judgements if each.finding or each.blind]


@pytest.mark.parametrize(("cause", "kind", "change", "minutes"), WRONG[:5], ids=[each[1] for each in WRONG[:5]])
def test_one_bad_minute_raises_nothing(
    usual: UsualModel, cause: Cause, kind: str, change: Callable[[Sample], Sample], minutes: int
) -> None:
    assert not found(usual, lately(change, 1))


def test_silence_is_told_as_soon_as_so_many_were_to_be_expected(usual: UsualModel) -> None:
    def silent(minutes: int) -> Recent:
        nothing = lately(lambda each: Sample(at=each.at, seconds=each.seconds), minutes)
        return replace(nothing, silent_since=NOW - minutes * 60, looked_at=minutes * 60)

    assert not found(usual, silent(2))
    assert found(usual, silent(4))[Cause.TRAFFIC].kind == "silence"
    off = replace(silent(25), looks=(), looked_at=0)  # the platform itself was off
    assert not found(usual, off)


def test_what_is_known_to_be_wrong_is_over_only_when_it_is_well_below(usual: UsualModel) -> None:
    little = lately(lambda each: replace(each, failed=round(each.requests * 0.018)), 30)
    assert not found(usual, little)
    assert set(found(usual, little, wrong=frozenset({Cause.ERRORS}))) == {Cause.ERRORS}


def test_without_a_history_it_says_what_it_cannot_judge_and_why() -> None:
    new = learn(History(looks=(), hours={}), at=NOW)
    judgements = {each.cause: each for each in judge(new, lately(same), AnomalyPolicy())}
    blind = {cause: each.blind for cause, each in judgements.items() if each.blind}
    assert set(blind) == set(Cause) - {Cause.ERRORS}
    assert "0 of 156 hours" in blind[Cause.TRAFFIC]
    assert "no history yet" in judgements[Cause.ERRORS].basis
    broken = lately(lambda each: replace(each, failed=each.requests // 5))
    assert found(new, broken)[Cause.ERRORS].measured == pytest.approx(0.2, abs=0.02)


def test_a_past_outage_teaches_nothing() -> None:
    chance = random.Random(3)
    out = range(NOW - 7 * 24 * HOUR - 5 * HOUR, NOW - 7 * 24 * HOUR + 5 * HOUR)
    hours = [sample(chance, at, HOUR) for at in range(START, NOW, HOUR)]
    hours = [replace(each, requests=0, failed=0) if each.at in out else each for each in hours]
    looks = [each.at for each in hours]
    learned = learn(History(looks=looks, hours={"v1": hours}), at=NOW)
    assert learned.traffic is not None
    assert learned.traffic.rate(NOW) * 60 == pytest.approx(rate(NOW), rel=0.15)


def test_a_version_without_a_past_is_judged_by_its_model(usual: UsualModel) -> None:
    recent = lately(lambda each: replace(each, failed=each.requests // 10))
    moved = replace(recent, steps={"v2": recent.steps["v1"]}, tens={})
    assert found(usual, moved)[Cause.ERRORS].version == "v2"


def test_a_policy_says_what_is_watched_and_how_closely(usual: UsualModel) -> None:
    some = lately(lambda each: replace(each, failed=round(each.requests * 0.024)), 30)
    by = {each: judge(usual, some, AnomalyPolicy(sensitivity=each)) for each in Sensitivity}
    assert {each: any(one.finding for one in of) for each, of in by.items()} == {
        Sensitivity.LOW: False, Sensitivity.NORMAL: False, Sensitivity.HIGH: True,
    }  # fmt: skip
    assert not judge(usual, some, AnomalyPolicy(causes=frozenset()))
    assert read_policy("high", ["errors"]) == AnomalyPolicy(
        sensitivity=Sensitivity.HIGH, causes=frozenset({Cause.ERRORS})
    )
    assert read_policy("", []) == AnomalyPolicy()
    assert read_policy("", ["none"]) == AnomalyPolicy(causes=frozenset())
    problems = read_policy("loud", ["errors", "moods", "all"])
    assert isinstance(problems, list)
    assert len(problems) == 3


def test_more_models_raise_the_bar() -> None:
    assert bar_of(Sensitivity.NORMAL, 5000).log_alpha == pytest.approx(
        bar_of(Sensitivity.NORMAL, 1).log_alpha - log(5000)
    )


# --- incidents ---


def judgement(minute: int, surprise: float = -20.0, version: str = "v1") -> Judgement:
    finding = Finding(
        cause=Cause.ERRORS, kind="errors", version=version, since=minute * 60 - 300, at=minute * 60, measured=0.2,
        expected=0.01, unit="share", surprise=surprise, words="many",
    )  # fmt: skip
    return Judgement(cause=Cause.ERRORS, version=version, finding=finding)


FINE, BLIND = Judgement(cause=Cause.ERRORS), Judgement(cause=Cause.ERRORS, blind="why")


def at(minute: int, known: Incident | None, *judgements: Judgement) -> Incident | None:
    return advance(known, MODEL, judgements, at=minute * 60, step=60)


def test_an_incident_is_one_however_often_and_of_however_many_versions_it_is_seen() -> None:
    one = at(0, None, judgement(0), judgement(0, -30.0, "v2"))
    assert one is not None
    assert (one.finding.version, one.versions) == ("v2", ("v2", "v1"))
    later = at(5, one, judgement(5, -25.0, "v3"))
    assert later is not None
    assert (later.opened_at, later.seen_at, later.finding.surprise) == (0, 300, -30.0)
    assert later.versions == ("v2", "v1", "v3")


def test_it_is_over_after_ten_clear_minutes_and_the_same_again_soon_after() -> None:
    known = at(0, None, judgement(0))
    assert known is not None
    assert at(9, known, FINE) is known
    assert at(30, known) is known, "it was not judged"
    assert at(30, known, BLIND) is known, "nothing could be told"
    over = at(10, known, FINE)
    assert over is not None
    assert (over.state, over.resolved_at) == (IncidentState.RESOLVED, 600)
    assert at(11, over, FINE) is over
    again = at(30, acknowledged(over, "ann", "", 700), judgement(30))
    assert again is not None
    assert (again.state, again.times, again.opened_at) == (IncidentState.OPEN, 2, 0)
    fresh = at(60, over, judgement(60))
    assert fresh is not None
    assert (fresh.times, fresh.opened_at) == (1, 3600)
    assert at(60, known, BLIND) is not known


def test_acknowledging_twice_changes_nothing() -> None:
    known = at(0, None, judgement(0))
    assert known is not None
    mine = acknowledged(known, "ann", "looking", 60)
    assert (mine.state, mine.acknowledged_by, mine.note) == (IncidentState.ACKNOWLEDGED, "ann", "looking")
    assert acknowledged(mine, "bob", "", 120) == mine
    seen = at(5, mine, judgement(5))
    assert seen is not None
    assert seen.state is IncidentState.ACKNOWLEDGED


# --- statistics ---


def test_surprises_are_probabilities_that_tables_have() -> None:
    assert deviations_of(log(0.001)) == pytest.approx(3.0902, abs=1e-3)
    assert deviations_of(-1000.0) == pytest.approx(44.6, abs=0.1)
    assert log_tail(deviations_of(-40.0)) == pytest.approx(-40, abs=0.1)
    assert chi_squared_surprise(18.307, 10) == pytest.approx(log(0.05), abs=0.02)
    assert chi_squared_surprise(29.588, 10) == pytest.approx(log(0.001), abs=0.1)
    assert kolmogorov_surprise(0.136, 200, 200) == pytest.approx(log(0.05), abs=0.05)
    assert share_surprise(5, 100, 0.05) == 0
    assert share_surprise(20, 100, 0.05) < log(1e-6)
    assert share_surprise(20, 100, 0.05) > log(2.6e-8), "a bound is above the exact tail"
    assert silence_surprise(10, 0) == -10
    assert silence_surprise(10, 0.5) > -10
    assert abs(count_surprise(100, 100, 0.1)) < 0.1
    assert count_surprise(160, 100, 0.0) == pytest.approx(5.3, abs=0.1)


def test_features_are_few_named_and_bounded() -> None:
    answer: Mapping[str, Any] = {"label": "cat", "score": 0.42, "probabilities": [0.1, 0.7, 0.2], "boxes": [{"x": 1.5}]}
    told = features_of(answer, categories=True)
    assert told["label"] == "cat"
    assert told["score"] == "#8"
    assert told["probabilities.largest"] == "1"
    assert told["boxes[0].x"] == number_bin(1.5)
    assert features_of({"text": "a secret"}, categories=False) == {"text.length": number_bin(8)}
    assert features_of("dog", categories=True) == {"it": "dog"}
    assert len(features_of({str(n): {str(m): m for m in range(50)} for n in range(50)}, categories=True)) == 24
    places = [place_of(number_bin(value)) for value in (-5.0, -0.5, 0.0, 0.3, 0.31, 2.0, 1e9)]
    assert places == sorted(places, key=lambda each: each or 0)
    assert place_of("cat") is None
    assert number_bin(float("nan")) == "nan"


def test_samples_add_up() -> None:
    one = Sample(at=0, seconds=60, requests=2, latency={10: 2}, outputs={"label": {"a": 1}})
    other = Sample(at=60, seconds=60, requests=3, failed=1, latency={10: 1, 20: 1}, outputs={"label": {"b": 2}})
    both = merged([one, other], 0, 120)
    assert (both.requests, both.failed, both.latency) == (5, 1, {10: 3, 20: 1})
    assert both.outputs == {"label": {"a": 1, "b": 2}}
    assert Sample(at=0, seconds=60).latency_ms(0.5) is None
