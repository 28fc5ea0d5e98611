"""How many requests are with replicas at once: others wait, in fair order, for a bounded time, and leave with their callers."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.access.limits import Concurrency, RateLimit, UsageLimits
from modelway_platform.domain.table.route_table import KeyEntry
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def request(secret: str = "", body: bytes = b"", *, announced: int | None = None) -> bytes:
    key = f"X-API-Key: {secret}\r\n" if secret else ""
    length = len(body) if announced is None else announced
    return f"POST /p/m/predict HTTP/1.1\r\nHost: x\r\n{key}Content-Length: {length}\r\n\r\n".encode() + body


class Held:
    """A replica that answers each request when it is told to, and knows the most it had at once."""

    def __init__(self, replica: Callable[..., Replica]) -> None:
        self.permits = threading.Semaphore(0)
        self.arrived: list[str] = []
        self.inside = self.most = 0
        self._lock = threading.Lock()
        self.replica = replica(self.script)

    def script(self, peer: Peer) -> None:
        while True:
            received = peer.request()
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.arrived.append(received.header("modelway-consumer") or received.body.decode())
            self.permits.acquire()
            with self._lock:
                self.inside -= 1
            peer.send(OK)


@pytest.fixture
def held(replica: Callable[..., Replica]) -> Held:
    return Held(replica)


def limited(limit: int, **more: float) -> UsageLimits:
    return UsageLimits(concurrency=Concurrency(max=limit, **more))  # pyright: ignore[reportArgumentType] - numbers by name


def inside(gateway: Gateway) -> int:
    book = gateway.worker.routes.limits
    assert book is not None
    return book.under_way()[0]


def waiting(gateway: Gateway) -> int:
    book = gateway.worker.routes.limits
    assert book is not None
    return book.under_way()[1]


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.002)


def test_no_more_than_allowed_are_with_replicas_and_all_are_answered(
    gateway: Gateway, held: Held, call: Callable[..., Peer]
) -> None:
    gateway.table(held.replica, limits=limited(3, queue=20, wait_seconds=8))
    callers = [call(request(body=b"%d" % number)) for number in range(12)]
    until(lambda: held.inside == 3 and waiting(gateway) == 9)
    for _ in range(12):
        held.permits.release()
    assert [each.answer().status for each in callers] == [200] * 12
    assert held.most == 3
    until(lambda: (inside(gateway), waiting(gateway)) == (0, 0))
    assert sorted(held.arrived, key=int) == [str(number) for number in range(12)]


def test_a_full_line_and_a_wait_that_is_over_are_told(gateway: Gateway, held: Held, call: Callable[..., Peer]) -> None:
    gateway.table(held.replica, limits=limited(1, queue=1, wait_seconds=0.3))
    first = call(request())
    until(lambda: held.inside == 1)
    late = call(request())
    until(lambda: waiting(gateway) == 1)
    full = call(request()).answer()
    assert (full.status, full.error, full.header("retry-after")) == (503, "overloaded", "1")
    over = late.answer()
    assert (over.status, over.error, over.header("retry-after")) == (503, "overloaded", "1")
    held.permits.release()
    assert first.answer().status == 200
    held.permits.release()
    late.send(request())  # the same connection goes on
    assert late.answer().status == 200
    assert len(held.arrived) == 2


def test_who_leaves_the_line_is_no_longer_in_it(gateway: Gateway, held: Held, call: Callable[..., Peer]) -> None:
    gateway.table(held.replica, limits=limited(1, queue=5, wait_seconds=8))
    first = call(request(body=b"first"))
    until(lambda: held.inside == 1)
    gone, last = call(request(body=b"gone")), call()
    until(lambda: waiting(gateway) == 1)
    last.send(request(body=b"last"))
    until(lambda: waiting(gateway) == 2)
    gone.close()
    until(lambda: waiting(gateway) == 1)
    held.permits.release()
    held.permits.release()
    assert [first.answer().status, last.answer().status] == [200, 200]
    assert held.arrived == ["first", "last"]
    assert sorted(record["code"] for record in gateway.records()) == ["", "", "client_left"]


def test_consumers_take_turns_and_one_cannot_have_it_all(
    gateway: Gateway, held: Held, call: Callable[..., Peer], table: type[Table]
) -> None:
    keys = tuple(
        KeyEntry(id=name, name=name, role="caller", sha256=sha256(name.encode()).hexdigest()) for name in ("a", "b")
    )
    gateway.number += 1
    made = table(
        {"v1": (1, [held.replica])}, access="key", limits=limited(2, per_consumer=1, queue=4, wait_seconds=8)
    ).made(gateway.number)
    write_table(gateway.table_path, replace(made, keys=keys))
    gateway.call(gateway.watch.look)
    of_a: list[Peer] = []
    for number in range(5):
        of_a.append(call(request("a")))
        until(lambda wanted=number: inside(gateway) + waiting(gateway) == wanted + 1)
    assert held.inside == 1
    refused = call(request("a")).answer()
    assert (refused.status, refused.error) == (429, "concurrency_exceeded")
    of_b = [call(request("b"))]  # at once past those of a; the line is full, but it is not the one that has it filled
    until(lambda: held.inside == 2)
    of_b.append(call(request("b")))
    ousted = of_a.pop().answer()
    assert (ousted.status, ousted.error) == (429, "concurrency_exceeded")
    for _ in range(6):
        held.permits.release()
    assert [each.answer().status for each in (*of_a, *of_b)] == [200] * 6
    assert held.most == 2
    assert held.arrived.count("b") == 2


def test_bodies_wait_with_their_requests(gateway: Gateway, held: Held, call: Callable[..., Peer]) -> None:
    gateway.table(held.replica, limits=limited(1, queue=5, wait_seconds=8))
    first = call(request(body=b"1"))
    until(lambda: held.inside == 1)
    body = bytes(range(97, 123)) * 40_000  # far more than is kept for one who waits: reading stops
    large = call()
    sender = threading.Thread(target=large.send, args=(request(body=body),))
    sender.start()
    until(lambda: waiting(gateway) == 1)
    held.permits.release()
    held.permits.release()
    assert first.answer().status == 200
    assert large.answer().status == 200
    sender.join()
    assert held.arrived[1].encode() == body


def test_a_place_is_free_again_whatever_way_a_request_ends(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def breaks(peer: Peer) -> None:
        peer.request()

    gateway.table(replica(breaks), limits=limited(1, queue=0))
    assert call(request()).answer().error == "replica_failed"
    dead = replica()
    dead.stop()
    gateway.table(dead, limits=limited(1, queue=0))
    assert call(request()).answer().status == 503
    slow = Held(replica)
    gateway.table(slow.replica, limits=limited(1, queue=0), timeout=0.2)
    assert call(request()).answer().error == "deadline_exceeded"
    leaving = call(request())
    until(lambda: slow.inside == 2)
    leaving.close()
    until(lambda: inside(gateway) == 0)
    slow.permits.release(3)
    gateway.table(replica(), limits=limited(1, queue=0))
    assert call(request()).answer().status == 200


def test_what_the_gate_refuses_costs_no_token(gateway: Gateway, held: Held, call: Callable[..., Peer]) -> None:
    rates = (RateLimit(per="route", requests=2, window=3600, burst=2),)
    gateway.table(held.replica, limits=UsageLimits(rates=rates, concurrency=Concurrency(max=1)))
    first = call(request())
    until(lambda: held.inside == 1)
    assert [call(request()).answer().status for _ in range(4)] == [503] * 4
    held.permits.release(2)
    assert first.answer().status == 200
    assert call(request()).answer().status == 200
    assert call(request()).answer().status == 429


def test_other_numbers_count_from_the_next_table_on(gateway: Gateway, held: Held, call: Callable[..., Peer]) -> None:
    gateway.table(held.replica, limits=limited(1, queue=5, wait_seconds=8))
    callers = [call(request(body=b"%d" % number)) for number in range(3)]
    until(lambda: held.inside == 1 and waiting(gateway) == 2)
    gateway.table(held.replica, limits=limited(3, queue=5, wait_seconds=8))
    callers.append(call(request(body=b"3")))
    until(lambda: held.inside == 3)
    held.permits.release(4)
    assert [each.answer().status for each in callers] == [200] * 4
