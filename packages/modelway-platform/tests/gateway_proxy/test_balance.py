"""Which of a version's replicas answers when the one with the fewest requests in flight is wanted."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.routing.addresses.published_url import Addressing
from modelway_platform.domain.table.route_table import ReplicaEntry
from modelway_platform.gateway.proxy.metrics import VersionMetrics
from modelway_platform.gateway.proxy.replicas import least_in_flight
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica, LiveVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

LEAST = Addressing(balance="least-in-flight")
POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def replicas(*busy: int) -> list[LiveReplica]:
    version = LiveVersion("v1", VersionMetrics("p", "m", "v1"), b"")
    made = [LiveReplica(ReplicaEntry(id=f"r{number}", host="h", port=1), version) for number in range(len(busy))]
    for replica, count in zip(made, busy, strict=True):
        replica.connections = count
    return made


def test_the_least_busy_from_the_turn_on() -> None:
    made = replicas(2, 1, 3, 1)
    assert [made.index(least_in_flight.choose(made, turn, 0.0, ()) or made[0]) for turn in range(4)] == [1, 1, 3, 3]
    made[1].leave_out(1.0)
    assert least_in_flight.choose(made, 0, 0.5, ()) is made[3]
    assert least_in_flight.choose(made, 0, 0.5, (made[3],)) is made[0]
    assert least_in_flight.choose(made, 0, 0.5, tuple(made)) is None
    assert least_in_flight.choose([], 0, 0.5, ()) is None


@pytest.fixture
def balanced(gateway: Gateway, table: type[Table]) -> Callable[..., None]:
    """`balanced(addressing, replica, ...)` publishes a version with these replicas."""

    def publish(addressing: Addressing, *made: Replica) -> None:
        gateway.publish(table({"v1": (1, made)}, addressing=addressing))

    return publish


def holding(release: threading.Event) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        while True:
            peer.request()
            release.wait(8)
            peer.send(OK)

    return script


@pytest.mark.parametrize(
    ("addressing", "held"), [(LEAST, 1), (Addressing(), 5)], ids=["least-in-flight", "round-robin"]
)
def test_who_is_slow_gets_no_more(
    balanced: Callable[..., None],
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    addressing: Addressing,
    held: int,
) -> None:
    release = threading.Event()
    slow, fast = replica(holding(release)), replica(OK)
    balanced(addressing, slow, fast)
    waiting: list[Peer] = []
    for _ in range(10):
        before = len(fast.requests)
        peer = call(POST)
        peer.socket.settimeout(0.3)
        try:
            assert peer.answer().status == 200
            assert len(fast.requests) == before + 1
        except TimeoutError:
            waiting.append(peer)
    release.set()
    for peer in waiting:
        peer.socket.settimeout(8)
        assert peer.answer().status == 200
    assert (len(waiting), len(fast.requests)) == (held, 10 - held)


def test_equals_take_turns_and_every_connection_is_accounted_for(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    made = [replica(), replica(), replica()]
    gateway.publish(table({"v1": (1, made)}, addressing=LEAST))
    caller = call()
    for _ in range(12):
        caller.send(POST)
        assert caller.answer().status == 200
    assert Counter(len(each.requests) for each in made) == {4: 3}
    live = gateway.worker.routes.replicas.values()
    assert gateway.call(lambda: [each.connections - len(each.idle) for each in live]) == [0, 0, 0]
    gateway.close_idle()
    gateway.call(lambda: None)
    assert gateway.call(lambda: [each.connections for each in live]) == [0, 0, 0]


def test_a_dead_replica_is_passed_over_and_leaves_no_count(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    dead, alive = replica(), replica()
    dead.stop()
    gateway.publish(table({"v1": (1, [dead, alive])}, addressing=LEAST))
    caller = call()
    for _ in range(4):
        caller.send(POST)
        assert caller.answer().status == 200
    gone = gateway.worker.routes.replicas[f"r{dead.port}"]
    assert gateway.call(lambda: gone.connections) == 0


def test_the_way_of_choosing_changes_with_the_table(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one = replica()
    names: list[str] = []
    for addressing in (Addressing(), LEAST, LEAST, Addressing()):
        gateway.publish(table({"v1": (1, [one])}, addressing=addressing))
        assert call(POST).answer().status == 200
        version = gateway.worker.routes.models[b"p/m"].versions[b"v1"]
        names.append(type(version).__name__)
        assert gateway.call(lambda: next(gateway.worker.routes.models[b"p/m"].turns)) is version
    assert names == ["LiveVersion", "LeastInFlightVersion", "LeastInFlightVersion", "LiveVersion"]
