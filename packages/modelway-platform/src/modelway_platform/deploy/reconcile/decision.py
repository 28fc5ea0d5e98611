"""What to do next for one deployment: declared and observed values in, a list of steps out; nothing else is read or done.

The rules, in the order they apply:

1. A deployment being deleted drains every replica, forgets those gone, and is removed when none is left.
2. A replica that was told to go and has gone is forgotten.
3. A replica that fell over is started again after a back-off, whatever it runs: an old version serves until the switch.
4. Nothing else changes for a new package until its folder and environment are ready, except that `replicas: 0` stops all.
5. Replacement is rolling with one replica more than declared: an old one leaves only when enough new ones are ready. One
   whose time ends soon counts as an old one.
6. Too many are stopped, those that do not answer first; too few are started.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from enum import StrEnum

from modelway_platform.domain.deployments.cluster import LOCAL
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.model_processes import IN_THE_WORKER
from modelway_platform.domain.deployments.resources import NO_LIMITS
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 60.0
SURGE = 1


class Stage(StrEnum):
    """How far the folder and environment of a package are."""

    ABSENT = "Absent"
    UNPACKING = "Unpacking"
    BUILDING = "Building"
    PREPARED = "Prepared"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The state of making a package startable; `retry_at` counts only when it failed."""

    stage: Stage = Stage.ABSENT
    reason: str = ""
    message: str = ""
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica as the decision sees it.

    `template` says what it was started from (see `template_of`). `failures` counts falls in a row without having been
    ready in between; `exited_at` is 0 while it runs and for one that was recorded but never started. One that `ends_soon`
    is replaced as one of an older revision is.
    """

    id: str
    template: str
    state: ReplicaState
    started_at: float
    failures: int = 0
    exited_at: float = 0.0
    message: str = ""
    ends_soon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Unpack the package and build its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReplica:
    """Start one more replica of what is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartReplica:
    """Start a fallen replica again, from what it ran before."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReplica:
    """Let it finish what it has, then end it."""

    id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReplica:
    """It is gone and nobody wants it back: delete its record."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDeployment:
    """All its replicas are gone: delete the document's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Look again at `until`, if nothing happens before."""

    until: float
    why: str


Step = Prepare | StartReplica | RestartReplica | StopReplica | ForgetReplica | RemoveDeployment | Wait


def template_of(deployment: Deployment) -> str:
    """Names all that makes a running replica out of date when it changes: package, workers, variables, place, limits, model processes, volumes."""
    parts: list[object] = [deployment.package, deployment.workers, sorted(deployment.env.items())]
    if (deployment.cluster, deployment.resources) != (LOCAL, NO_LIMITS):  # names of before stay as they were
        parts += [deployment.cluster, astuple(deployment.resources)]
    if deployment.processes != IN_THE_WORKER:
        parts += ["model processes", astuple(deployment.processes)]
    if deployment.secrets:
        parts += ["secrets", sorted(deployment.secrets.items())]
    if deployment.volumes:
        parts += ["volumes", [astuple(each) for each in deployment.volumes]]
    content = json.dumps(parts)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def templates_of(deployment: Deployment) -> frozenset[str]:
    """The names on all its clusters, each of which is a part of what a replica there is made of."""
    return frozenset(template_of(replace(deployment, cluster=name)) for name in deployment.clusters)


def back_off(failures: int) -> float:
    """Seconds between a fall and the next start: 1, 2, 4, … 60; 0 for one that never fell."""
    if failures < 1:
        return 0.0
    return min(FIRST_BACK_OFF * 2.0 ** min(failures - 1, 16), LONGEST_BACK_OFF)


def decide(
    declared: DeploymentRecord, preparation: Preparation, replicas: Sequence[Replica], now: float
) -> tuple[Step, ...]:
    """The next steps, all of which may be done at once; empty when declared and observed agree."""
    if declared.deleting:
        return _delete(replicas)
    steps: list[Step] = [ForgetReplica(id=replica.id) for replica in replicas if replica.state is ReplicaState.STOPPED]
    kept = [r for r in replicas if r.state not in {ReplicaState.STOPPED, ReplicaState.DRAINING}]
    template = template_of(declared.deployment)
    current = [replica for replica in kept if replica.template == template and not replica.ends_soon]
    old = [replica for replica in kept if replica.template != template or replica.ends_soon]
    wanted = declared.deployment.replicas

    may_replace = preparation.stage is Stage.PREPARED
    if wanted > len(current) and not may_replace:
        steps += _prepare(preparation, now)
    leaving = _surplus_current(current, wanted)
    if may_replace or wanted == 0 or len(current) >= wanted:
        leaving += _surplus_old(current, old, wanted)
    steps += leaving
    if may_replace:
        room = min(wanted - len(current), wanted + SURGE - len(current) - len(old))
        steps += [StartReplica()] * max(room, 0)
    stopped = {step.id for step in leaving if not isinstance(step, Wait)}
    steps += [_restart(r, now) for r in kept if r.state is ReplicaState.CRASHED and r.id not in stopped]
    return tuple(steps)


def _delete(replicas: Sequence[Replica]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for replica in replicas:
        match replica.state:
            case ReplicaState.DRAINING:
                pass
            case ReplicaState.STARTING | ReplicaState.READY:
                steps.append(StopReplica(id=replica.id, why="the deployment is deleted"))
            case ReplicaState.CRASHED | ReplicaState.STOPPED:
                steps.append(ForgetReplica(id=replica.id))
    if len(steps) == len(replicas) and all(isinstance(step, ForgetReplica) for step in steps):
        steps.append(RemoveDeployment())
    return tuple(steps)


def _prepare(preparation: Preparation, now: float) -> list[Step]:
    match preparation.stage:
        case Stage.ABSENT:
            return [Prepare()]
        case Stage.FAILED if preparation.retry_at <= now:
            return [Prepare()]
        case Stage.FAILED:
            return [Wait(until=preparation.retry_at, why="the next attempt to prepare the package")]
        case Stage.UNPACKING | Stage.BUILDING | Stage.PREPARED:
            return []


def _surplus_current(current: Sequence[Replica], wanted: int) -> list[StopReplica | ForgetReplica]:
    surplus = sorted(current, key=_least_useful_first)[: max(len(current) - wanted, 0)]
    return [_leave(replica, f"{wanted} replicas are declared") for replica in surplus]


def _surplus_old(current: Sequence[Replica], old: Sequence[Replica], wanted: int) -> list[StopReplica | ForgetReplica]:
    ready = sum(replica.state is ReplicaState.READY for replica in current)
    surplus = sorted(old, key=_least_useful_first)[: max(len(old) - max(wanted - ready, 0), 0)]
    return [_leave(replica, replica.ends_soon or "replaced by a newer revision") for replica in surplus]


def _least_useful_first(replica: Replica) -> tuple[int, float, str]:
    rank = {ReplicaState.CRASHED: 0, ReplicaState.STARTING: 1, ReplicaState.READY: 2}
    return rank[replica.state], -replica.started_at, replica.id


def _leave(replica: Replica, why: str) -> StopReplica | ForgetReplica:
    if replica.state is ReplicaState.CRASHED:
        return ForgetReplica(id=replica.id)
    return StopReplica(id=replica.id, why=why)


def _restart(replica: Replica, now: float) -> Step:
    due = replica.exited_at + back_off(replica.failures)
    if due <= now:
        return RestartReplica(id=replica.id)
    return Wait(until=due, why=f"back-off before replica {replica.id} is started again")
