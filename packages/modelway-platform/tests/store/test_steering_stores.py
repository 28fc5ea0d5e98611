"""What steers deployments and routes on their way (holds, phases, approvals, promotions, runs), on each kind of database."""

from dataclasses import replace

import pytest

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.access.audit_entry import AuditQuery
from modelway_platform.domain.deployments.hold import HoldKind
from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, PhaseState
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.promotion.promotion import GateName, GateState, GateVerdict, Promotion, PromotionState
from modelway_platform.domain.verdicts.rollout import Rollout, RolloutStep
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutPhase, RolloutStatus
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.database import Database
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.phase_approvals import PhaseApprovals
from modelway_platform.store.declared.phases import KEPT_REVISIONS, Phases
from modelway_platform.store.declared.promotions import PromotionQuery, Promotions
from modelway_platform.store.declared.rollout_runs import RolloutRuns, RunKept

NAME = "vision/digits/v1"
MODEL = ModelKey("vision", "digits")
ANN = Actor(name="ann", role="admin", origin="10.0.0.1", transport="rest", request_id="r-1", method="X.Y")
PROMOTION = Promotion(
    deployment=NAME,
    from_stage="staging",
    to_stage="production",
    package="sha256:a",
    revision=3,
    promoter="ann",
    created_at=0,
)
ROLLOUT = Rollout(key=MODEL, baseline="v1", candidate="v2", steps=(RolloutStep(weight=10),))
MOVE = RolloutMove(
    run=1, number=1, at=2.0, kind="advance", step=0, before=(("v1", 1),), after=(("v1", 9), ("v2", 1)),
    route_revision=4, author="system", words="good", numbers={"errors": 0.1},
)  # fmt: skip


def test_a_hold_is_replaced_and_lifted_and_audited(database: Database) -> None:
    holds = Holds(database, clock=lambda: 3.0)
    assert not holds.lift(NAME, author=ANN)
    holds.put(NAME, 1, HoldKind.PAUSED, ANN)
    holds.put(NAME, 2, HoldKind.ABORTED, ANN, action="gave up")
    hold = holds.all()[NAME]
    assert (hold.kind, hold.revision, hold.author, hold.since) == (HoldKind.ABORTED, 2, "ann", 3.0)
    assert holds.lift(NAME, revision=2, author=ANN)
    assert holds.all() == {}
    log = Audit(database).following(AuditQuery(name=NAME))
    assert [each.action for each in log] == ["resumed", "paused", "gave up", "resumed"]
    assert [[(one["from"], one["to"]) for one in each.changes] for each in log] == [
        [], [(None, "Paused")], [("Paused", "Aborted")], [("Aborted", None)],
    ]  # fmt: skip


def test_phases_of_the_newest_revisions_stay(database: Database) -> None:
    notified: list[None] = []
    phases = Phases(database, lambda: notified.append(None))
    fetch = PhaseRun(phase=PhaseName.FETCH, state=PhaseState.DONE, done=2**40, total=2**40, log=("a", "é"))
    build = PhaseRun(phase=PhaseName.BUILD, state=PhaseState.FAILED, message="no wheel")
    phases.save([])
    assert notified == []
    phases.save([(NAME, revision, (build, fetch)) for revision in range(1, KEPT_REVISIONS + 3)])
    phases.save([("other/m/v1", 1, (fetch,))])
    assert len(notified) == 2
    assert phases.of(NAME, 1) == phases.of(NAME, 2) == ()
    assert phases.of(NAME, 3) == (fetch, build), "in the order of phases"
    assert phases.newest() == {NAME: (KEPT_REVISIONS + 2, (fetch, build)), "other/m/v1": (1, (fetch,))}
    again = replace(build, state=PhaseState.DONE, message="", attempts=2)
    phases.save([(NAME, 3, (again,))])
    assert phases.of(NAME, 3) == (fetch, again)


def test_a_yes_is_said_once_per_phase_and_per_cluster(database: Database) -> None:
    phases, clusters = PhaseApprovals(database), ClusterApprovals(database)
    assert phases.approve(NAME, 1, PhaseName.PLACE, author=ANN)
    assert not phases.approve(NAME, 1, PhaseName.PLACE, author=ANN)
    assert phases.approve(NAME, 1, PhaseName.READY)
    assert phases.approve(NAME, 2, PhaseName.PLACE)
    assert clusters.approve_cluster(NAME, 1, "west", author=ANN)
    assert not clusters.approve_cluster(NAME, 1, "west", author=ANN)
    both = {(NAME, 1): frozenset({PhaseName.PLACE, PhaseName.READY}), (NAME, 2): frozenset({PhaseName.PLACE})}
    assert phases.all() == clusters.all() == both
    assert clusters.clusters() == {(NAME, 1): frozenset({"west"})}
    log = Audit(database).following(AuditQuery(actor="ann"))
    assert [(each.action, each.revision) for each in log] == [("phase approved", 1), ("cluster approved", 1)]


def test_one_promotion_of_a_deployment_is_under_way(database: Database) -> None:
    now = [1.0]
    promotions = Promotions(database, clock=lambda: now[0])
    first = promotions.ask(PROMOTION, author=ANN)
    assert (
        first == promotions.get(first.number) == replace(PROMOTION, number=first.number, created_at=1.0, updated_at=1.0)
    )
    assert promotions.ask(PROMOTION) == first
    with pytest.raises(ConflictError, match="is under way"):
        promotions.ask(replace(PROMOTION, package="sha256:b"))
    other = promotions.ask(replace(PROMOTION, deployment="vision_x/m/v1"))
    now[0] = 2.0
    verdict = GateVerdict(gate=GateName.SIGNATURE, state=GateState.PASSED, message="fits", evidence={"a": [1]})
    told = promotions.change(first.number, lambda each: replace(each, gates=(verdict,)))
    assert (told.gates, told.updated_at, told.ended_at) == ((verdict,), 2.0, 0.0)
    assert promotions.change(first.number, lambda each: each) == told
    assert promotions.entries() == frozenset()
    done = promotions.change(first.number, lambda each: replace(each, state=PromotionState.PROMOTED), author=ANN)
    assert done.ended_at == 2.0
    assert promotions.entries() == {(NAME, "sha256:a", "production")}
    assert promotions.under_way() == [other]
    assert promotions.newest(PromotionQuery()) == [other, done]
    assert promotions.newest(PromotionQuery(below="vision")) == [done]
    assert promotions.newest(PromotionQuery(below=NAME, most=1)) == [done]
    assert promotions.newest(PromotionQuery(open_only=True)) == [other]
    with pytest.raises(NotFoundError):
        promotions.get(99)
    with pytest.raises(NotFoundError):
        promotions.change(99, lambda each: each)
    log = Audit(database).following(AuditQuery(kind="Promotion", name=f"{first.number} {NAME}"))
    assert [each.action for each in log] == ["asked for", "promoted"]


def test_what_raises_in_a_change_leaves_a_promotion_as_it_was(database: Database) -> None:
    promotions = Promotions(database)
    first = promotions.ask(PROMOTION)

    def refuse(_: Promotion) -> Promotion:
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        promotions.change(first.number, refuse)
    assert promotions.get(first.number) == first


def test_a_run_stands_where_its_moves_led_or_where_it_was(database: Database) -> None:
    documents = Documents(database)
    documents.apply([ROLLOUT], author="ann")
    runs = RolloutRuns(database, documents, lambda: 4.0)
    assert runs.of(MODEL, 1) is None
    runs.keep(MODEL, 1, {"n": 1}, {"r": [1]})
    runs.keep(MODEL, 1, {"n": 2}, {"r": [2]})
    assert runs.of(MODEL, 1) == RunKept({"n": 2}, {"r": [2]}, 4.0)
    status = RolloutStatus(run=1, phase=RolloutPhase.WAITING, moves=1)
    runs.move(MODEL, status, MOVE, kept=RunKept({"n": 3}, {}, 5.0), told_by=ANN)
    assert runs.moves(MODEL) == runs.moves(MODEL, 1) == [MOVE]
    assert runs.moves(MODEL, 2) == []
    assert runs.of(MODEL, 1) == RunKept({"n": 3}, {}, 5.0)
    with pytest.raises(ConflictError, match="somebody else"):
        runs.move(MODEL, status, replace(MOVE, number=2), kept=RunKept({}, {}, 6.0))
    assert runs.moves(MODEL) == [MOVE], "its move is not there either"
    assert runs.of(MODEL, 1) == RunKept({"n": 3}, {}, 5.0)
    record = documents.get_rollout(MODEL)
    assert record is not None
    runs.order(MODEL, record.status, "pause", ANN)
    log = Audit(database).following(AuditQuery(kind="Rollout", actor="ann"))
    assert [each.action for each in log] == ["created", "advance", "pause"]
