"""The reconciler's decision as a table: what is declared and seen, and the steps that must follow."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.deploy.reconcile.decision import (
    ForgetReplica,
    Preparation,
    Prepare,
    RemoveDeployment,
    Replica,
    RestartReplica,
    Stage,
    StartReplica,
    Step,
    StopReplica,
    Wait,
    back_off,
    decide,
    template_of,
)
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

NOW = 1000.0
DEPLOYMENT = Deployment(key=VersionKey("vision", "digits", "v1"), package="sha256:" + "a" * 64, replicas=2)
CURRENT = template_of(DEPLOYMENT)
STATES = {
    "ready": ReplicaState.READY,
    "starting": ReplicaState.STARTING,
    "draining": ReplicaState.DRAINING,
    "crashed": ReplicaState.CRASHED,
    "stopped": ReplicaState.STOPPED,
}
PREPARED = Preparation(stage=Stage.PREPARED)


def declare(replicas: int, *, deleting: bool = False) -> DeploymentRecord:
    return DeploymentRecord(
        deployment=replace(DEPLOYMENT, replicas=replicas),
        revision=3,
        status=DeploymentStatus(),
        created_at=0,
        updated_at=0,
        deleting=deleting,
    )


def replica(words: str) -> Replica:
    """`new-1 ready`, `old-2 crashed failures=3 exited=999`."""
    name, state, *rest = words.split()
    more = dict(item.split("=") for item in rest)
    return Replica(
        id=name,
        template=CURRENT if name.startswith("new") else "old",
        state=STATES[state],
        started_at=float(name[-1]),
        failures=int(more.get("failures", 0)),
        exited_at=float(more.get("exited", 0)),
        ends_soon=more.get("ends", ""),
    )


WORDS: dict[type[Step], str] = {
    Prepare: "prepare",
    StartReplica: "start",
    RestartReplica: "restart",
    StopReplica: "stop",
    ForgetReplica: "forget",
    RemoveDeployment: "remove",
    Wait: "wait",
}


def short(step: Step) -> str:
    match step:
        case Prepare() | StartReplica() | RemoveDeployment():
            return WORDS[type(step)]
        case RestartReplica(id=name) | StopReplica(id=name) | ForgetReplica(id=name):
            return f"{WORDS[type(step)]} {name}"
        case Wait(until=until):
            return f"wait {until:g}"


@dataclass(frozen=True)
class Case:
    name: str
    seen: str
    then: str
    replicas: int = 2
    preparation: Preparation = PREPARED
    deleting: bool = False


UNPREPARED = Preparation()
FAILED = Preparation(stage=Stage.FAILED, retry_at=NOW + 20)
CASES = [
    Case("nothing yet: prepare first", "", "prepare", preparation=UNPREPARED),
    Case("preparing: nothing to do", "", "", preparation=Preparation(stage=Stage.BUILDING)),
    Case("prepared: start all at once", "", "start, start"),
    Case("as declared", "new-1 ready, new-2 ready", ""),
    Case("as declared after a restart of control: no new preparation", "new-1 ready, new-2 ready", "", 2, UNPREPARED),
    Case("scale up", "new-1 ready", "start, start", replicas=3),
    Case("scale down stops the newest", "new-1 ready, new-2 ready, new-3 ready", "stop new-3"),
    Case("scale down stops one that does not answer first", "new-1 starting, new-2 ready", "stop new-1", replicas=1),
    Case("scale down forgets a fallen one", "new-1 crashed failures=1, new-2 ready", "forget new-1", replicas=1),
    Case("replicas 0 stops all", "new-1 ready, old-2 ready", "stop new-1, stop old-2", 0, UNPREPARED),
    Case("rolling: one more than declared starts", "old-1 ready, old-2 ready", "start"),
    Case("rolling: new one not ready, nobody leaves", "old-1 ready, old-2 ready, new-3 starting", ""),
    Case("rolling: new one ready, one old leaves", "old-1 ready, old-2 ready, new-3 ready", "stop old-2"),
    Case("rolling: next one", "old-1 ready, old-2 draining, new-3 ready", "start"),
    Case("rolling: last old one leaves", "old-1 ready, new-3 ready, new-4 ready", "stop old-1"),
    Case("rolling: done", "old-1 draining, new-3 ready, new-4 ready", ""),
    Case("rolling: one declared, one old", "old-1 ready", "start", replicas=1),
    Case(
        "rolling: an old one that does not answer leaves first",
        "old-1 starting, old-2 ready, new-3 ready",
        "stop old-1",
    ),
    Case("rolling and scaling down at once", "old-1 ready, old-2 ready, old-3 ready", "stop old-3"),
    Case("rolling and scaling up at once", "old-1 ready, old-2 ready", "start, start, start", replicas=4),
    Case("changed package not prepared: old ones untouched", "old-1 ready, old-2 ready", "prepare", 2, UNPREPARED),
    Case("changed package, build failed: old ones untouched", "old-1 ready, old-2 ready", "wait 1020", 2, FAILED),
    Case(
        "changed package, build failed: a fallen old one returns",
        "old-1 crashed",
        "wait 1020, restart old-1",
        1,
        FAILED,
    ),
    Case("build failed a while ago", "", "prepare", 1, replace(FAILED, retry_at=NOW)),
    Case("new ones crash: old ones stay", "old-1 ready, old-2 ready, new-3 crashed failures=4 exited=999", "wait 1007"),
    Case("crash: 1 s first", "new-1 ready, new-2 crashed failures=1 exited=1000", "wait 1001"),
    Case("crash: back-off over", "new-1 ready, new-2 crashed failures=1 exited=999", "restart new-2"),
    Case("crash: at most 60 s", "new-1 ready, new-2 crashed failures=40 exited=990", "wait 1050"),
    Case("recorded but never started", "new-1 crashed, new-2 ready", "restart new-1"),
    Case("told to go and gone", "new-1 ready, new-2 ready, old-3 stopped", "forget old-3"),
    Case("its time ends soon: another starts first", "new-1 ready ends=soon, new-2 ready", "start"),
    Case("its time ends soon: it stays until that is ready", "new-1 ready ends=soon, new-2 ready, new-3 starting", ""),
    Case("its time ends soon: then it leaves", "new-1 ready ends=soon, new-2 ready, new-3 ready", "stop new-1"),
    Case("its time ends soon, not prepared after a restart", "new-1 ready ends=soon", "prepare", 1, UNPREPARED),
    Case("delete drains all", "new-1 ready, old-2 starting", "stop new-1, stop old-2", deleting=True),
    Case("delete waits for the last", "new-1 draining, old-2 stopped", "forget old-2", deleting=True),
    Case("delete, all gone", "new-1 stopped, new-2 crashed", "forget new-1, forget new-2, remove", deleting=True),
    Case("delete, never started", "", "remove", deleting=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decision(case: Case) -> None:
    declared = declare(case.replicas, deleting=case.deleting)
    seen = [replica(words) for words in case.seen.split(", ") if words]
    assert ", ".join(short(step) for step in decide(declared, case.preparation, seen, NOW)) == case.then


def test_back_off_doubles_from_1_to_60_seconds() -> None:
    assert [back_off(n) for n in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off(10**9) == 60


def test_template_changes_with_what_a_running_replica_cannot_take_over() -> None:
    same = [replace(DEPLOYMENT, replicas=9), replace(DEPLOYMENT, stage="beta"), replace(DEPLOYMENT, drain_seconds=1.0)]
    other = [
        replace(DEPLOYMENT, package="sha256:b"),
        replace(DEPLOYMENT, workers=2),
        replace(DEPLOYMENT, env={"A": "b"}),
    ]
    assert {template_of(deployment) for deployment in same} == {CURRENT}
    assert CURRENT not in {template_of(deployment) for deployment in other}


class Cluster:
    """A made-up cluster that carries steps out; what starts becomes ready in the next round."""

    def __init__(self, old: int, replicas: int) -> None:
        self.replicas = [replica(f"old-{n} ready") for n in range(old)]
        self.declared = declare(replicas)
        self.now = NOW
        self.count = 0

    def ready(self) -> int:
        return sum(one.state is ReplicaState.READY for one in self.replicas)

    def alive(self) -> int:
        return sum(one.state in {ReplicaState.READY, ReplicaState.STARTING} for one in self.replicas)

    def set_state(self, name: str, state: ReplicaState) -> None:
        self.replicas = [
            replace(one, state=state, exited_at=self.now) if one.id == name else one for one in self.replicas
        ]

    def take_steps(self) -> bool:
        steps = decide(self.declared, PREPARED, self.replicas, self.now)
        for step in steps:
            match step:
                case StartReplica():
                    self.count += 1
                    self.replicas.append(replica(f"new-{self.count} starting"))
                case StopReplica(id=name):
                    self.set_state(name, ReplicaState.DRAINING)
                case RestartReplica(id=name):
                    self.set_state(name, ReplicaState.STARTING)
                case ForgetReplica(id=name):
                    self.replicas = [one for one in self.replicas if one.id != name]
                case Wait() | Prepare() | RemoveDeployment():
                    pass
        return bool(steps)

    def live_on(self) -> None:
        for one in self.replicas:
            match one.state:
                case ReplicaState.STARTING:
                    self.set_state(one.id, ReplicaState.READY)
                case ReplicaState.DRAINING:
                    self.set_state(one.id, ReplicaState.STOPPED)
                case _:
                    pass


@given(old=st.integers(0, 6), wanted=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_replacing_never_has_fewer_ready_than_before_nor_more_than_one_extra(old: int, wanted: int) -> None:
    cluster = Cluster(old, wanted)
    floor = min(old, wanted)
    for _ in range(40):
        acted = cluster.take_steps()
        assert cluster.ready() >= floor
        assert cluster.alive() <= max(wanted + 1, floor)
        cluster.live_on()
        if not acted and not cluster.take_steps():
            break
    assert [one.template for one in cluster.replicas] == [CURRENT] * wanted
    assert cluster.ready() == wanted
