"""Replicas that answer badly, come back, are new, or say by themselves that they are not well."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.routing.resilience.resilience import HealthPolicy, Resilience, Retries
from modelway_platform.domain.table.route_table import ReplicaEntry
from modelway_platform.gateway.proxy.metrics import VersionMetrics
from modelway_platform.gateway.proxy.replica_health import replica_exposition, seen_replicas
from modelway_platform.gateway.proxy.replicas.active_checks import ActiveChecks
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica, LiveVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Replica

POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def answer(status: int, *lines: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\n%bContent-Length: 3\r\n\r\nbad" % (status, b"".join(each + b"\r\n" for each in lines))


def version_of(replicas: int, **health: Any) -> LiveVersion:
    made = LiveVersion("v1", VersionMetrics("p", "m", "v1"), b"")
    made.health = HealthPolicy(**health)
    made.replicas = [LiveReplica(ReplicaEntry(id=f"r{n}", host="h", port=1), made) for n in range(replicas)]
    return made


def shares(version: LiveVersion, clock: float, requests: int = 1000) -> list[int]:
    counts = Counter(version.choose_replica(clock, ()) for _ in range(requests))
    return [counts[each] for each in version.replicas]


def test_three_bad_answers_in_a_row_and_it_is_left_out(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    bad, good = replica(answer(502)), replica()
    gateway.table(bad, good)
    caller = call()
    statuses: list[int] = []
    for _ in range(12):
        caller.send(POST)
        statuses.append(caller.answer().status)
    assert Counter(statuses) == {502: 3, 200: 9}
    assert gateway.worker.metrics.version("p", "m", "v1").ejections == 1


@pytest.mark.parametrize("bad_answer", [answer(500), answer(503, b"Retry-After: 1"), answer(429), answer(404)])
def test_answers_that_do_not_speak_against_a_replica(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], bad_answer: bytes
) -> None:
    """An error of the handler's may be the request's fault; a replica that says when to come back is well."""
    gateway.table(replica(bad_answer), replica())
    caller = call()
    for _ in range(12):
        caller.send(POST)
        caller.answer()
    assert gateway.worker.metrics.version("p", "m", "v1").ejections == 0


def test_one_that_fails_much_more_often_than_its_siblings_is_left_out(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica(answer(500)), replica(), replica())
    caller = call()
    failed = 0
    for _ in range(90):
        caller.send(POST)
        failed += caller.answer().status == 500
    assert failed == 20


def test_what_all_of_them_have_is_no_replicas_fault(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica(answer(500)), replica(answer(500)), replica(answer(500)))
    caller = call()
    for _ in range(90):
        caller.send(POST)
        assert caller.answer().status == 500
    # Were there an ejection, it would be one before the siblings had answered at all.
    assert gateway.worker.metrics.version("p", "m", "v1").ejections == 0


def test_at_most_half_are_left_out_and_never_the_last() -> None:
    for count, most in ((1, 0), (2, 1), (3, 1), (4, 2), (9, 4)):
        version = version_of(count)
        for replica in version.replicas:
            for _ in range(10):
                replica.answered(502, 100.0, 100.0, counts=True)
        assert sum(not each.is_up for each in version.replicas) == most, count
        assert version.choose_replica(100.0, ()) is not None


def test_each_time_it_is_left_out_for_longer_and_once_good_for_a_while_it_is_forgiven() -> None:
    version = version_of(2)
    replica = version.replicas[0]
    clock = 100.0
    lengths: list[float] = []
    for _ in range(7):
        replica.failed(clock)
        lengths.append(replica.down_until - clock)
        clock = replica.down_until
        assert replica.takes_turn(clock)
        replica.answered(200, clock, clock, counts=True)
        assert replica.settled
    assert lengths == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    replica.failed(clock + 11)
    assert replica.down_until - clock - 11 == 0.25


def test_one_request_finds_out_whether_it_is_back() -> None:
    version = version_of(2)
    replica = version.replicas[0]
    replica.failed(100.0)
    assert shares(version, 100.2) == [0, 1000]
    assert shares(version, 100.3) == [1, 999]
    assert shares(version, 101.4) == [1, 999], "the first has not been answered in a second"
    replica.answered(200, 101.5, 99.0, counts=True)
    assert not replica.settled, "an answer to a request from before says nothing"
    replica.answered(200, 101.5, 101.4, counts=True)
    assert shares(version, 101.5) == [500, 500]


def test_a_new_replica_warms_up() -> None:
    version = version_of(2, slow_start_seconds=10)
    version.replicas[1].warm_up()
    assert shares(version, 100.0) == pytest.approx([909, 91], abs=10)
    assert shares(version, 105.0) == pytest.approx([667, 333], abs=10)
    assert shares(version, 110.1) == [500, 500]
    assert version.replicas[1].settled


def test_one_that_returns_warms_up() -> None:
    version = version_of(2, slow_start_seconds=10)
    replica = version.replicas[0]
    replica.failed(100.0)
    assert replica.takes_turn(101.0)
    replica.answered(200, 101.0, 101.0, counts=True)
    assert shares(version, 101.0)[0] == pytest.approx(91, abs=10)
    assert shares(version, 111.1) == [500, 500]


def test_slow_start_leaves_the_versions_shares_exact(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Any]
) -> None:
    old, new, other = replica(), replica(), replica()
    slow = Resilience(health=HealthPolicy(slow_start_seconds=60))
    gateway.publish(table({"v1": (3, [old]), "v2": (1, [other])}, resilience=slow))
    gateway.publish(table({"v1": (3, [old, new]), "v2": (1, [other])}, resilience=slow))
    caller = call()
    for _ in range(80):
        caller.send(POST)
        assert caller.answer().status == 200
    assert len(other.requests) == 20
    assert 3 <= len(new.requests) <= 12


def test_active_checks_leave_out_and_take_back(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    well = {"here": True}

    def script(peer: Peer) -> None:
        while True:
            request = peer.request()
            if request.target == "/readyz":
                peer.send(answer(200 if well["here"] else 503))
            else:
                peer.send(answer(200))

    checked, other = replica(script), replica()
    health = HealthPolicy(check_seconds=0.05, check_timeout_seconds=2, unhealthy_after=2, healthy_after=2)
    gateway.table(checked, other, resilience=Resilience(health=health))
    checks = ActiveChecks(gateway.worker)

    async def begin() -> Any:
        return gateway.loop.create_task(checks.follow())

    task = gateway.run(begin())
    known = gateway.worker.routes.replicas[f"r{checked.port}"]
    well["here"] = False
    wait_for(lambda: known.ill)
    caller = call()
    for _ in range(4):
        caller.send(POST)
        assert caller.answer().body == b"ok"
    well["here"] = True
    wait_for(lambda: known.settled)
    bodies: set[bytes] = set()
    for _ in range(4):
        caller.send(POST)
        bodies.add(caller.answer().body)
    assert bodies == {b"bad", b"ok"}
    gateway.call(task.cancel)


def test_when_all_are_ill_they_are_asked_nevertheless() -> None:
    version = version_of(2)
    for replica in version.replicas:
        replica.checked(100.0, good=False)
        replica.checked(100.0, good=False)
        assert replica.ill
    assert version.choose_replica(100.0, ()) is not None


def test_the_metric_says_up_where_all_workers_do() -> None:
    version = version_of(2)
    version.replicas[1].failed(100.0)
    mine = seen_replicas(version.replicas)
    theirs = seen_replicas(version_of(3).replicas)
    lines = [line for line in replica_exposition([mine, theirs]) if not line.startswith("#")]
    assert [line.rpartition(" ")[2] for line in lines] == ["1", "0", "1"]
    assert lines[1].startswith('modelway_gateway_replica_up{project="p",model="m",version="v1",replica="r1"} ')


def test_the_access_record_names_who_answered_after_a_hand_over(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    bad, good = replica(answer(503)), replica()
    gateway.table(bad, good, idempotent=True, resilience=Resilience(retries=Retries(on=("503",))))
    assert call(POST).answer().status == 200
    assert [each["replica"] for each in gateway.records()] == [f"r{good.port}"]
