"""A model server's queue in simulated time: arrivals, one model, and a hold that decides. No clock but its own."""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from modelway.serving.batching.hold import Holding
from modelway.serving.batching.hold_choice import Curve
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item


@dataclass
class Outcome:
    latencies: list[float] = field(default_factory=list[float])
    sizes: list[int] = field(default_factory=list[int])
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        return sum(self.latencies) / len(self.latencies)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class Queue:
    """Runs until `requests` were answered; the first fifth, in which a hold learns, does not count.

    Args:
        curve: What batches take.
        size: The largest batch.
        hold: Made with the simulation's clock; None is greedy.
    """

    def __init__(self, curve: Curve, size: int, hold: Callable[[Callable[[], float]], Holding] | None) -> None:
        self.now = 0.0
        self._curve = curve
        self._size = size
        self._hold = hold(lambda: self.now) if hold is not None else None
        self._line = WaitingLine()
        self._events: list[tuple[float, int, str, list[Item]]] = []
        self._number = 0
        self._busy = False

    def at(self, time: float, kind: str, items: list[Item] | None = None) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, kind, items or []))

    def open_loop(self, gaps: Iterator[float], requests: int) -> Outcome:
        """Callers who come whatever happens."""
        time = 0.0
        for _ in range(requests):
            time += next(gaps)
            self.at(time, "comes")
        return self._run(requests, lambda: None)

    def closed_loop(self, callers: int, think: Callable[[], float], requests: int) -> Outcome:
        """Callers who come again some time after their answer."""
        for _ in range(callers):
            self.at(think(), "comes")
        return self._run(requests, lambda: self.at(self.now + think(), "comes"))

    def _run(self, requests: int, answered: Callable[[], None]) -> Outcome:
        outcome = Outcome()
        done = 0
        counted_from = 0.0
        while done < requests:
            self.now, _, kind, items = heapq.heappop(self._events)
            if kind == "comes":
                item = Item((), None, "", inf, ())
                item.enqueued = self.now
                self._line.append(item)
            elif kind == "ends":
                self._busy = False
                if self._hold is not None:
                    self._hold.batch_ended(self._line, self._curve.seconds(len(items)), len(items))
                for item in items:
                    done += 1
                    if done > requests // 5:
                        outcome.latencies.append(self.now - item.enqueued)
                    else:
                        counted_from = self.now
                    answered()
                outcome.sizes.append(len(items))
            self._begin()
        outcome.seconds = self.now - counted_from
        return outcome

    def _begin(self) -> None:
        if self._busy or not len(self._line):
            return
        if self._hold is not None and not self._hold.lets_go(self._line):
            self.at(self._hold.until + 0.0002, "look")
            return
        items = self._line.take(self._size)
        self._busy = True
        self.at(self.now + self._curve.seconds(len(items)), "ends", items)


def poisson(rate: float, seed: int) -> Iterator[float]:
    source = random.Random(seed)
    while True:
        yield source.expovariate(rate)


def bursts(size: int, gap: float, seed: int) -> Iterator[float]:
    """So many within a few milliseconds, again and again."""
    source = random.Random(seed)
    while True:
        yield source.expovariate(1 / gap)
        for _ in range(size - 1):
            yield source.expovariate(2000)
