"""Which clusters of a deployment may have its newest revision: a decision by what was seen of those before them; nothing is done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from modelway_platform.domain.deployments.deployment import ClusterStatus, Condition, DeploymentStatus, Phase
from modelway_platform.domain.deployments.placement import Placement
from modelway_platform.domain.deployments.placement_shares import shared_out
from modelway_platform.domain.records import DeploymentRecord

_STUCK = frozenset({Phase.FAILED, Phase.DEGRADED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whether a cluster may begin, and if not, why and when to look again at the latest (0: after the next change)."""

    open: bool
    reason: str = ""
    why: str = ""
    until: float = 0.0


def part_of(record: DeploymentRecord, placement: Placement) -> DeploymentRecord:
    """The deployment as one cluster has it."""
    here = replace(record.deployment, cluster=placement.name, replicas=placement.replicas, placements=())
    return replace(record, deployment=here)


def placed(record: DeploymentRecord, kept: Mapping[str, ClusterStatus]) -> tuple[Placement, ...]:
    """Its clusters with as many replicas as are wanted on each: as declared, or by the load its share of what is wanted in all."""
    deployment = record.deployment
    if deployment.autoscale is None:
        return deployment.placements
    proven = {name for name, status in kept.items() if status.passed_at}
    return shared_out(deployment.placements, deployment.replicas, proven)


def kept_of(record: DeploymentRecord) -> Mapping[str, ClusterStatus]:
    """What was seen of each cluster since this revision was declared."""
    if record.status.observed_revision != record.revision:
        return {}
    return {each.name: each for each in record.status.clusters}


def opening(
    placement: Placement,
    placements: Sequence[Placement],
    kept: Mapping[str, ClusterStatus],
    approved: Collection[str],
    now: float,
) -> Opening:
    """Whether a cluster's turn has come.

    Args:
        placement: Where.
        placements: All of them.
        kept: What was last seen of each since this revision was declared; who began stays begun.
        approved: The clusters that somebody said yes to.
        now: Unix time in seconds.
    """
    seen = kept.get(placement.name)
    if seen is not None and seen.opened:
        return Opening(open=True)
    earlier = [each for each in placements if each.step < placement.step]
    if not earlier:
        return Opening(open=True)
    for each in sorted(earlier, key=lambda other: other.step):
        there = kept.get(each.name)
        if there is None or there.phase is not Phase.READY or not there.passed_at:
            return _behind(each, there)
    ready = max(kept[each.name].passed_at for each in earlier)
    if now < ready + placement.soak_seconds:
        why = f"the step before has been ready for {now - ready:.0f} of {placement.soak_seconds:g} s"
        return Opening(open=False, reason="Soaks", why=why, until=ready + placement.soak_seconds)
    if placement.approval and placement.name not in approved:
        return Opening(open=False, reason="WaitsForApproval", why="somebody has to say yes: `modelway rollout approve`")
    return Opening(open=True)


def seen_of(
    placement: Placement, part: DeploymentStatus, before: ClusterStatus | None, opened: Opening, now: float
) -> ClusterStatus:
    """What is told of one cluster.

    Args:
        placement: Which.
        part: The status of what runs there.
        before: What was told of it last.
        opened: Whether it may have the revision.
        now: Unix time in seconds.
    """
    message = next((each.message for each in part.conditions if each.status is not True), "")
    passed = before.passed_at if before is not None else 0.0
    if opened.open and part.phase is Phase.READY and not passed:
        passed = now
    return ClusterStatus(
        name=placement.name,
        step=placement.step,
        phase=part.phase if opened.open else Phase.PENDING,
        wanted_replicas=placement.replicas,
        ready_replicas=part.ready_replicas,
        updated_replicas=part.updated_replicas,
        message=message if opened.open else opened.why,
        opened=opened.open,
        passed_at=passed,
    )


def whole_status(
    record: DeploymentRecord,
    clusters: Sequence[ClusterStatus],
    waits: Mapping[str, Opening],
    shown: DeploymentStatus,
    now: float,
) -> DeploymentStatus:
    """The status of the whole deployment.

    Args:
        record: What is declared, with the last status.
        clusters: What was seen of each, in their order.
        waits: Why those that have not begun have not.
        shown: The status of the cluster that is under way, whose conditions are told.
        now: Unix time in seconds.
    """
    found = _progress(clusters, waits)
    before = next((each for each in record.status.conditions if each.type == found.type), None)
    if before is not None and (before.status, before.reason) == (found.status, found.reason):
        found = replace(found, since=before.since, message=found.message)
    else:
        found = replace(found, since=now)
    return DeploymentStatus(
        phase=_phase(clusters),
        observed_revision=record.revision,
        ready_replicas=sum(each.ready_replicas for each in clusters),
        updated_replicas=sum(each.updated_replicas for each in clusters),
        conditions=(found, *shown.conditions),
        clusters=tuple(clusters),
    )


def under_way(clusters: Sequence[ClusterStatus]) -> ClusterStatus:
    """The one people want to hear of: the first that is not ready, else the last."""
    behind = (each for each in clusters if each.opened and each.phase is not Phase.READY)
    return next(behind, [each for each in clusters if each.opened][-1])


def _behind(placement: Placement, there: ClusterStatus | None) -> Opening:
    phase = there.phase if there is not None else Phase.PENDING
    if phase in _STUCK:
        text = f"stopped before it: {placement.name} is {phase}: {there.message if there is not None else ''}"
        return Opening(open=False, reason="Stopped", why=text)
    return Opening(open=False, reason="WaitsForEarlier", why=f"{placement.name} comes first")


def _phase(clusters: Sequence[ClusterStatus]) -> Phase:
    if all(each.opened and each.phase is Phase.READY for each in clusters):
        return Phase.READY
    if any(each.phase in _STUCK for each in clusters):
        return Phase.DEGRADED if any(each.ready_replicas for each in clusters) else Phase.FAILED
    found = under_way(clusters).phase
    return Phase.PLACING if found is Phase.READY else found


def _progress(clusters: Sequence[ClusterStatus], waits: Mapping[str, Opening]) -> Condition:
    def condition(reason: str, message: str, *, status: bool | None) -> Condition:
        return Condition(type="AllClusters", status=status, reason=reason, message=message, since=0.0)

    behind = [each for each in clusters if each.name in waits]
    if behind:
        first = behind[0]
        reason = waits[first.name].reason
        text = f"{first.name} has the revision before: {first.message}"
        return condition(reason, text, status=False if reason == "Stopped" else None)
    late = [each for each in clusters if each.phase is not Phase.READY]
    if late:
        return condition("UnderWay", f"{late[0].name} is {late[0].phase}: {late[0].message}", status=False)
    return condition("Reached", f"all {len(clusters)} clusters have it", status=True)
