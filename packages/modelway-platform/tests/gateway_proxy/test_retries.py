"""Tries with a time of their own, answers that another replica may better, and the budget that bounds both."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.routing.resilience.resilience import Resilience, Retries
from modelway_platform.gateway.proxy.limits.retry_budget import RetryBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Replica

POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"
BROKEN = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nbroken"


def tries(**retries: Any) -> Resilience:
    return Resilience(retries=Retries(**retries))


def hangs(peer: Peer) -> None:
    peer.request()
    peer.rest()


def one_byte_at_a_time(peer: Peer) -> None:
    peer.request()
    peer.send_split(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", pause=0.2)


def never_reads(peer: Peer) -> None:
    time.sleep(3)


@pytest.mark.parametrize("script", [hangs, one_byte_at_a_time, never_reads])
def test_a_try_without_an_answer_is_given_up_for_another_replica(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], script: Callable[[Peer], None]
) -> None:
    bad, good = replica(script), replica()
    gateway.table(bad, good, idempotent=True, resilience=tries(per_try_seconds=0.1))
    began = time.monotonic()
    assert call(POST).answer().status == 200
    assert time.monotonic() - began >= 0.09
    (record,) = gateway.records()
    assert (record["retries"], record["replica"]) == (1, f"r{good.port}")


def test_the_abandoned_replica_sees_its_caller_leave(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        with suppress(ConnectionResetError):
            peer.rest()
        left.set()

    gateway.table(replica(script), replica(), idempotent=True, resilience=tries(per_try_seconds=0.1))
    assert call(POST).answer().status == 200
    assert left.wait(5)


@pytest.mark.parametrize(("idempotent", "others"), [(False, 1), (True, 0)])
def test_where_nobody_else_may_answer_a_try_has_all_the_time(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], *, idempotent: bool, others: int
) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        time.sleep(0.4)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")

    gateway.table(
        replica(slow),
        *(replica() for _ in range(others)),
        idempotent=idempotent,
        resilience=tries(per_try_seconds=0.1),
    )
    assert call(POST).answer().body == b"slow"
    assert gateway.records()[0]["retries"] == 0


def test_the_last_try_has_all_the_time_that_is_left(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(
        *(replica(hangs) for _ in range(3)),
        idempotent=True,
        timeout=0.6,
        resilience=tries(per_try_seconds=0.1, attempts=2),
    )
    began = time.monotonic()
    answer = call(POST).answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    assert time.monotonic() - began >= 0.55
    assert gateway.records()[0]["retries"] == 1


@pytest.mark.parametrize(
    ("answer", "on", "again"),
    [
        (BUSY, ("503",), True),
        (BUSY, ("connect", "reset", "502", "504"), False),
        (BROKEN, ("502",), True),
        (BROKEN.replace(b"502", b"504"), ("504",), True),
        (BROKEN.replace(b"502", b"500"), ("502", "503", "504"), False),
        (BUSY.replace(b"503", b"429"), ("502", "503", "504"), False),
    ],
)
def test_answers_that_another_replica_may_better(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    answer: bytes,
    on: tuple[Any, ...],
    again: bool,  # noqa: FBT001 (from the table)
) -> None:
    gateway.table(replica(answer), replica(), idempotent=True, resilience=tries(on=on))
    for _ in range(2):  # the second time the head is a known one
        got = call(POST).answer()
        if again:
            assert got.body == b"ok"
        elif got.body != b"ok":  # the good one's turn
            assert got.status == int(answer[9:12])
            assert got.header("retry-after") == ("7" if b"Retry-After" in answer else None)
    assert max(each["retries"] for each in gateway.records()) == int(again)


def test_only_where_it_is_idempotent(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica(BUSY), replica(), resilience=tries(on=("503",)))
    assert call(POST).answer().status == 503
    assert call(POST.replace(b"\r\nHost", b"\r\nIdempotency-Key: 1\r\nHost")).answer().status == 200


def test_a_refused_answer_in_pieces_is_not_passed_on(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def script(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send_split(BUSY, size=10, pause=0.005)

    gateway.table(replica(script), replica(), idempotent=True, resilience=tries(on=("503",)))
    caller = call(POST)
    assert caller.answer().body == b"ok"
    caller.send(POST)
    assert caller.answer().status == 200


def test_one_attempt_is_one(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    gone, there = replica(), replica()
    gone.stop()
    gateway.table(gone, there, resilience=tries(attempts=1))
    assert call(POST).answer().error == "no_ready_replica"
    assert call(POST).answer().status == 200


def test_without_a_budget_nothing_is_sent_again(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gone, there = replica(), replica()
    gone.stop()
    gateway.table(gone, there, resilience=tries(budget_percent=0))
    assert call(POST).answer().status == 503
    assert gateway.worker.metrics.version("p", "m", "v1").retries_denied == 1


def test_a_budget_holds_ten_a_second_for_the_window() -> None:
    budget = RetryBudget(20, lambda: 0)
    assert sum(budget.take(100.0) for _ in range(1000)) == 100
    assert sum(budget.take(101.0) for _ in range(1000)) == 10


def test_a_budget_grows_with_the_requests() -> None:
    requests = 0
    budget = RetryBudget(20, lambda: requests)
    taken = 0
    for second in range(200):
        requests += 1000
        taken += sum(budget.take(100.0 + second) for _ in range(1000))
    assert 200 * 210 - 100 <= taken <= 200 * 210 + 100


def test_a_budget_that_rested_holds_one_window() -> None:
    requests = 0
    budget = RetryBudget(20, lambda: requests)
    assert budget.take(100.0)
    requests = 1_000_000  # in a thousand seconds
    held = sum(budget.take(1100.0) for _ in range(10_000))
    assert 2050 <= held <= 2100
