"""What a deployment becomes in its next stage, and what each gate says of what it sees."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from modelway_platform.domain.agreement.mirror_report import MirrorPair
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.promote import NotPromotable, promoted, target_stage
from modelway_platform.domain.promotion.promotion import Approval, GateName, GateState, Promotion
from modelway_platform.domain.promotion.stage_gates import (
    ExampleAnswers,
    GateFacts,
    SignatureChange,
    judge,
    may_approve,
    refused_by,
    waited_for,
)
from modelway_platform.domain.records import Declared, DeploymentRecord, StageRecord
from modelway_platform.domain.stages.stage import (
    AgreementGate,
    ApprovalGate,
    Stage,
    StageGates,
    StageKey,
    StageOverrides,
)

KEY = VersionKey("demo", "echo", "v1")
DEVELOPMENT = Stage(key=StageKey("demo", "development"))
STAGING = Stage(
    key=StageKey("demo", "staging"),
    after="development",
    overrides=StageOverrides(replicas=2, env=MappingProxyType({"MODE": "staging", "TRACE": "1"})),
)
PRODUCTION = Stage(
    key=StageKey("demo", "production"),
    after="staging",
    overrides=StageOverrides(
        cluster="gpus", replicas=5, resources=Resources(gpus=1), env=MappingProxyType({"MODE": "live"})
    ),
)
ASKED = Promotion(
    number=7,
    deployment=str(KEY),
    from_stage="staging",
    to_stage="production",
    package="sha256:a",
    revision=3,
    promoter="ann",
    created_at=0,
)


def deployment(**more: Any) -> Deployment:
    return Deployment(key=KEY, package="sha256:a", **more)


def declared(*stages: Stage) -> Declared:
    records = tuple(StageRecord(stage=each, revision=1, created_at=0, updated_at=0) for each in stages)
    return Declared(deployments=(), routes=(), stages=records)


def record(stage: str) -> DeploymentRecord:
    return DeploymentRecord(
        deployment=deployment(stage=stage), revision=1, status=DeploymentStatus(), created_at=0, updated_at=0
    )


def pair(agreed: int, differed: int, unknown: int = 0) -> MirrorPair:
    return MirrorPair(
        source="v0",
        version="v1",
        endpoint="predict",
        copies=agreed + differed + unknown,
        failed=0,
        agreed=agreed,
        differed=differed,
        unknown=unknown,
        score=None,
        primary_p50=None,
        mirror_p50=None,
        primary_p99=None,
        mirror_p99=None,
        examples=(),
    )


def test_a_stage_gives_what_it_says_and_takes_back_what_the_one_before_gave() -> None:
    first = deployment(stage="development", env=MappingProxyType({"OWN": "1", "MODE": "dev"}))
    staged = promoted(first, DEVELOPMENT, STAGING)
    assert (staged.stage, staged.replicas, dict(staged.env)) == (
        "staging",
        2,
        {"OWN": "1", "MODE": "staging", "TRACE": "1"},
    )
    live = promoted(staged, STAGING, PRODUCTION)
    assert (live.cluster, live.replicas, live.resources) == ("gpus", 5, Resources(gpus=1))
    assert dict(live.env) == {"OWN": "1", "MODE": "live"}, "TRACE was staging's"
    assert live.package == first.package
    changed = deployment(stage="staging", env=MappingProxyType({"TRACE": "2"}))
    assert promoted(changed, STAGING, PRODUCTION).env["TRACE"] == "2", "what somebody changed since is theirs"


def test_stages_are_taken_one_by_one() -> None:
    every = declared(PRODUCTION, DEVELOPMENT, STAGING)
    assert target_stage(record("development"), "", every) == STAGING
    assert target_stage(record("staging"), "production", every) == PRODUCTION
    for stage, wanted, says in (
        ("development", "production", "after which 'staging' comes, not 'production'"),
        ("production", "", "after which none comes"),
        ("development", "moon", "has no stage 'moon'"),
        ("production", "staging", "after which none comes"),
    ):
        told = target_stage(record(stage), wanted, every)
        assert isinstance(told, NotPromotable)
        assert says in told.message
    none = target_stage(record("production"), "", declared())
    assert isinstance(none, NotPromotable)
    assert "has no stages" in none.message


@pytest.mark.parametrize(
    ("pairs", "state", "says"),
    [
        ((), GateState.NOT_ENOUGH_DATA, "not enough data: 0 of 100"),
        ((pair(99, 0, unknown=500),), GateState.NOT_ENOUGH_DATA, "99 of 100"),
        ((pair(60, 0), pair(38, 2)), GateState.PASSED, "98.00% of 100"),
        ((pair(96, 4),), GateState.FAILED, "96.00% of 100 copies agree, at least 98.00% should"),
    ],
)
def test_agreement_is_measured_or_not_enough_data(pairs: tuple[MirrorPair, ...], state: GateState, says: str) -> None:
    gates = StageGates(agreement=AgreementGate(least=0.98, samples=100, days=7))
    (verdict,) = judge(gates, ASKED, GateFacts(pairs=pairs), 50.0)
    assert verdict.state is state
    assert says in verdict.message
    assert verdict.evidence["compared"] == sum(each.agreed + each.differed for each in pairs)
    assert bool(waited_for([verdict])) == (state is GateState.NOT_ENOUGH_DATA)
    assert bool(refused_by([verdict])) == (state is GateState.FAILED)


def test_golden_examples_are_answered_or_not_or_nobody_could_be_asked() -> None:
    gates = StageGates(golden_examples=True)
    for answers, state in (
        (ExampleAnswers(waiting="no replica is ready"), GateState.WAITING),
        (ExampleAnswers(replicas=("r1",), examples=2, problems=("r1: $.label differs",)), GateState.FAILED),
        (ExampleAnswers(replicas=("r1", "r2"), examples=2), GateState.PASSED),
    ):
        (verdict,) = judge(gates, ASKED, GateFacts(answers=answers), 1.0)
        assert (verdict.gate, verdict.state) == (GateName.GOLDEN_EXAMPLES, state)
    assert verdict.message == "2 replica(s) answered 2 golden example(s) each"


def test_a_signature_that_breaks_callers_is_refused_with_what_breaks() -> None:
    gates = StageGates(signature=True)
    grown = SignatureChange(version="v0", breaking=False, where="explain", what="a new endpoint")
    broken = SignatureChange(version="v0", breaking=True, where="predict.image", what="is gone")
    (fine,) = judge(gates, ASKED, GateFacts(compared=("v0",), changes=(grown,)), 1.0)
    assert (fine.state, fine.message) == (GateState.PASSED, "callers of v0 can stay as they are")
    (no,) = judge(gates, ASKED, GateFacts(compared=("v0",), changes=(grown, broken)), 1.0)
    assert (no.state, no.message) == (GateState.FAILED, "callers of v0 would have to change: predict.image: is gone")
    assert [each["where"] for each in no.evidence["changes"]] == ["predict.image", "explain"]
    (alone,) = judge(gates, ASKED, GateFacts(), 1.0)
    assert alone.message == "no other version is in the stage"


def test_who_may_say_yes() -> None:
    gate = ApprovalGate(approvers=("ann", "bob"), not_promoter=True)
    assert "asked for it" in may_approve(gate, "ann", "ann")
    assert "not among" in may_approve(gate, "eve", "ann")
    assert may_approve(gate, "bob", "ann") == ""
    assert may_approve(ApprovalGate(), "ann", "ann") == ""


def test_a_verdict_keeps_its_time_until_it_says_something_else() -> None:
    gates = StageGates(approval=ApprovalGate(approvers=("bob",)))
    waiting = judge(gates, ASKED, GateFacts(), 10.0)
    assert waiting[0].message == "one of bob has to approve"
    later = judge(gates, replace(ASKED, gates=waiting), GateFacts(), 20.0)
    assert later == waiting
    said = replace(ASKED, gates=waiting, approvals=(Approval(author="bob", approved=True, at=30.0, comment="fine"),))
    (passed,) = judge(gates, said, GateFacts(), 31.0)
    assert (passed.state, passed.message, passed.at) == (GateState.PASSED, "approved by bob: fine", 31.0)
