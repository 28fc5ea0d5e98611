"""A version that sleeps: requests are held in order and within bounds, control hears of them at once, and nobody waits for ever."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.access.limits import Concurrency, UsageLimits
from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.routing.mirroring.mirrors import Mirror, Mirroring
from modelway_platform.store.files.load_reports import Bell, read_loads
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Received, Replica

HOLD = ScalingEntry(hold_requests=100, hold_bytes=10_000_000, hold_seconds=30)
BROKEN = replace(HOLD, broken=True)


def request(body: bytes = b"", *, path: str = "/p/m/predict", headers: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Sleeper:
    """A gateway whose model has the replicas it is told."""

    def __init__(self, gateway: Gateway, table: type[Table]) -> None:
        self.gateway = gateway
        self.table = table

    def publish(self, *replicas: Replica, entry: ScalingEntry | None = HOLD, weight: int = 1, **usual: Any) -> None:
        self.gateway.number += 1
        table = self.table({"v1": (weight, replicas)}, **usual).made(self.gateway.number)
        model = table.models[0]
        versions = tuple(replace(each, scaling=entry) for each in model.versions)
        write_table(self.gateway.table_path, replace(table, models=(replace(model, versions=versions),)))
        self.gateway.call(self.gateway.watch.look)

    @property
    def held(self) -> int:
        return sum(len(line.queue) for line in self.gateway.worker.routes.scaled)

    def wait_for_held(self, count: int) -> None:
        wait_for(lambda: self.held == count)


@pytest.fixture
def sleeper(gateway: Gateway, table: type[Table]) -> Sleeper:
    made = Sleeper(gateway, table)
    made.publish()
    return made


def wait_for(condition: Callable[[], bool]) -> None:
    """Fails when it does not become true in time."""
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture
def bell(gateway: Gateway) -> Iterator[Bell]:
    made = Bell(gateway.table_path.parent)
    yield made
    made.close()


def refusal(answer: Received) -> tuple[int, str]:
    error = json.loads(answer.body)["error"]
    assert answer.header("retry-after")
    return answer.status, error["code"]


def test_requests_wait_and_go_on_in_order(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    peers = [call() for _ in range(5)]
    for count, peer in enumerate(peers):
        peer.send(request(f"{count}".encode()))
        sleeper.wait_for_held(count + 1)
    woken = replica()
    sleeper.publish(woken)
    assert [peer.answer().status for peer in peers] == [200] * 5
    assert sleeper.held == 0
    peers[0].send(request(b"5"))
    assert peers[0].answer().status == 200
    assert sorted(each.body for each in woken.requests) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_they_reach_one_replica_in_the_order_in_which_they_came(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelway_platform.gateway.proxy.hold_line.TOGETHER", 1)
    peers = [call() for _ in range(4)]
    for count, peer in enumerate(peers):
        peer.send(request(f"{count}".encode()))
        sleeper.wait_for_held(count + 1)
    woken = replica()
    sleeper.publish(woken)
    assert [peer.answer().status for peer in peers] == [200] * 4
    assert [each.body for each in woken.requests] == [b"0", b"1", b"2", b"3"]


def test_control_hears_of_the_first_at_once(
    sleeper: Sleeper, bell: Bell, call: Callable[..., Peer], gateway: Gateway
) -> None:
    call().send(request(b"1"))
    assert select.select([bell.descriptor], [], [], 30)[0]
    bell.hear()
    (said,) = [word for _, word in read_loads(gateway.table_path.parent)]
    assert [(each.name, each.held, each.active) for each in said.versions] == [("p/m/v1", 1, True)]
    assert said.versions[0].in_flight >= 1


def test_where_nobody_listens_the_word_is_left(sleeper: Sleeper, call: Callable[..., Peer], gateway: Gateway) -> None:
    call().send(request(b"1"))
    wait_for(lambda: bool(read_loads(gateway.table_path.parent)))
    assert not os.path.exists(gateway.table_path.parent / "load.bell")  # noqa: PTH110 - as it is asked elsewhere


def test_the_load_of_what_runs_is_told(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer], gateway: Gateway
) -> None:
    permit = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        permit.wait(30)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    sleeper.publish(replica(script), entry=ScalingEntry())
    peers = [call() for _ in range(3)]
    for peer in peers:
        peer.send(request(b"x"))
    wait_for(lambda: gateway.call(lambda: gateway.worker.routes.scaled[0].busy) == 3)
    gateway.call(lambda: gateway.worker.load.sample(gateway.worker.routes.scaled))
    gateway.call(lambda: gateway.worker.load.tell(gateway.worker.routes.scaled))
    (word,) = [word for _, word in read_loads(gateway.table_path.parent)]
    assert word.versions[0].in_flight == 3
    permit.set()
    assert [peer.answer().status for peer in peers] == [200] * 3
    gateway.call(lambda: gateway.worker.load.tell(gateway.worker.routes.scaled))
    (word,) = [word for _, word in read_loads(gateway.table_path.parent)]
    assert [(each.in_flight, each.active) for each in word.versions] == [(0, True)]
    gateway.call(gateway.worker.load.end)
    assert read_loads(gateway.table_path.parent) == ()


def test_who_leaves_is_forgotten(sleeper: Sleeper, call: Callable[..., Peer], gateway: Gateway) -> None:
    peer, other = call(), call()
    peer.send(request(b"1"))
    other.send(request(b"2"))
    sleeper.wait_for_held(2)
    peer.reset()
    sleeper.wait_for_held(1)
    assert gateway.records()[-1]["status"] == 499
    other.reset()
    sleeper.wait_for_held(0)
    assert gateway.worker.routes.scaled[0].bytes == 0


def test_as_many_wait_as_may_and_no_more(sleeper: Sleeper, call: Callable[..., Peer]) -> None:
    sleeper.publish(entry=replace(HOLD, hold_requests=2))
    for _ in range(2):
        call().send(request(b"1"))
    sleeper.wait_for_held(2)
    late = call()
    late.send(request(b"1"))
    assert refusal(late.answer()) == (503, "overloaded")


def test_as_many_bytes_wait_as_may(sleeper: Sleeper, call: Callable[..., Peer]) -> None:
    sleeper.publish(entry=replace(HOLD, hold_bytes=400_000))
    call().send(request(bytes(300_000)))
    sleeper.wait_for_held(1)
    late = call()
    late.send(request(bytes(300_000)))
    assert refusal(late.answer()) == (503, "overloaded")


def test_a_large_body_is_not_read_while_it_waits(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer], gateway: Gateway
) -> None:
    peer, body = call(), bytes(8_000_000)
    sending = threading.Thread(target=peer.send, args=(request(body),), daemon=True)
    sending.start()
    sleeper.wait_for_held(1)
    (waiting,) = gateway.worker.routes.scaled[0].queue
    wait_for(lambda: waiting.pending_bytes > 64 * 1024)
    assert waiting.pending_bytes < 1_000_000
    sleeper.publish(replica())
    assert peer.answer().status == 200
    sending.join(30)


def test_nobody_waits_longer_than_is_declared(sleeper: Sleeper, call: Callable[..., Peer]) -> None:
    sleeper.publish(entry=replace(HOLD, hold_seconds=0.3))
    peer = call()
    peer.send(request(b"1"))
    assert refusal(peer.answer()) == (503, "no_ready_replica")
    assert sleeper.held == 0


def test_the_caller_may_have_less_time(sleeper: Sleeper, call: Callable[..., Peer]) -> None:
    peer = call()
    peer.send(request(b"1", headers="Modelway-Deadline-Ms: 300\r\n"))
    answer = peer.answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    assert sleeper.held == 0


def test_the_routes_time_begins_with_the_replica(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    sleeper.publish(timeout=0.2)
    peer = call()
    peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    assert peer.silent(0.6)
    sleeper.publish(replica(), timeout=8)
    assert peer.answer().status == 200


def test_one_that_does_not_start_is_not_waited_for(
    sleeper: Sleeper, call: Callable[..., Peer], gateway: Gateway
) -> None:
    peer = call()
    peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    sleeper.publish(entry=BROKEN)
    answer = peer.answer()
    assert refusal(answer) == (503, "no_ready_replica")
    assert "does not start" in answer.body.decode()
    peer.send(request(b"2"))
    assert refusal(peer.answer()) == (503, "no_ready_replica")
    gateway.call(lambda: gateway.worker.load.tell(gateway.worker.routes.scaled))
    (word,) = [word for _, word in read_loads(gateway.table_path.parent)]
    assert word.versions[0].refused == 2  # it is wanted all the same


def test_one_that_is_taken_away_is_not_waited_for(sleeper: Sleeper, call: Callable[..., Peer]) -> None:
    peer = call()
    peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    sleeper.publish(entry=None)
    assert refusal(peer.answer()) == (503, "no_ready_replica")


def test_a_version_without_weight_is_woken_by_its_own_address(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    sleeper.publish(weight=0)
    peer = call()
    peer.send(request(b"1"))
    assert peer.answer().status == 503  # nothing has the model's traffic
    peer.send(request(b"1", path="/p/m/v1/predict"))
    sleeper.wait_for_held(1)
    sleeper.publish(replica(), weight=0)
    assert peer.answer().status == 200


def test_behind_a_gate_it_keeps_its_place(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    limits = UsageLimits(concurrency=Concurrency(max=1, queue=5, wait_seconds=20))
    sleeper.publish(limits=limits)
    peers = [call() for _ in range(3)]
    for peer in peers:
        peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    sleeper.publish(replica(), limits=limits)
    assert [peer.answer().status for peer in peers] == [200] * 3


def test_the_last_replica_goes_while_requests_come(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """Its address refuses before the table says so: whoever comes then waits for the next one."""
    gone = replica()
    sleeper.publish(gone)
    gone.stop()
    peer = call()
    peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    sleeper.publish()
    sleeper.wait_for_held(1)
    sleeper.publish(replica())
    assert peer.answer().status == 200


def test_a_replica_that_comes_back_under_the_same_table_is_found(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    away = replica()
    sleeper.publish(away)
    away.stop()
    peer = call()
    peer.send(request(b"1"))
    sleeper.wait_for_held(1)
    away.start()
    assert peer.answer().status == 200


@pytest.mark.parametrize("wakes", [False, True])
def test_a_copy_wakes_only_where_that_is_declared(
    gateway: Gateway, table: type[Table], replica: Callable[..., Replica], call: Callable[..., Peer], *, wakes: bool
) -> None:
    mirroring = Mirroring(mirrors=(Mirror(source="v1", to="v2", wakes=wakes),))
    made = table({"v1": (1, [replica()]), "v2": (0, [])}, mirroring=mirroring).made(1)
    (model,) = made.models
    first, second = model.versions
    model = replace(model, versions=(first, replace(second, scaling=HOLD)))
    write_table(gateway.table_path, replace(made, models=(model,)))
    gateway.call(gateway.watch.look)
    peer = call(request(b"1"))
    assert peer.answer().status == 200
    (line,) = gateway.worker.routes.scaled
    copied = gateway.worker.routes.mirror_book.all
    wait_for(lambda: any(code == 503 for each in gateway.call(copied) for code in each.codes))
    gateway.call(lambda: gateway.worker.load.tell(gateway.worker.routes.scaled))
    said = [each for _, word in read_loads(gateway.table_path.parent) for each in word.versions]
    assert [(each.name, each.refused, each.active) for each in said] == ([("p/m/v2", 1, True)] if wakes else [])
    assert not line.queue


def test_a_websocket_waits_too(sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        accepted = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        peer.send(f"HTTP/1.1 101 Switching Protocols\r\n{accepted}\r\n\r\n".encode())
        peer.more()
        peer.send(peer.take(4))

    sleeper.publish(websocket=True)
    peer = call(
        b"GET /p/m/live HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    sleeper.wait_for_held(1)
    sleeper.publish(replica(script), websocket=True)
    assert peer.answer().status == 101
    peer.send(b"ping")
    assert peer.take(4) == b"ping"


def test_a_stream_comes_piece_by_piece_after_the_wait(
    sleeper: Sleeper, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    second = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        peer.send(b"7\r\ndata: 1\r\n")
        second.wait(30)
        peer.send(b"7\r\ndata: 2\r\n0\r\n\r\n")

    peer = call(request(b"1"))
    sleeper.wait_for_held(1)
    sleeper.publish(replica(script))
    assert peer.head().status == 200
    while b"data: 1" not in peer.unread:
        peer.more()
    second.set()
    while b"data: 2" not in peer.unread:
        peer.more()
