"""Rollouts from their documents to the route's weights, over a real store and real segments."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.sources.drift import drift_of
from modelway_platform.domain.sources.git_source import GitSource, Owned, SourceRecord
from modelway_platform.domain.sources.moved_weights import keeping_moved_weights
from modelway_platform.domain.verdicts.rollout import Check, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutPhase
from modelway_platform.domain.verdicts.steer_rollout import OrderRefusedError
from modelway_platform.store.files.packages import PackageStore

if TYPE_CHECKING:
    from .conftest import World  # noqa: TID252 - rooms have no names of their own

KEY = ModelKey("vision", "digits")
STEPS = (RolloutStep(weight=20, minimum_requests=20), RolloutStep(weight=50, minimum_requests=20))

ALIKE = {"v1": 0.01, "v2": 0.01}
BAD = {"v1": 0.01, "v2": 0.5}
WIDE = (Check(name="errors", kind="errors", tolerance=0.2),)


def test_a_good_candidate_is_promoted_step_by_step(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE)
    status = world.run(60, ALIKE, until="Promoted")
    assert (status.phase, world.weights) == (RolloutPhase.PROMOTED, {"v1": 0, "v2": 100})
    moves = world.runs.moves(KEY)
    assert [(move.kind, dict(move.before), dict(move.after)) for move in moves] == [
        ("begin", {"v1": 1, "v2": 0}, {"v1": 80, "v2": 20}),
        ("advance", {"v1": 80, "v2": 20}, {"v1": 50, "v2": 50}),
        ("promote", {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}),
    ]
    numbers: Any = moves[1].numbers
    assert numbers["checks"][0]["verdict"] == "good"
    assert numbers["versions"][1]["requests"] >= 20
    revisions = world.documents.revisions("Route", str(KEY))
    assert [each.number for each in revisions] == [1, *(move.route_revision for move in moves)]
    assert {(each.author, each.cause) for each in revisions[1:]} == {
        ("rollout vision/digits", f"rollout: {kind}") for kind in ("begin", "advance", "promote")
    }


def test_a_bad_candidate_goes_back_by_itself_and_the_evidence_stays(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE)
    status = world.run(60, BAD, until="RolledBack")
    assert (status.phase, world.weights) == (RolloutPhase.ROLLED_BACK, {"v1": 100, "v2": 0})
    assert "errors of v2 is worse" in status.message
    last: Any = world.runs.moves(KEY)[-1]
    assert (last.kind, last.numbers["checks"][0]["verdict"]) == ("rollback", "worse")
    kept = world.runs.of(KEY, 1)
    assert kept is not None
    assert kept.report["checks"][0]["points"]
    assert any(each.type == "Warning" for each in world.events.list("Rollout", str(KEY)))


def test_nothing_happens_before_the_candidate_is_ready(make: Callable[..., "World"]) -> None:
    world = make()
    world.ready = ["v1"]
    assert "v2 has no ready replica" in world.turn().message
    assert world.weights == {"v1": 1}
    world.ready = ["v1", "v2"]
    assert world.turn().phase is RolloutPhase.RUNNING


def test_without_enough_data_it_holds_and_then_does_as_told(make: Callable[..., "World"]) -> None:
    world = make(hold_seconds=30.0, after_hold="pause")
    world.begun()
    for _ in range(20):
        assert world.turn().phase is RolloutPhase.RUNNING
    status = world.turn(30)
    assert (status.phase, world.weights) == (RolloutPhase.PAUSED, {"v1": 80, "v2": 20})
    assert "not enough data after 30s: 0 of 20 requests of v2" in status.message
    world.steer("resume")
    assert world.turn().phase is RolloutPhase.RUNNING
    assert world.turn(31).phase is RolloutPhase.PAUSED
    assert world.kinds == ["begin", "hold", "hold"]


def test_a_step_may_say_itself_how_long_it_waits(make: Callable[..., "World"]) -> None:
    steps = (replace(STEPS[0], pause=5.0, duration=10.0), STEPS[1])
    world = make(steps=steps, hold_seconds=30.0, after_hold="advance")
    world.begun()
    assert (world.turn(9).step, world.turn(2).step) == (0, 1)
    assert "not enough data after 10s" in world.status.message
    assert (world.turn(29).phase, world.turn(2).phase) == (RolloutPhase.RUNNING, RolloutPhase.PROMOTED)


@pytest.mark.parametrize(("then", "weights"), [("rollback", {"v1": 100, "v2": 0}), ("advance", {"v1": 50, "v2": 50})])
def test_what_comes_after_a_hold(make: Callable[..., "World"], then: str, weights: dict[str, int]) -> None:
    world = make(hold_seconds=30.0, after_hold=then)
    world.begun().turn(31)
    assert world.weights == weights


def test_a_person_who_changes_the_weights_takes_over(make: Callable[..., "World"]) -> None:
    world = make()
    world.begun()
    world.documents.apply_route(
        Route(key=KEY, versions=(VersionWeight(version="v1", weight=7), VersionWeight(version="v2", weight=3))),
        author="carl",
    )
    status = world.run(30, ALIKE)
    assert (status.phase, world.weights) == (RolloutPhase.TAKEN_OVER, {"v1": 7, "v2": 3})
    assert "changed to v1 7, v2 3" in status.message
    with pytest.raises(OrderRefusedError, match="no weights to take back"):
        world.steer("undo")


def test_another_change_of_the_route_disturbs_nothing(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE)
    world.begun()
    record = world.documents.get_route(KEY)
    assert record is not None
    world.documents.apply_route(replace(record.route, timeout_seconds=5.0), author="carl")
    assert world.run(60, ALIKE, until="Promoted").phase is RolloutPhase.PROMOTED
    after = world.documents.get_route(KEY)
    assert after is not None
    assert after.route.timeout_seconds == 5.0


@pytest.mark.parametrize(
    ("gone", "phase", "weights"),
    [("v2", "RolledBack", {"v1": 100}), ("v1", "Stopped", {"v1": 80, "v2": 20})],
)
def test_a_version_deleted_underneath(
    make: Callable[..., "World"], gone: str, phase: str, weights: dict[str, int]
) -> None:
    world = make()
    world.begun()
    world.documents.delete("Deployment", str(VersionKey("vision", "digits", gone)), author="carl")
    status = world.turn()
    assert (status.phase, world.weights) == (phase, weights)
    assert f"version {gone} was deleted" in status.message


def test_a_deleted_route_stops_it(make: Callable[..., "World"]) -> None:
    world = make()
    world.begun()
    world.documents.delete("Route", str(KEY))
    assert world.turn().phase is RolloutPhase.STOPPED


def test_a_deleted_rollout_leaves_the_weights_and_may_come_again(make: Callable[..., "World"]) -> None:
    world = make()
    world.begun()
    world.documents.delete("Rollout", str(KEY), author="carl")
    world.engine.turn()
    assert world.weights == {"v1": 80, "v2": 20}
    world.declare()
    assert world.status.phase is RolloutPhase.STOPPED
    assert world.turn().phase is RolloutPhase.RUNNING
    assert world.status.run == 2


def test_people_steer_it(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE)
    world.begun()
    world.steer("pause")
    assert world.run(30, BAD).phase is RolloutPhase.PAUSED
    assert world.weights == {"v1": 80, "v2": 20}
    world.steer("promote")
    assert world.turn().phase is RolloutPhase.PROMOTED
    assert world.weights == {"v1": 0, "v2": 100}
    assert world.runs.moves(KEY)[-1].author == "bob"
    world.steer("undo")
    assert world.turn().phase is RolloutPhase.UNDONE
    assert world.weights == {"v1": 1, "v2": 0}
    world.steer("retry")
    assert world.turn().run == 2
    world.steer("abort")
    assert world.turn().phase is RolloutPhase.ABORTED
    assert world.weights == {"v1": 100, "v2": 0}
    with pytest.raises(OrderRefusedError, match="it is Aborted"):
        world.steer("promote")


def test_a_step_waits_for_approval(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE, steps=(replace(STEPS[0], approval=True),))
    assert "waits for approval" in world.run(40, ALIKE).message
    assert world.weights == {"v1": 80, "v2": 20}
    world.steer("resume")
    assert world.turn().phase is RolloutPhase.PROMOTED


def test_pausing_on_worse_waits_for_a_person(make: Callable[..., "World"]) -> None:
    world = make(checks=WIDE, on_worse="pause")
    assert world.run(60, BAD, until="Paused").phase is RolloutPhase.PAUSED
    world.steer("resume")
    assert world.turn().phase is RolloutPhase.RUNNING  # the step begins anew
    assert world.run(60, BAD, until="Paused").phase is RolloutPhase.PAUSED


def test_copies_count_where_the_candidate_has_no_traffic_yet(make: Callable[..., "World"]) -> None:
    check = Check(name="agreement", kind="agreement", least=0.9)
    world = make(
        checks=(*WIDE, check), steps=(RolloutStep(weight=0, minimum_requests=50), replace(STEPS[0], pause=9.0))
    )
    world.begun()
    while world.status.step == 0:
        world.serve(100, ALIKE, mirrored={"agree": True, "score": 1.0})
        world.turn()
    assert world.weights == {"v1": 80, "v2": 20}
    for _ in range(12):
        world.serve(100, ALIKE, mirrored={"agree": False, "score": 0.0})
        if world.turn().phase is RolloutPhase.ROLLED_BACK:
            break
    assert "agree too seldom" in world.status.message


def test_counts_of_a_query_are_evidence(make: Callable[..., "World"]) -> None:
    check = Check(
        name="refunds",
        kind="query",
        tolerance=0.1,
        sql="SELECT version, requests, bad FROM somewhere WHERE x = $candidate",
    )
    world = make(checks=(check,), steps=(STEPS[0],))
    world.begun()
    for count in range(1, 20):
        world.desk.rows = [["v1", 100 * count, 2 * count], ["v2", 50 * count, 25 * count]]
        world.serve(50, ALIKE)
        world.turn(16)
        if world.turn().phase is RolloutPhase.ROLLED_BACK:
            break
    assert "refunds of v2 is worse" in world.status.message
    assert world.desk.asked[0].parameters == {"candidate": "v2"}


class _KilledError(Exception):
    """The process ends here."""


@contextmanager
def _dying(writing: AbstractContextManager[Any], *, after: bool) -> Generator[Any]:
    with writing as connection:
        yield connection
        if not after:
            raise _KilledError
    raise _KilledError


@pytest.mark.parametrize("errors", [ALIKE, BAD])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_before_or_after_any_write_it_ends_the_same(
    make: Callable[..., "World"], errors: dict[str, float], moment: str
) -> None:
    """Every write of the engine fails once, before or after it was made; each time another engine goes on."""
    world = make(checks=WIDE)
    writes = killed = 0
    original = world.database.write

    def write(**options: Any) -> Any:
        nonlocal writes, killed
        writes += 1
        if writes % 2:
            return original(**options)
        killed += 1
        return _dying(original(**options), after=moment == "after")

    world.database.write = write  # type: ignore[method-assign]
    end = "Promoted" if errors is ALIKE else "RolledBack"
    for _ in range(200):
        world.serve(100, errors)
        world.now += 1
        with suppress(_KilledError):
            world.engine.turn()
        world.restarted()
        if world.status.phase == end:
            break
    assert world.status.phase == end
    assert killed >= 2
    runs = world.runs.moves(KEY)
    assert [move.number for move in runs] == list(range(1, len(runs) + 1))
    assert world.kinds == (["begin", "advance", "promote"] if errors is ALIKE else ["begin", "rollback"])
    assert len(world.documents.revisions("Route", str(KEY))) == 1 + len(runs)


def test_weights_that_a_rollout_gave_are_no_drift(make: Callable[..., "World"]) -> None:
    world = make()
    record = world.documents.get_route(KEY)
    assert record is not None
    owned = [Owned(kind="Route", name=str(KEY), document=document_to_json(record.route))]
    world.begun()
    assert drift_of(owned, world.documents.declared()) == ()
    moved = world.documents.get_route(KEY)
    assert moved is not None
    world.documents.apply_route(replace(moved.route, timeout_seconds=5.0), author="carl")
    (drifted,) = drift_of(owned, world.documents.declared())
    assert [each.path for each in drifted.changes] == ["spec.timeoutSeconds"]
    world.documents.apply_route(Route(key=KEY, versions=(VersionWeight(version="v1", weight=9),)), author="carl")
    (drifted,) = drift_of(owned, world.documents.declared())
    assert any(each.path.startswith("spec.versions") for each in drifted.changes)


def test_a_source_keeps_moved_weights_unless_a_commit_changes_them(make: Callable[..., "World"]) -> None:
    world = make()
    record = world.documents.get_route(KEY)
    assert record is not None
    owned = (Owned(kind="Route", name=str(KEY), document=document_to_json(record.route)),)
    spec = GitSource(name="main", repository="https://git.example/models", drift="heal")
    source = SourceRecord(spec=spec, head="a" * 40, applied="a" * 40, owned=owned, created_at=0.0)
    applier = CommitApplier(world.documents, PackageStore(world.root / "packages"), world.events)
    world.begun()
    moved = world.documents.get_route(KEY)
    assert moved is not None
    world.documents.apply_route(replace(moved.route, timeout_seconds=5.0), author="carl")
    assert applier.heal(source, drift_of(owned, world.documents.declared())) == ""
    assert world.weights == {"v1": 80, "v2": 20}
    assert world.turn().phase is RolloutPhase.RUNNING
    now = world.documents.declared()
    assert keeping_moved_weights(record.route, owned, now) != record.route
    other = replace(record.route, versions=(VersionWeight(version="v1", weight=7),))
    assert keeping_moved_weights(other, owned, now) == other
