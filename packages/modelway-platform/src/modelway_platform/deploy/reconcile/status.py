"""What a person is told about a deployment: its phase, and conditions whose reasons can be acted on."""

from collections.abc import Sequence
from dataclasses import replace

from modelway_platform.deploy.reconcile.decision import (
    Preparation,
    Replica,
    Stage,
    back_off,
    template_of,
)
from modelway_platform.domain.deployments.deployment import Condition, DeploymentStatus, Phase
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

SLOW_START_SECONDS = 60.0


def status_of(
    declared: DeploymentRecord,
    preparation: Preparation,
    replicas: Sequence[Replica],
    now: float,
) -> DeploymentStatus:
    """The status of one deployment; equal to the recorded one when nothing a person would notice has changed."""
    previous = declared.status
    template = template_of(declared.deployment)
    current = [r for r in replicas if r.template == template and r.state is not ReplicaState.DRAINING]
    ready = sum(replica.state is ReplicaState.READY for replica in replicas)
    updated = sum(replica.state is ReplicaState.READY for replica in current)
    found = (*_preparation_conditions(preparation, previous, current), _replicas_condition(declared, replicas, now))
    before = {condition.type: condition for condition in previous.conditions}
    return DeploymentStatus(
        phase=_phase(declared, preparation, current, ready=ready, updated=updated),
        observed_revision=declared.revision,
        ready_replicas=ready,
        updated_replicas=updated,
        conditions=tuple(_since(condition, before.get(condition.type), now) for condition in found),
    )


def unreachable(status: DeploymentStatus, declared: DeploymentRecord, why: str, now: float) -> DeploymentStatus:
    """The status while its cluster cannot be asked: what was last seen of its replicas, and why nothing newer is known."""
    before = {condition.type: condition for condition in declared.status.conditions}
    found = Condition(
        type="ReplicasReady",
        status=None,
        reason="ClusterUnreachable",
        message=f"cluster {declared.deployment.cluster}: {why}; what was last known of it holds until it answers",
        since=0.0,
    )
    kept = tuple(condition for condition in status.conditions if condition.type != "ReplicasReady")
    return replace(status, conditions=(*kept, _since(found, before.get("ReplicasReady"), now)))


def _since(condition: Condition, before: Condition | None, now: float) -> Condition:
    """Keeps the moment at which the condition last changed its status or reason."""
    unchanged = before is not None and (before.status, before.reason) == (condition.status, condition.reason)
    return replace(condition, since=before.since if before and unchanged else now)


def _phase(
    declared: DeploymentRecord, preparation: Preparation, current: Sequence[Replica], *, ready: int, updated: int
) -> Phase:
    wanted = declared.deployment.replicas
    fallen = any(replica.state is ReplicaState.CRASHED or replica.failures for replica in current)
    if declared.deleting:
        return Phase.DELETING
    if updated >= wanted and (wanted > 0 or ready == 0):
        return Phase.READY
    if preparation.stage is Stage.FAILED or (fallen and not _comes_up(current)):
        return Phase.DEGRADED if ready else Phase.FAILED
    if preparation.stage in {Stage.ABSENT, Stage.PREPARED}:
        if not current and preparation.stage is Stage.ABSENT:
            return Phase.PENDING
        return Phase.DEGRADED if fallen and ready else Phase.PLACING
    return Phase.FETCHING if preparation.stage is Stage.UNPACKING else Phase.BUILDING


def _comes_up(current: Sequence[Replica]) -> bool:
    """Whether some replica of what is declared answers, or starts for the first time."""
    return any(
        replica.state is ReplicaState.READY or (replica.state is ReplicaState.STARTING and not replica.failures)
        for replica in current
    )


def _preparation_conditions(
    preparation: Preparation, previous: DeploymentStatus, current: Sequence[Replica]
) -> tuple[Condition, ...]:
    """`PackageVerified` and `EnvironmentBuilt`: what is known of the steps before the first replica."""

    def condition(kind: str, reason: str, message: str, *, status: bool | None) -> Condition:
        return Condition(type=kind, status=status, reason=reason, message=message, since=0.0)

    verified = condition("PackageVerified", "Verified", "the package is unpacked and its files match", status=True)
    reason, message = preparation.reason, preparation.message
    match preparation.stage:
        case Stage.ABSENT if current:  # control was restarted: what was true when they were started still is
            found = tuple(c for c in previous.conditions if c.type in {"PackageVerified", "EnvironmentBuilt"})
        case Stage.ABSENT:
            found = ()
        case Stage.UNPACKING:
            found = (condition("PackageVerified", "Unpacking", message, status=None),)
        case Stage.BUILDING:
            found = (verified, condition("EnvironmentBuilt", "Building", message, status=None))
        case Stage.PREPARED:
            found = (verified, condition("EnvironmentBuilt", "Built", message, status=True))
        case Stage.FAILED if reason.startswith("Package"):
            found = (condition("PackageVerified", reason, message, status=False),)
        case Stage.FAILED:
            found = (verified, condition("EnvironmentBuilt", reason, message, status=False))
    return found


def _replicas_condition(declared: DeploymentRecord, replicas: Sequence[Replica], now: float) -> Condition:
    wanted = declared.deployment.replicas
    template = template_of(declared.deployment)
    leaving = [replica for replica in replicas if replica.state is ReplicaState.DRAINING]
    kept = [replica for replica in replicas if replica.state not in {ReplicaState.DRAINING, ReplicaState.STOPPED}]
    current = [replica for replica in kept if replica.template == template]
    old = [replica for replica in kept if replica.template != template]
    ready = sum(replica.state is ReplicaState.READY for replica in current)

    def condition(reason: str, message: str, *, status: bool | None) -> Condition:
        return Condition(type="ReplicasReady", status=status, reason=reason, message=message, since=0.0)

    if declared.deleting:
        return condition("Deleting", f"{len(kept) + len(leaving)} replicas are still running", status=False)
    fallen = [replica for replica in current if replica.message and replica.state is not ReplicaState.READY]
    if fallen:
        worst = max(fallen, key=lambda replica: replica.failures)
        return condition(
            "ReplicaCrashed" if worst.failures else "Waiting", _crash_text(worst, ready, wanted), status=False
        )
    if old and not (wanted and ready >= wanted):
        return condition("Replacing", _replacing_text(old, ready, wanted), status=False)
    if ready < wanted:
        return condition("Starting", _starting_text(current, ready, wanted, now), status=False)
    if leaving or old:
        return condition(
            "Draining", f"{ready} ready; {len(leaving) + len(old)} older finish their requests", status=True
        )
    return condition("AllReady", f"{ready} of {wanted} ready", status=True)


def _crash_text(worst: Replica, ready: int, wanted: int) -> str:
    if not worst.failures:  # nothing has fallen: there is no room for it yet
        return f"{ready} of {wanted} ready; replica {worst.id} {worst.message}"
    delay = back_off(worst.failures)
    again = (
        f"starts again {delay:.0f} s after this crash" if worst.state is ReplicaState.CRASHED else "is starting again"
    )
    crashes = "1 crash so far" if worst.failures == 1 else f"{worst.failures} crashes in a row"
    return f"{ready} of {wanted} ready; replica {worst.id} {worst.message}; it {again} ({crashes})"


def _replacing_text(old: Sequence[Replica], ready: int, wanted: int) -> str:
    answering = sum(replica.state is ReplicaState.READY for replica in old)
    meanwhile = f"{answering} of an older revision still answer{'s' if answering == 1 else ''}" if answering else ""
    return f"{ready} of {wanted} new replicas are ready; {meanwhile or 'none of an older revision answers'}"


def _starting_text(current: Sequence[Replica], ready: int, wanted: int, now: float) -> str:
    starting = [replica for replica in current if replica.state is ReplicaState.STARTING]
    text = f"{ready} of {wanted} ready"
    slow = [replica for replica in starting if now - replica.started_at >= SLOW_START_SECONDS]
    if slow:
        text += f"; replica {slow[0].id} has been starting for over a minute: see its server log"
    return text
