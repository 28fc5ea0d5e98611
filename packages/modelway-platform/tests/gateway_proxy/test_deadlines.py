"""A caller's deadline: what a replica is told of it, and what happens when it is over."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.access.limits import Concurrency, UsageLimits
from modelway_platform.domain.routing.resilience.resilience import Resilience, Retries

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Replica


def post(*lines: bytes) -> bytes:
    more = b"".join(line + b"\r\n" for line in lines)
    return b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\n%bContent-Length: 3\r\n\r\nabc" % more


@pytest.mark.parametrize(
    ("line", "least", "most"),
    [
        (b"Modelway-Deadline-Ms: 1500", 1000, 1500),
        (b"modelway-deadline-ms:   250 ", 100, 250),
        (b"Modelway-Deadline-Ms: 999999999", 7000, 8000),  # the route's time
        (b"grpc-timeout: 2S", 1500, 2000),
        (b"grpc-timeout: 700m", 300, 700),
        (b"grpc-timeout: 1H", 7000, 8000),
        (b"grpc-timeout: 900000u", 500, 900),
    ],
)
def test_a_replica_is_told_what_is_left(  # noqa: PLR0917
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], line: bytes, least: int, most: int
) -> None:
    there = replica()
    gateway.table(there)
    caller = call()
    for _ in range(3):  # known heads as well
        caller.send(post(line))
        assert caller.answer().status == 200
    told = [int(each.header("modelway-deadline-ms") or 0) for each in there.requests]
    assert all(least <= each <= most for each in told), told


def test_without_one_a_replica_is_told_none(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    there = replica()
    gateway.table(there)
    call(post()).answer()
    assert there.requests[0].header("modelway-deadline-ms") is None


@pytest.mark.parametrize(
    "line",
    [
        b"Modelway-Deadline-Ms: soon",
        b"Modelway-Deadline-Ms: -5",
        b"Modelway-Deadline-Ms: 1.5",
        b"Modelway-Deadline-Ms: 99999999999999",
        b"Modelway-Deadline-Ms:",
        b"grpc-timeout: 5",
        b"grpc-timeout: 123456789S",
        b"grpc-timeout: 5s",
    ],
)
def test_what_is_no_time_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], line: bytes
) -> None:
    there = replica()
    gateway.table(there)
    answer = call(post(line)).answer()
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert not there.requests


def test_one_that_is_over_is_not_sent(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    there = replica()
    gateway.table(there)
    caller = call(post(b"Modelway-Deadline-Ms: 0"))
    answer = caller.answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    caller.send(post())
    assert caller.answer().status == 200
    assert len(there.requests) == 1


def test_when_it_is_over_the_caller_hears_so_and_the_replica_is_let_go(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    left = threading.Event()

    def hangs(peer: Peer) -> None:
        peer.request()
        with suppress(ConnectionResetError):
            peer.rest()
        left.set()

    gateway.table(replica(hangs))
    began = time.monotonic()
    answer = call(post(b"Modelway-Deadline-Ms: 150")).answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    assert "the request gave" in str(answer.body)
    assert 0.14 <= time.monotonic() - began < 5
    assert left.wait(5)
    (known,) = gateway.worker.routes.replicas.values()
    assert known.is_up, "a short deadline is no fault of the replica"


def test_it_bounds_a_stream_too(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    def streams(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            peer.send(b"1\r\nx\r\n")
            time.sleep(0.02)

    gateway.table(replica(streams))
    began = time.monotonic()
    call(post(b"Modelway-Deadline-Ms: 200")).rest()
    assert 0.19 <= time.monotonic() - began < 5


def test_a_second_try_is_told_what_is_left_then(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    first: list[int] = []

    def hangs(peer: Peer) -> None:
        first.append(int(peer.request().header("modelway-deadline-ms") or 0))
        peer.rest()

    there = replica()
    retries = Resilience(retries=Retries(per_try_seconds=0.2))
    gateway.table(replica(hangs), there, idempotent=True, resilience=retries)
    assert call(post(b"Modelway-Deadline-Ms: 3000")).answer().status == 200
    (request,) = there.requests
    assert int(request.header("modelway-deadline-ms") or 0) <= first[0] - 190
    assert request.body == b"abc"


def test_an_upload_in_pieces_is_told_too(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    there = replica()
    gateway.table(there)
    caller = call(post(b"Modelway-Deadline-Ms: 3000")[:-2])
    time.sleep(0.02)
    caller.send(b"bc")
    assert caller.answer().status == 200
    assert 1000 <= int(there.requests[0].header("modelway-deadline-ms") or 0) <= 3000
    assert there.requests[0].body == b"abc"


def test_time_spent_waiting_for_a_place_counts(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    arrived, go = threading.Semaphore(0), threading.Event()
    told: list[int] = []

    def script(peer: Peer) -> None:
        while True:
            told.append(int(peer.request().header("modelway-deadline-ms") or 0))
            arrived.release()
            go.wait(5)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    one = UsageLimits(concurrency=Concurrency(max=1, queue=5, wait_seconds=5))
    gateway.table(replica(script), limits=one)
    first = call(post(b"Modelway-Deadline-Ms: 4000"))
    assert arrived.acquire(timeout=5)
    second, hasty = call(post(b"Modelway-Deadline-Ms: 4000")), call(post(b"Modelway-Deadline-Ms: 100"))
    assert hasty.answer().error == "deadline_exceeded"
    go.set()
    assert [first.answer().status, second.answer().status] == [200, 200]
    assert told[0] - 2000 < told[1] <= told[0] - 90
