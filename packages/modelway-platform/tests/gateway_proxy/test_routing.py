"""Where requests go: weights, pins, turns, and addresses that name nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


def version_of(peer: Peer, target: bytes = b"/p/m/predict") -> str:
    peer.send(GET % target)
    answer = peer.answer()
    assert answer.status == 200
    return answer.header("modelway-version") or ""


def assert_exact(chosen: list[str], weights: dict[str, int]) -> None:
    total = sum(weights.values())
    counts: Counter[str] = Counter()
    for number, version in enumerate(chosen, 1):
        counts[version] += 1
        for name, weight in weights.items():
            assert abs(counts[name] - number * weight / total) <= 1, (number, counts)


@pytest.mark.parametrize(
    "weights",
    [{"v1": 80, "v2": 20}, {"v1": 1, "v2": 1, "v3": 1}, {"v1": 97, "v2": 2, "v3": 1}, {"v1": 5, "v2": 0}],
    ids=str,
)
def test_every_prefix_has_the_declared_shares(
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    weights: dict[str, int],
) -> None:
    gateway.publish(table({name: (weight, [replica()]) for name, weight in weights.items()}))
    callers = [call() for _ in range(3)]
    assert_exact([version_of(callers[turn % 3]) for turn in range(300)], weights)


def test_shares_stay_exact_while_tables_come(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, two, extra = replica(), replica(), replica()
    tables = [
        table({"v1": (7, [one]), "v2": (3, [two, extra])}),
        table({"v1": (7, [one]), "v2": (3, [two])}),
        table({"v1": (7, [one, extra]), "v2": (3, [two])}, keys=()),
    ]
    gateway.publish(tables[0])
    stop = threading.Event()

    def publish() -> None:
        turn = 0
        while not stop.wait(0.1):
            turn += 1
            gateway.publish(tables[turn % 3])

    publisher = threading.Thread(target=publish)
    publisher.start()
    chosen: list[str] = []
    caller, ends = call(), time.monotonic() + 1.2
    while time.monotonic() < ends:
        chosen.append(version_of(caller))
    stop.set()
    publisher.join()
    assert gateway.number > 5
    assert_exact(chosen, {"v1": 7, "v2": 3})


def test_pinned_version_takes_no_turn(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, two, hidden = replica(), replica(), replica()
    gateway.publish(table({"v1": (1, [one]), "v2": (1, [two]), "1.0_x": (0, [hidden])}))
    caller = call()
    chosen: list[str] = []
    for _ in range(10):
        chosen.append(version_of(caller))
        assert version_of(caller, b"/p/m/1.0_x/predict?a=/b") == "1.0_x"
        assert version_of(caller, b"/p/m/v2/predict") == "v2"
    assert_exact(chosen, {"v1": 1, "v2": 1})
    assert {each.target for each in hidden.requests} == {"/predict?a=/b"}
    assert {each.target for each in one.requests} == {"/predict"}


def test_replicas_take_turns(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    replicas = [replica(), replica(), replica()]
    gateway.table(*replicas)
    callers = [call(), call()]
    for turn in range(30):
        version_of(callers[turn % 2])
        counts = [len(each.requests) for each in replicas]
        assert max(counts) - min(counts) <= 1


def test_version_without_replica_gets_no_share(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(table({"v1": (1, [replica()]), "v2": (9, [])}))
    caller = call()
    assert {version_of(caller) for _ in range(10)} == {"v1"}
    caller.send(GET % b"/p/m/v2/predict")
    answer = caller.answer()
    assert (answer.status, answer.error, answer.header("retry-after")) == (503, "no_ready_replica", "1")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"/", "model_not_found"),
        (b"/p", "model_not_found"),
        (b"/p/m", "model_not_found"),
        (b"/_/../p/x/predict", "not_found"),
        (b"/p/other/predict", "model_not_found"),
        (b"/P/m/predict", "model_not_found"),
        (b"//p/m/predict", "model_not_found"),
        (b"/p%2fm/predict", "model_not_found"),
        (b"/p/m/", "endpoint_not_found"),
        (b"/p/m//predict", "endpoint_not_found"),
        (b"/p/m/v1/", "endpoint_not_found"),
        (b"/p/m/v1/a/b", "endpoint_not_found"),
        (b"/p/m/v1/../predict", "endpoint_not_found"),
        (b"/p/m/metrics", "endpoint_not_found"),
        (b"/p/m/v1/livez", "endpoint_not_found"),
        (b"/p/m/readyz?x", "endpoint_not_found"),
        (b"/p/m/..", "endpoint_not_found"),
        (b"/p/m/v1/.", "endpoint_not_found"),
        (b"/p/m/v9/predict", "version_not_found"),
        (b"/p/m/v1%00/predict", "version_not_found"),
    ],
)
def test_addresses_that_name_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], target: bytes, code: str
) -> None:
    only = replica()
    gateway.table(only, access="key")
    caller = call(b"GET %b HTTP/1.1\r\nHost: x\r\nX-API-Key: mw_caller\r\n\r\n" % target)
    answer = caller.answer()
    assert (answer.status, answer.error) == (404, code)
    assert not only.requests
    caller.send(b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\nX-API-Key: mw_caller\r\n\r\n")
    assert caller.answer().status == 200


def test_absolute_target(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    only = replica()
    gateway.table(only)
    assert call(b"GET http://elsewhere/p/m/predict?q HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 200
    assert only.requests[0].first == "GET /predict?q HTTP/1.1"


def test_without_a_table_nothing_is_denied_or_unknown(gateway: Gateway, call: Callable[..., Peer]) -> None:
    answer = call(GET % b"/p/m/predict").answer()
    assert (answer.status, answer.error, answer.header("retry-after")) == (503, "not_ready", "1")


def test_removed_replica_gets_no_new_request_and_finishes(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    go = threading.Event()

    def slow(peer: Peer) -> None:
        leaving.requests.append(peer.request())
        go.wait(5)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        peer.request()

    leaving = replica(slow)
    staying = replica()
    gateway.table(leaving)
    busy = call(GET % b"/p/m/predict")
    while not leaving.requests:
        time.sleep(0.002)
    gateway.table(staying)
    caller = call()
    for _ in range(5):
        version_of(caller)
    go.set()
    assert busy.answer().body == b"late"
    assert len(leaving.requests) == 1
    leaving.stop()


def test_removed_replica_loses_its_idle_connections(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    leaving = replica()
    gateway.table(leaving)
    version_of(call())
    assert gateway.idle() == 1
    gateway.table(replica())
    leaving._threads[-1].join(5)  # pyright: ignore[reportPrivateUsage] (its script ends with the connection)
    assert not leaving._threads[-1].is_alive()  # pyright: ignore[reportPrivateUsage]
    assert gateway.idle() == 0
