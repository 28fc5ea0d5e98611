"""Several models that fail at once are folded by what they share; properties over arbitrary incidents and places."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.domain.anomalies.incident import Incident, Together
from modelway_platform.domain.anomalies.judgement import Cause, Finding
from modelway_platform.domain.anomalies.shared_trouble import (
    ALL_OF_THEM,
    LEAST_MODELS,
    WINDOW_SECONDS,
    Places,
    Shared,
    Trouble,
    fold,
    shared_words,
)
from modelway_platform.domain.identity import ModelKey

MODELS = [ModelKey(f"p{number % 3}", f"m{number}") for number in range(12)]
THINGS = [Shared("node", "10.0.0.1"), Shared("node", "10.0.0.2"), Shared("cluster", "east"), Shared("gateway", "g2")]


def incident(model: ModelKey, at: float = 0.0, cause: Cause = Cause.ERRORS, kind: str = "errors") -> Incident:
    finding = Finding(
        cause=cause, kind=kind, since=at, at=at, measured=1, expected=0, unit="share", surprise=-50, words="it fails"
    )
    return Incident(id=f"{model}-{cause}", model=model, cause=cause, finding=finding, opened_at=at, seen_at=at)


def on(shared: Shared, models: list[ModelKey], also: Mapping[ModelKey, frozenset[Shared]] | None = None) -> Places:
    known = dict(also or {})
    return known | {model: known.get(model, frozenset()) | {shared} for model in models}


def _any_incident(model: ModelKey, at: float, cause: Cause, together: Together | None) -> Incident:
    return replace(incident(model, at, cause), together=together)


incidents = st.lists(
    st.builds(
        _any_incident,
        st.sampled_from(MODELS),
        st.floats(0, 3000),
        st.sampled_from([Cause.ERRORS, Cause.LATENCY, Cause.TRAFFIC, Cause.OUTPUTS]),
        st.none() | st.sampled_from([Together("to-1", "node", "10.0.0.1"), Together("to-2", "everything", "")]),
    ),
    unique_by=lambda each: each.id,
)
places = st.dictionaries(st.sampled_from(MODELS), st.frozensets(st.sampled_from(THINGS)))


@settings(deadline=None)  # the machine may be busy
@given(incidents, places, st.randoms(use_true_random=False))
def test_what_holds_of_every_trouble(standing: list[Incident], where: Places, shuffle: "object") -> None:
    found = fold(standing, where, MODELS)
    members = [each.id for trouble in found for each in trouble.members]
    assert len(members) == len(set(members)), "in one at most"
    for trouble in found:
        for each in trouble.members:
            assert each.together is None, "for good"
            assert each.cause is not Cause.OUTPUTS, "drift is nobody's outage"
            assert trouble.shared in {*where.get(each.model, ()), ALL_OF_THEM}, "all of them share it"
        if not trouble.id:
            models, begins = {each.model for each in trouble.members}, [each.opened_at for each in trouble.members]
            total = (
                len(MODELS) if trouble.shared == ALL_OF_THEM else sum(trouble.shared in each for each in where.values())
            )
            assert len(models) >= LEAST_MODELS
            assert len(models) * 2 >= total
            assert max(begins) - min(begins) <= WINDOW_SECONDS
    again = list(standing)
    shuffle.shuffle(again)  # type: ignore[attr-defined]
    assert fold(again, where, MODELS) == found, "whatever their order"


@settings(deadline=None)  # the machine may be busy
@given(incidents, places)
def test_what_was_folded_gains_nothing_the_next_time(standing: list[Incident], where: Places) -> None:
    of: dict[str, Together] = {}
    for number, trouble in enumerate(fold(standing, where, MODELS)):
        together = Together(trouble.id or f"new-{number}", trouble.shared.kind, trouble.shared.name)
        of |= {each.id: together for each in trouble.members}
    after = [replace(each, together=of.get(each.id, each.together)) for each in standing]
    for trouble in fold(after, where, MODELS):
        assert trouble.id, "at most somebody joins through one who joined just now"


def only(found: list[Trouble]) -> Trouble:
    (one,) = found
    return one


def test_the_narrowest_thing_that_explains_them_is_named() -> None:
    four = MODELS[:4]
    where = on(Shared("cluster", "east"), MODELS[:8], on(Shared("node", "10.0.0.1"), four))
    assert only(fold([incident(each) for each in four], where, MODELS)).shared == Shared("node", "10.0.0.1")
    eight = [incident(each) for each in MODELS[:8]]
    assert only(fold(eight, where, MODELS)).shared == Shared("cluster", "east")
    assert only(fold([incident(each) for each in MODELS], where, MODELS)).shared == ALL_OF_THEM
    silent = {each: where.get(each, frozenset()) | {Shared("gateway", "g2")} for each in MODELS}
    dropped = [incident(each, cause=Cause.TRAFFIC, kind="silence") for each in MODELS]
    assert only(fold(dropped, silent, MODELS)).shared == Shared("gateway", "g2")


def test_what_is_not_one() -> None:
    where = on(Shared("node", "10.0.0.1"), MODELS)
    assert fold([incident(each) for each in MODELS[:2]], where, MODELS) == [], "two may be chance"
    assert fold([incident(each) for each in MODELS[:4]], where, MODELS) == [], "most of what stands there is fine"
    surging = [incident(each, cause=Cause.TRAFFIC, kind="surge") for each in MODELS]
    assert fold(surging, where, MODELS) == [], "more callers are no outage"
    apart = [incident(each, at=number * 2 * WINDOW_SECONDS) for number, each in enumerate(MODELS)]
    assert fold(apart, where, MODELS) == [], "one after another for hours"


def test_who_fails_later_joins_and_who_shares_nothing_does_not() -> None:
    where = on(Shared("node", "10.0.0.1"), MODELS[:6])
    together = Together("to-1", "node", "10.0.0.1")
    known = [replace(incident(each), together=together) for each in MODELS[:3]]
    found = only(fold([*known, incident(MODELS[3], at=300), incident(MODELS[9], at=300)], where, MODELS))
    assert (found.id, [each.model for each in found.members]) == ("to-1", [MODELS[3]])
    assert fold([*known, incident(MODELS[3], at=9000)], where, MODELS) == []
    assert shared_words(together, known) == "3 models fail at once and share node 10.0.0.1: p0/m0, p1/m1, p2/m2"
