"""What another look at a replica makes of it."""

from dataclasses import replace

from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.reconcile.held_replica import HeldReplica, from_record, judge, started_again
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaState

NOW = 1000.0
RUNS = Observed()
ENDED = Observed(exited_at=990.0, reason="exited with status 1: ValueError: no")
STARTING = HeldReplica(
    spec=ReplicaSpec(
        id="r1", key=VersionKey("p", "m", "v"), package="sha256:x", environment="e", env={"A": "b"}, drain_seconds=3.0
    ),
    template="t",
    revision=2,
    state=ReplicaState.STARTING,
    started_at=980.0,
    placement={"pid": 1, "start_time": 2, "boot": "b", "log_offset": 0},
)
READY = replace(STARTING, state=ReplicaState.READY, answered=True)


def test_record_and_back() -> None:
    held = replace(READY, restarts=4, failures=1, exited_at=5.0, message="was killed")
    assert from_record(held.to_record()) == held


def test_ready_is_registered() -> None:
    assert judge(STARTING, RUNS, NOW, registered=False) == STARTING
    assert judge(STARTING, RUNS, NOW, registered=True) == READY
    assert judge(READY, RUNS, NOW, registered=False) == replace(READY, state=ReplicaState.STARTING)


def test_falls_in_a_row_count_until_it_answers() -> None:
    first = judge(STARTING, ENDED, NOW, registered=False)
    assert (first.state, first.failures, first.restarts) == (ReplicaState.CRASHED, 1, 1)
    assert (first.exited_at, first.message) == (990.0, ENDED.reason)
    second = judge(started_again(first, NOW, "e"), ENDED, NOW, registered=False)
    assert (second.failures, second.restarts) == (2, 2)
    answered = judge(started_again(second, NOW, "e"), RUNS, NOW, registered=True)
    assert (answered.failures, answered.restarts, answered.message) == (0, 2, "")
    third = judge(answered, ENDED, NOW, registered=True)
    assert (third.failures, third.restarts) == (1, 3)


def test_recorded_but_never_started_is_no_fall() -> None:
    found = judge(replace(STARTING, placement={}), None, NOW, registered=False)
    assert (found.state, found.failures, found.restarts, found.exited_at) == (ReplicaState.CRASHED, 0, 0, 0.0)


def test_one_told_to_go_is_gone_when_it_has_ended() -> None:
    draining = replace(READY, state=ReplicaState.DRAINING)
    assert judge(draining, RUNS, NOW, registered=True) == draining
    assert judge(draining, ENDED, NOW, registered=False).state is ReplicaState.STOPPED
    assert judge(draining, None, NOW, registered=False).state is ReplicaState.STOPPED


def test_a_clock_set_back_does_not_lengthen_the_back_off() -> None:
    crashed = replace(STARTING, state=ReplicaState.CRASHED, exited_at=NOW + 3600)
    assert judge(crashed, None, NOW, registered=False).exited_at == NOW
