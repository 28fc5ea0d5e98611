"""More than a version can answer in time: what is let in, what is refused, and how soon all is as before."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from modelway_platform.domain.routing.jobs import job_pass
from modelway_platform.domain.routing.resilience.resilience import Overload, Resilience
from modelway_platform.gateway.proxy.limits.overload_guard import COPIES, JOBS, OverloadGuard

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Replica

POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
TICK = 0.2


class Simulated:
    """One server of a fixed rate with a queue, in steps of a millisecond."""

    def __init__(self, guard: OverloadGuard | None, rate: float) -> None:
        self.guard = guard
        self.rate = rate
        self.queue: deque[float] = deque()
        self.now = 0.0
        self.times: list[float] = []
        self.refused = 0
        self._due = 0.0

    def run(self, seconds: float, offered: float) -> tuple[int, int]:
        """(answered within half a second, came)."""
        good = came = 0
        owed = 0.0
        for step in range(int(seconds * 1000)):
            self.now += 0.001
            owed += offered / 1000
            while owed >= 1:
                owed -= 1
                came += 1
                if self.guard is None or self.guard.enter():
                    self.queue.append(self.now)
                else:
                    self.refused += 1
            self._due += self.rate / 1000
            while self._due >= 1 and self.queue:
                self._due -= 1
                took = self.now - self.queue.popleft()
                good += took <= 0.5
                if self.guard is not None:
                    self.guard.leave(took)
            self._due = min(self._due, 1.0) if not self.queue else self._due
            if self.guard is not None and step % int(TICK * 1000) == 0:
                self.guard.adjust(TICK)
        return good, came


def test_five_times_the_load_costs_no_goodput() -> None:
    server = Simulated(OverloadGuard(0.25), rate=400)
    good, came = server.run(5, offered=300)
    assert good == came, "nothing is refused while all is well"
    server.run(3, offered=2000)
    good, _ = server.run(10, offered=2000)
    assert good >= 0.95 * 400 * 10
    server.run(1, offered=300)
    good, came = server.run(5, offered=300)
    assert good >= came - 1


def test_without_it_goodput_goes() -> None:
    """The same simulation shows the illness, so the cure above is one."""
    server = Simulated(None, rate=400)
    server.run(3, offered=2000)
    good, _ = server.run(10, offered=2000)
    assert good < 0.1 * 400 * 10


def test_it_finds_a_capacity_that_grows() -> None:
    guard = OverloadGuard(0.25)
    server = Simulated(guard, rate=100)
    server.run(5, offered=2000)
    server.rate = 400
    server.run(5, offered=2000)
    good, _ = server.run(5, offered=2000)
    assert good >= 0.9 * 400 * 5


def test_a_model_slower_than_its_target_is_still_asked() -> None:
    guard = OverloadGuard(0.01)
    server = Simulated(guard, rate=10)
    server.run(5, offered=100)
    good, _ = server.run(10, offered=100)
    assert good >= 0.9 * 100


def test_copies_go_first_then_jobs_then_callers() -> None:
    guard = OverloadGuard(0.25)
    guard.limit = 10
    let_in: list[int] = []
    for share in (COPIES, JOBS, 1.0):
        count = 0
        while guard.has_room(share):
            assert guard.enter(share)
            count += 1
        assert not guard.enter(share)
        let_in.append(count)
    assert let_in == [5, 3, 2]


def test_what_is_shed_is_told_when_to_come_back_and_all_is_counted(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    go = threading.Event()

    def waits(peer: Peer) -> None:
        while True:
            peer.request()
            go.wait(8)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    gateway.table(replica(waits), resilience=Resilience(overload=Overload(latency_seconds=0.25)))
    version = gateway.worker.routes.models[b"p/m"].versions[b"v1"]
    guard = version.guard
    assert guard is not None
    gateway.call(lambda: setattr(guard, "limit", 2.0))
    waiting = [call(POST) for _ in range(2)]
    while gateway.call(lambda: guard.in_flight) < 2:
        pass
    shed = call(POST)
    answer = shed.answer()
    assert (answer.status, answer.error, answer.header("retry-after")) == (503, "overloaded", "1")
    go.set()
    assert [each.answer().status for each in waiting] == [200, 200]
    shed.send(POST)
    assert shed.answer().status == 200, "the refused caller's connection stays"
    assert gateway.call(lambda: guard.in_flight) == 0
    assert version.metrics.shed == 1


def test_one_who_leaves_is_counted_out(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    arrived = threading.Semaphore(0)

    def waits(peer: Peer) -> None:
        peer.request()
        arrived.release()
        peer.rest()

    gateway.table(replica(waits), resilience=Resilience(overload=Overload(latency_seconds=0.25)))
    guard = gateway.worker.routes.models[b"p/m"].versions[b"v1"].guard
    assert guard is not None
    for _ in range(3):
        caller = call(POST)
        assert arrived.acquire(timeout=5)
        caller.close()
    while gateway.call(lambda: guard.in_flight):
        pass


def test_jobs_give_way_to_callers(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    gateway.table(replica(), access="key", resilience=Resilience(overload=Overload(latency_seconds=0.25)))
    guard = gateway.worker.routes.models[b"p/m"].versions[b"v1"].guard
    assert guard is not None
    gateway.worker.routes.credentials.pass_secret = "secret of the jobs process"
    given = job_pass.JobPass(consumer="c", key_id="k1", project="p", model="m", until=time.time() + 60)
    job = job_pass.issue("secret of the jobs process", given)

    def ask(secret: str) -> int:
        keyed = POST.replace(b"\r\nHost", b"\r\nAuthorization: Bearer %b\r\nHost" % secret.encode())
        return call(keyed).answer().status

    def crowd() -> None:
        guard.limit = 10.0
        guard.in_flight = 8

    assert ask(job) == 200
    gateway.call(crowd)
    assert ask(job) == 503
    assert ask("mw_caller") == 200


def test_nothing_is_kept_of_the_passes_of_jobs(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """Each comes once; what was kept of them would grow with every job, and push out callers who come again."""
    gateway.table(replica(), access="key")
    gateway.worker.routes.credentials.pass_secret = "secret of the jobs process"

    def kept_after(secret: str) -> int:
        keyed = POST.replace(b"\r\nHost", b"\r\nAuthorization: Bearer %b\r\nHost" % secret.encode())
        assert call(keyed).answer().status == 200
        return gateway.call(lambda: len(gateway.worker.routes.addresses))

    assert kept_after("mw_caller") == 1
    for number in range(20):
        given = job_pass.JobPass(consumer="c", key_id="k1", project="p", model="m", until=time.time() + 60 + number)
        assert kept_after(job_pass.issue("secret of the jobs process", given)) == 1
    assert kept_after("mw_caller") == 1
