"""How many requests of a route are with replicas at once; beyond that they wait, for a bounded time, in fair order.

Each worker keeps its share of the route's numbers. There is no timer while nobody waits.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from modelway_platform.domain.access.limits import Concurrency
from modelway_platform.domain.routing.jobs.fair_queue import FairQueue, share
from modelway_platform.gateway.proxy.admission import Refusal

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

_TOO_MANY = Refusal(
    status=503,
    code="overloaded",
    message="this route has as many requests under way as it takes at once",
    hint="try again shortly; the Route's concurrency says how many are taken and how long others wait",
    headers=b"retry-after: 1\r\n",
)
_TOO_MANY_OF_ONE = Refusal(
    status=429,
    code="concurrency_exceeded",
    message="this consumer has as many requests under way as this route allows one to have",
    hint="send fewer at once",
    headers=b"retry-after: 1\r\n",
)


class Gate:
    """The requests of one route that are inside, and those that wait.

    Args:
        limit: The route's numbers, of which this worker takes its share: at least one request at a time.
        worker: Which of the workers this is.
        workers: How many there are.
    """

    def __init__(self, limit: Concurrency, worker: int, workers: int) -> None:
        self.inside = 0
        self._worker = worker
        self._workers = workers
        self.change(limit)
        self._inside_of: dict[bytes, int] = {}
        self._queue: FairQueue[Exchange] = FairQueue()
        self._ends: deque[tuple[float, Exchange]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def change(self, limit: Concurrency) -> None:
        """Other numbers from now on; what is inside and what waits stays."""
        worker, workers = self._worker, self._workers
        self.limit = limit
        self._max = max(share(limit.max, worker, workers), 1)
        self._per_consumer = max(share(limit.per_consumer, worker, workers), 1) if limit.per_consumer else 0
        self._places = share(limit.queue, worker, workers)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    def enter(self, exchange: "Exchange") -> Refusal | None:
        """Let it in, have it wait (`exchange.waiting`), or say why not."""
        owner = _owner(exchange)
        if self.inside < self._max and not self._queue and self._may(owner):
            self._let_in(exchange, owner)
            return None
        if len(self._queue) >= self._places and not self._make_room(owner):
            return self._full(owner)
        exchange.plain = False
        exchange.gate = self
        exchange.waiting = True
        self._queue.add(owner, exchange)
        loop = exchange.worker.loop
        self._ends.append((loop.time() + self.limit.wait_seconds, exchange))
        if self._timer is None:
            self._timer = loop.call_at(self._ends[0][0], self._time_is_over, loop)
        if self.inside < self._max:
            loop.call_soon(self._admit)
        return None

    def leave(self, exchange: "Exchange") -> None:
        """It is answered, or nobody waits for it any more."""
        exchange.gate = None
        owner = _owner(exchange)
        if exchange.waiting:
            exchange.waiting = False
            self._queue.discard(owner, exchange)
            self._forget_ends()
            return
        self.inside -= 1
        left = self._inside_of[owner] - 1
        if left:
            self._inside_of[owner] = left
        else:
            del self._inside_of[owner]
        if self._queue:
            # Soon and not now: the connection this answer came by is then free for the next.
            exchange.worker.loop.call_soon(self._admit)

    def _may(self, owner: bytes) -> bool:
        return not self._per_consumer or self._inside_of.get(owner, 0) < self._per_consumer

    def _let_in(self, exchange: "Exchange", owner: bytes) -> None:
        exchange.plain = False
        exchange.gate = self
        self.inside += 1
        self._inside_of[owner] = self._inside_of.get(owner, 0) + 1

    def _full(self, owner: bytes) -> Refusal:
        return _TOO_MANY if self._may(owner) else _TOO_MANY_OF_ONE

    def _make_room(self, owner: bytes) -> bool:
        """A full line takes the newest of whoever has most in it out, for one who has less."""
        ousted = self._queue.give_way(owner) if self._places else None
        if ousted is None:
            return False
        ousted.waiting = False
        ousted.gate = None
        ousted.caller.refuse(ousted, self._full(_owner(ousted)))
        return True

    def _admit(self) -> None:
        self._forget_ends()
        while self.inside < self._max:
            exchange = self._queue.take(self._may)
            if exchange is None:
                return
            exchange.waiting = False
            self._let_in(exchange, _owner(exchange))
            exchange.caller.wait_is_over(exchange)

    def _forget_ends(self) -> None:
        """Those that do not wait any more; nearly always they are the first."""
        ends = self._ends
        while ends and not ends[0][1].waiting:
            ends.popleft()

    def _time_is_over(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._ends and (self._ends[0][0] <= now or not self._ends[0][1].waiting):
            exchange = self._ends.popleft()[1]
            if exchange.waiting:
                exchange.caller.refuse(exchange, self._full(_owner(exchange)))
        self._timer = loop.call_at(self._ends[0][0], self._time_is_over, loop) if self._ends else None


def _owner(exchange: "Exchange") -> bytes:
    identity = exchange.admission.identity
    return identity.consumer if identity is not None else b""
