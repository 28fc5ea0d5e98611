"""`max_wait_ms`: who waits for a fuller batch, and who never does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelway import Handler, inference
from modelway.errors import InvalidHandlerError
from modelway.serving.answer import Answer
from modelway.serving.batching.hold import Closed
from modelway.serving.item import Item
from modelway.serving.lane import ThreadLane
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind
from modelway.testing import Client


class Patient(Handler):
    def load(self) -> None:
        self.batches: list[int] = []

    @inference(max_batch_size=4, max_wait_ms=150)
    def double(self, numbers: list[int]) -> list[int]:
        self.batches.append(len(numbers))
        time.sleep(0.03)
        return [number * 2 for number in numbers]


class Seen:
    def __init__(self) -> None:
        self.closed: list[Closed] = []

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        self.closed.append(batch.closed)

    def wasted(self, endpoint: str, seconds: float) -> None: ...

    def skipped(self, endpoint: str, why: Any) -> None: ...

    def handler_failed(self, endpoint: str, item: Item, error: Any) -> None: ...


class Bench:
    def __init__(self, lane: ThreadLane) -> None:
        self.handler = Patient()
        self.handler.load()
        self.seen = Seen()
        self.dispatcher = Dispatcher(self.handler, bind(Patient), lane, observer=self.seen)

    async def ask(self, number: int, deadline: float = float("inf")) -> float:
        """Seconds until the answer."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        self.dispatcher.submit("double", json.dumps({"numbers": number}).encode(), done.set_result, deadline=deadline)
        answer = await done
        assert answer.status == 200 or deadline < float("inf")  # a busy machine may take too long
        return time.monotonic() - began


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    lane = ThreadLane(asyncio.get_running_loop())
    yield Bench(lane)
    assert lane.stop(5)


async def test_a_lone_caller_never_waits(bench: Bench) -> None:
    for number in range(3):
        assert await bench.ask(number) < 0.15
    assert bench.seen.closed == [Closed.IDLE] * 3


async def test_those_behind_a_batch_wait_until_it_is_full(bench: Bench) -> None:
    first = asyncio.create_task(bench.ask(0))
    await asyncio.sleep(0.01)
    behind = [asyncio.create_task(bench.ask(number)) for number in range(2)]
    await first
    await asyncio.sleep(0.01)
    assert bench.handler.batches == [1]
    more = [asyncio.create_task(bench.ask(number)) for number in range(2)]
    await asyncio.gather(*behind, *more)
    assert bench.handler.batches == [1, 4]
    assert bench.seen.closed == [Closed.IDLE, Closed.FULL]


async def test_nobody_waits_longer_than_allowed_or_past_a_deadline(bench: Bench) -> None:
    first = asyncio.create_task(bench.ask(0))
    await asyncio.sleep(0.01)
    took = await bench.ask(1)
    await first
    assert 0.15 < took < 1
    first = asyncio.create_task(bench.ask(2))
    await asyncio.sleep(0.01)
    soon = await bench.ask(3, deadline=time.monotonic() + 0.14)
    await first
    assert soon < 0.15
    assert bench.seen.closed == [Closed.IDLE, Closed.WAITED, Closed.IDLE, Closed.DEADLINE]


def test_a_test_does_not_wait() -> None:
    started = time.monotonic()
    assert Client(Patient).call_many("double", [{"numbers": number} for number in range(6)]) == [0, 2, 4, 6, 8, 10]
    assert time.monotonic() - started < 1


def test_a_wait_that_makes_no_sense_is_refused() -> None:
    for wrong in (-1, 20_000):
        with pytest.raises(ValueError, match="max_wait_ms"):
            inference(max_batch_size=2, max_wait_ms=wrong)
    with pytest.raises(ValueError, match="together with max_batch_size"):
        inference(max_wait_ms=5)

    class Async(Handler):
        @inference(max_batch_size=2, max_wait_ms=5)
        async def double(self, numbers: list[int]) -> list[int]:
            return numbers

    with pytest.raises(InvalidHandlerError, match="without `async def`"):
        bind(Async)
