"""A revision that somebody paused or gave up: what is still done, and what people are told."""

from dataclasses import replace

import pytest

from modelway_platform.deploy.reconcile.decision import (
    ForgetReplica,
    Preparation,
    Prepare,
    Replica,
    RestartReplica,
    Stage,
    StartReplica,
    Step,
    StopReplica,
    decide,
    template_of,
)
from modelway_platform.deploy.reconcile.holding import decide_held, told
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

DEPLOYMENT = Deployment(key=VersionKey("vision", "digits", "v1"), package="sha256:" + "a" * 64, replicas=2)
RECORD = DeploymentRecord(deployment=DEPLOYMENT, revision=4, status=DeploymentStatus(), created_at=0, updated_at=0)
PREPARED = Preparation(stage=Stage.PREPARED)
PAUSED = Hold(kind=HoldKind.PAUSED, revision=4, author="ada", since=5.0)
ABORTED = replace(PAUSED, kind=HoldKind.ABORTED)


def replica(name: str, state: ReplicaState) -> Replica:
    return Replica(
        id=name, template=template_of(DEPLOYMENT) if name.startswith("new") else "old", state=state, started_at=1.0
    )


READY = [replica("old-1", ReplicaState.READY), replica("old-2", ReplicaState.READY)]


@pytest.mark.parametrize(
    ("hold", "replicas", "expected"),
    [
        (PAUSED, READY, ()),
        (PAUSED, [*READY, replica("new-1", ReplicaState.READY)], ()),
        (PAUSED, [replica("old-1", ReplicaState.CRASHED)], (RestartReplica(id="old-1"),)),
        (PAUSED, [replica("old-1", ReplicaState.STOPPED)], (ForgetReplica(id="old-1"),)),
        (replace(PAUSED, before=PhaseName.PLACE), READY, ()),
        (replace(PAUSED, before=PhaseName.READY), READY, (StartReplica(),)),
        (replace(PAUSED, before=PhaseName.READY), [*READY, replica("new-1", ReplicaState.READY)], ()),
        (ABORTED, READY, ()),
        (
            ABORTED,
            [*READY, replica("new-1", ReplicaState.STARTING), replica("new-2", ReplicaState.CRASHED)],
            (StopReplica(id="new-1", why="its revision was aborted"), ForgetReplica(id="new-2")),
        ),
        (ABORTED, [replica("new-1", ReplicaState.DRAINING)], ()),
        (ABORTED, [replica("old-1", ReplicaState.CRASHED)], (RestartReplica(id="old-1"),)),
    ],
)
def test_what_is_still_done(hold: Hold, replicas: list[Replica], expected: tuple[Step, ...]) -> None:
    assert decide_held(RECORD, PREPARED, replicas, hold, 100.0) == expected


@pytest.mark.parametrize("hold", [None, replace(PAUSED, revision=3), replace(ABORTED, revision=3)])
def test_a_newer_revision_goes_its_way(hold: Hold | None) -> None:
    assert decide_held(RECORD, PREPARED, READY, hold, 100.0) == decide(RECORD, PREPARED, READY, 100.0)
    assert told(RECORD.status, RECORD, hold) == RECORD.status


def test_a_deletion_is_not_held() -> None:
    deleting = replace(RECORD, deleting=True)
    assert decide_held(deleting, PREPARED, READY, PAUSED, 100.0) == decide(deleting, PREPARED, READY, 100.0)


@pytest.mark.parametrize(("hold", "status"), [(PAUSED, None), (ABORTED, False)])
def test_people_are_told_who_held_it(hold: Hold, *, status: bool | None) -> None:
    condition = told(RECORD.status, RECORD, hold).conditions[0]
    assert (condition.type, condition.status, condition.reason) == ("Progressing", status, hold.kind.value)
    assert "by ada" in condition.message


def test_what_waits_for_a_yes_is_prepared_up_to_there_and_says_so() -> None:
    hold = replace(PAUSED, author="stage production", before=PhaseName.PLACE)
    assert decide_held(RECORD, Preparation(), READY, hold, 100.0) == (Prepare(),)
    condition = told(DeploymentStatus(), RECORD, hold).conditions[0]
    assert (condition.reason, condition.status) == ("WaitsForApproval", None)
    assert "waits before phase place" in condition.message
    assert "modelway rollout approve deployment vision/digits/v1" in condition.message
