"""Requests that wait for the first replica of a version that sleeps: bounded, in order, and told what became of it.

Each worker keeps its share of what may be held. Who may wait is decided where a replica was looked for in vain, so nothing of this
costs a request that finds one. There is no timer while nobody waits.
"""

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.routing.jobs.fair_queue import share
from modelway_platform.gateway.proxy.admission import Refusal

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.mirroring.live_mirrors import LiveMirror
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveVersion

# What is kept of a request whose replica is not there yet: `caller.PENDING_BYTES` and what came last; more is not read.
KEPT_BYTES = 320 * 1024
# So many are with each replica at once while others wait: a model server's queue has an end, too.
TOGETHER = 64
NEXT_SECONDS = 0.01
# When a replica that is in the table could not be reached, it is tried again after this.
AGAIN_SECONDS = 0.25
_RETRY_SECONDS = 5


class HoldLine:
    """The requests that wait for one version at one worker, and what this worker has to say of the version's load.

    Args:
        name: `project/model/version`.
        version: Whose replicas they wait for.
    """

    __slots__ = (
        "_ends",
        "_releasing",
        "_timer",
        "bytes",
        "copies",
        "entry",
        "name",
        "queue",
        "refused",
        "requests",
        "seen",
        "version",
    )

    def __init__(self, name: str, version: "LiveVersion") -> None:
        self.name = name
        self.version = version
        self.entry = ScalingEntry()
        self.queue: dict[Exchange, int] = {}
        self.bytes = 0
        self.copies: tuple[LiveMirror, ...] = ()  # that come here; they are work, too
        self.refused = 0
        self.seen = 0  # in flight, added up over samples
        self.requests = 0  # answered when the load was told last
        self._ends: deque[tuple[float, Exchange]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._releasing = False

    @property
    def holds(self) -> bool:
        """Whether requests wait here for a replica rather than being refused."""
        return self.entry.hold_requests > 0

    @property
    def busy(self) -> int:
        """Requests in flight and held, now. A connection carries one request at a time, so nothing is counted per request."""
        return len(self.queue) + self._with_replicas()

    def _with_replicas(self) -> int:
        return sum(each.in_flight for each in self.copies) + sum(
            each.connections - len(each.idle) for each in self.version.replicas
        )

    def enter(self, exchange: "Exchange") -> Refusal | None:
        """Have it wait (`exchange.held`), or say why not."""
        entry, worker = self.entry, exchange.worker
        if entry.broken:
            self.refused += 1
            return self._not_starting()
        length = exchange.request.content_length
        size = KEPT_BYTES if length is None else min(length, KEPT_BYTES)
        places = max(share(entry.hold_requests, worker.index, worker.workers), 1)
        room = max(entry.hold_bytes // worker.workers, KEPT_BYTES)
        if len(self.queue) >= places or self.bytes + size > room:
            self.refused += 1
            return self._full()
        exchange.plain = False
        exchange.held = self
        self.queue[exchange] = size
        self.bytes += size
        self._ends.append((worker.loop.time() + entry.hold_seconds, exchange))
        if self._timer is None:
            self._timer = worker.loop.call_at(self._ends[0][0], self._time_is_over, worker.loop)
        if len(self.queue) == 1:
            worker.somebody_waits(self)
        return None

    def enter_again(self, exchange: "Exchange") -> Refusal | None:
        """Nobody could be reached: have it wait for whoever comes in their stead, within the time that it has."""
        waited = perf_counter() - exchange.started
        refusal = self._too_long() if waited >= self.entry.hold_seconds else self.enter(exchange)
        if refusal is None and self.version.replicas and not self._releasing:
            self._releasing = True
            exchange.worker.loop.call_later(AGAIN_SECONDS, self._release, exchange.worker.loop)
        return refusal

    def leave(self, exchange: "Exchange") -> None:
        """Nobody waits for it any more, or its wait is over."""
        exchange.held = None
        self.bytes -= self.queue.pop(exchange)

    def touch(self, *, in_vain: bool) -> None:
        """Somebody who does not wait wanted a replica; `in_vain`: there was none."""
        self.refused += in_vain
        self.requests = -1  # other than what will be counted: there was something

    def look(self, loop: asyncio.AbstractEventLoop, *, routed: bool) -> None:
        """The route table is another one: let those who wait go on, or tell them that it is in vain."""
        if not routed:
            self._refuse_all(self._gone())
        elif self.entry.broken:
            self.refused += len(self.queue)
            self._refuse_all(self._not_starting())
        elif self.version.replicas and not self._releasing:
            self._release(loop)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next ones, in the order in which they came."""
        self._releasing = False
        room = TOGETHER * len(self.version.replicas) - self._with_replicas()
        for exchange in list(self.queue)[: max(room, 0)]:
            self.leave(exchange)
            exchange.caller.wait_is_over(exchange)
        if self.queue and self.version.replicas and not self._releasing:
            self._releasing = True
            loop.call_later(NEXT_SECONDS, self._release, loop)

    def _refuse_all(self, refusal: Refusal) -> None:
        for exchange in list(self.queue):
            self.leave(exchange)
            exchange.caller.refuse(exchange, refusal)

    def _time_is_over(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._ends and (self._ends[0][0] <= now or self._ends[0][1].held is not self):
            exchange = self._ends.popleft()[1]
            if exchange.held is self:
                self.leave(exchange)
                exchange.caller.refuse(exchange, self._too_long())
        self._timer = loop.call_at(self._ends[0][0], self._time_is_over, loop) if self._ends else None

    def _not_starting(self) -> Refusal:
        return _refusal("no_ready_replica", f"{self.name} was asleep and does not start at present")

    def _full(self) -> Refusal:
        return _refusal("overloaded", f"{self.name} is starting, and as many requests wait for it as may")

    def _gone(self) -> Refusal:
        return _refusal("no_ready_replica", f"{self.name} is not waited for any more: it was declared differently")

    def _too_long(self) -> Refusal:
        seconds = self.entry.hold_seconds
        return _refusal("no_ready_replica", f"{self.name} was asleep and has not started within {seconds:g} s")


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(
        status=503,
        code=code,
        message=message,
        hint="wait for as long as Retry-After says; see why with: modelway describe deployment",
        headers=b"retry-after: %d\r\n" % _RETRY_SECONDS,
    )
