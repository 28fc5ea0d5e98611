"""The decision for a revision that somebody paused or gave up, and what people are told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelway_platform.deploy.reconcile.decision import (
    ForgetReplica,
    Preparation,
    Prepare,
    Replica,
    RestartReplica,
    StartReplica,
    Step,
    StopReplica,
    Wait,
    decide,
    template_of,
)
from modelway_platform.domain.deployments.deployment import Condition, DeploymentStatus
from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

_ALWAYS = (RestartReplica, ForgetReplica, Wait)
# Who prepares looks at holds before each of its phases.
_UNTIL_PLACED = (*_ALWAYS, Prepare)
_ALLOWED: Mapping[PhaseName | None, tuple[type[Step], ...]] = {
    PhaseName.FETCH: _UNTIL_PLACED,
    PhaseName.VERIFY: _UNTIL_PLACED,
    PhaseName.BUILD: _UNTIL_PLACED,
    PhaseName.PUSH: _UNTIL_PLACED,
    PhaseName.PLACE: _UNTIL_PLACED,
    PhaseName.READY: (*_UNTIL_PLACED, StartReplica),
}
_LEAVING = frozenset({ReplicaState.DRAINING, ReplicaState.STOPPED})


def decide_held(
    declared: DeploymentRecord,
    preparation: Preparation,
    replicas: Sequence[Replica],
    hold: Hold | None,
    now: float,
) -> tuple[Step, ...]:
    """The next steps, where somebody may have said to wait or to give up.

    Paused before a phase: what comes before that phase is done; old replicas stay until the last one may begin. Paused: nothing is begun, started or replaced; what falls over is started again. Aborted: replicas of the revision leave,
    older ones stay. A deployment that is being deleted goes all the same.
    """
    if hold is None or hold.revision != declared.revision or declared.deleting:
        return decide(declared, preparation, replicas, now)
    steps = decide(declared, preparation, replicas, now)
    if hold.kind is HoldKind.PAUSED:
        return tuple(step for step in steps if isinstance(step, _ALLOWED.get(hold.before, _ALWAYS)))
    template = template_of(declared.deployment)
    own = {replica.id for replica in replicas if replica.template == template}
    found: list[Step] = []
    for replica in replicas:
        if replica.state is ReplicaState.STOPPED or (replica.id in own and replica.state is ReplicaState.CRASHED):
            found.append(ForgetReplica(id=replica.id))
        elif replica.id in own and replica.state not in _LEAVING:
            found.append(StopReplica(id=replica.id, why="its revision was aborted"))
    restarts = (step for step in steps if isinstance(step, RestartReplica) and step.id not in own)
    return (*found, *restarts)


def told(status: DeploymentStatus, declared: DeploymentRecord, hold: Hold | None) -> DeploymentStatus:
    """The status with a condition that says who holds the revision, where somebody does."""
    if hold is None or hold.revision != declared.revision or declared.deleting:
        return status
    if hold.before is not None:
        return replace(status, conditions=(_waits(declared, hold), *status.conditions))
    paused = hold.kind is HoldKind.PAUSED
    what = "paused" if paused else "aborted: its replicas leave, older ones stay"
    then = "resume it" if paused else "resume it, undo it, or apply something else"
    condition = Condition(
        type="Progressing",
        status=None if paused else False,
        reason=hold.kind.value,
        message=f"revision {hold.revision} is {what} (by {hold.author}); {then} with `modelway rollout`",
        since=hold.since,
    )
    return replace(status, conditions=(condition, *status.conditions))


def _waits(declared: DeploymentRecord, hold: Hold) -> Condition:
    how = f"`modelway rollout approve deployment {declared.key}`"
    return Condition(
        type="Progressing",
        status=None,
        reason="WaitsForApproval",
        message=f"revision {hold.revision} waits before phase {hold.before}: {hold.author} wants somebody's yes, {how}",
        since=hold.since,
    )
