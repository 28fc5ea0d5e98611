"""What people are told: phase and conditions from what is declared and seen."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.reconcile.decision import Preparation, Replica, Stage, template_of
from modelway_platform.deploy.reconcile.status import status_of
from modelway_platform.domain.deployments.deployment import Condition, Deployment, DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

NOW = 1000.0
DEPLOYMENT = Deployment(key=VersionKey("vision", "digits", "v1"), package="sha256:" + "a" * 64, replicas=2)
RECORD = DeploymentRecord(
    deployment=DEPLOYMENT, revision=4, status=DeploymentStatus(), created_at=0, updated_at=0, deleting=False
)
PREPARED = Preparation(stage=Stage.PREPARED, message="12 packages")
READY, STARTING, CRASHED = ReplicaState.READY, ReplicaState.STARTING, ReplicaState.CRASHED
CRASH = "exited with status 1: ModuleNotFoundError: No module named 'x'"


def replica(name: str, state: ReplicaState, *, failures: int = 0, message: str = "", template: str = "") -> Replica:
    return Replica(
        id=name,
        template=template or template_of(DEPLOYMENT),
        state=state,
        started_at=NOW - 5,
        failures=failures,
        message=message,
    )


A_READY, B_READY = replica("a", READY), replica("b", READY)
A_CRASHED = replica("a", CRASHED, failures=3, message=CRASH)
OLD_READY = replica("o", READY, template="old")
BUILDING = Preparation(stage=Stage.BUILDING, message="installing")
FAILED = Preparation(stage=Stage.FAILED, reason="BuildFailed", message="no such version: torch==99")


@pytest.mark.parametrize(
    ("preparation", "replicas", "phase", "reason"),
    [
        (Preparation(), [], Phase.PENDING, "Starting"),
        (Preparation(stage=Stage.UNPACKING), [], Phase.FETCHING, "Starting"),
        (BUILDING, [], Phase.BUILDING, "Starting"),
        (FAILED, [], Phase.FAILED, "Starting"),
        (FAILED, [OLD_READY], Phase.DEGRADED, "Replacing"),
        (PREPARED, [replica("a", STARTING), replica("b", STARTING)], Phase.PLACING, "Starting"),
        (PREPARED, [A_READY, replica("b", STARTING)], Phase.PLACING, "Starting"),
        (PREPARED, [A_READY, B_READY], Phase.READY, "AllReady"),
        (PREPARED, [OLD_READY, A_READY], Phase.PLACING, "Replacing"),
        (PREPARED, [A_CRASHED, B_READY], Phase.DEGRADED, "ReplicaCrashed"),
        (PREPARED, [A_CRASHED], Phase.FAILED, "ReplicaCrashed"),
        (PREPARED, [A_CRASHED, OLD_READY], Phase.DEGRADED, "ReplicaCrashed"),
        (PREPARED, [A_READY, B_READY, replica("o", ReplicaState.DRAINING)], Phase.READY, "Draining"),
    ],
)
def test_phase_and_reason(preparation: Preparation, replicas: list[Replica], phase: Phase, reason: str) -> None:
    status = status_of(RECORD, preparation, replicas, NOW)
    assert status.phase is phase
    assert status.conditions[-1].type == "ReplicasReady"
    assert status.conditions[-1].reason == reason
    assert status.observed_revision == 4


def test_a_crash_says_what_the_replica_said_last() -> None:
    condition = status_of(RECORD, PREPARED, [A_CRASHED, B_READY], NOW).conditions[-1]
    assert condition.status is False
    assert CRASH in condition.message
    assert "1 of 2 ready" in condition.message
    assert "4 s" in condition.message


@pytest.mark.parametrize(
    ("state", "said"),
    [(READY, "1 of an older revision still answers"), (CRASHED, "none of an older revision answers")],
)
def test_only_what_answers_is_said_to(state: ReplicaState, said: str) -> None:
    old = replica("o", state, template="old")
    status = status_of(RECORD, PREPARED, [old, replica("a", STARTING)], NOW)
    assert status.conditions[-1].message == f"0 of 2 new replicas are ready; {said}"


def test_a_failed_build_says_why() -> None:
    verified, built, _ = status_of(RECORD, FAILED, [], NOW).conditions
    assert (verified.type, verified.status) == ("PackageVerified", True)
    assert (built.type, built.status, built.reason, built.message) == (
        "EnvironmentBuilt",
        False,
        "BuildFailed",
        "no such version: torch==99",
    )


def test_replicas_0_is_ready_with_nothing() -> None:
    record = replace(RECORD, deployment=replace(DEPLOYMENT, replicas=0))
    assert status_of(record, Preparation(), [], NOW).phase is Phase.READY


def test_deleting() -> None:
    assert status_of(replace(RECORD, deleting=True), PREPARED, [A_READY], NOW).phase is Phase.DELETING


def test_since_stays_until_status_or_reason_changes() -> None:
    first = status_of(RECORD, PREPARED, [A_READY], NOW)
    later = status_of(replace(RECORD, status=first), PREPARED, [A_READY], NOW + 7)
    assert later == first
    ready = status_of(replace(RECORD, status=first), PREPARED, [A_READY, B_READY], NOW + 7)
    assert ready.conditions[-1].since == NOW + 7
    assert ready.conditions[0].since == NOW


def test_after_a_restart_of_control_the_finished_steps_stay_finished() -> None:
    before = status_of(RECORD, PREPARED, [A_READY, B_READY], NOW)
    after = status_of(replace(RECORD, status=before), Preparation(), [A_READY, B_READY], NOW + 100)
    assert after == before
    assert Condition(type="EnvironmentBuilt", status=True, reason="Built", message="12 packages", since=NOW) in (
        after.conditions
    )
