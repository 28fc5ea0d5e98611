"""Quick batches in the event loop: where they run, when that is chosen, and that a slow one ends it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway import Handler, inference
from modelway.serving.answer import Answer
from modelway.serving.lane import ThreadLane
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.inline import ASSUMED, DECLARED, ENOUGH, Bounds, InlineChoice
from modelway.signature import bind


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("bounds", [ASSUMED, DECLARED])
def test_quick_batches_move_in_and_a_slow_one_moves_out_for_longer_each_time(bounds: Bounds) -> None:
    clock = Clock()
    choice = InlineChoice(bounds, clock)
    for _ in range(ENOUGH - 1):
        choice.ran(bounds.quick / 10)
        assert not choice.here
    choice.ran(bounds.quick / 10)
    assert choice.here
    for pause in (2, 4, 8):
        choice.ran(bounds.slow)
        assert not choice.here
        clock.now += pause - 0.1
        for _ in range(ENOUGH * 2):
            choice.ran(bounds.quick / 10)
        assert not choice.here
        clock.now += 0.2
        choice.ran(bounds.quick / 10)
        assert choice.here


def test_what_becomes_slower_on_average_moves_out_without_a_pause() -> None:
    choice = InlineChoice(ASSUMED, Clock())
    for _ in range(ENOUGH):
        choice.ran(ASSUMED.quick / 10)
    for _ in range(200):
        choice.ran(ASSUMED.quick * 3)
    assert not choice.here
    for _ in range(ENOUGH * 2):
        choice.ran(ASSUMED.quick * 1.5)
    assert not choice.here  # neither quick enough to come back


@given(st.lists(st.sampled_from([0.00001, 0.0002, 0.0004, 0.006, 2.0]), max_size=2000))
def test_slow_ones_in_the_loop_are_few_however_many_requests_come(runs: list[float]) -> None:
    clock = Clock()
    choice = InlineChoice(ASSUMED, clock)
    stalls = 0
    for seconds in runs:
        stalls += choice.here and seconds >= ASSUMED.slow
        choice.ran(seconds)
        clock.now += seconds
    assert 2 ** max(stalls - 1, 0) <= max(clock.now, 1.0) + ASSUMED.slow


class Where(Handler):
    """Says in which thread it runs."""

    @inference
    def name(self, seconds: float) -> str:
        time.sleep(seconds)
        return threading.current_thread().name

    @inference(any_thread=False)
    def never(self, seconds: float) -> str:
        return self.name(seconds)


class Loaded(Where):
    def load(self) -> None:
        self.made_in = threading.current_thread().name

    @inference(any_thread=True)
    def anywhere(self, seconds: float) -> str:
        return self.name(seconds)


class Mixed(Where):
    @inference
    async def other(self, seconds: float) -> str:
        return self.name(seconds)


class Bench:
    def __init__(self, handler: type[Handler], lane: ThreadLane, *, inline: bool = True) -> None:
        self.dispatcher = Dispatcher(handler(), bind(handler), lane, inline=inline)

    async def ask(self, endpoint: str, seconds: float = 0.0) -> str:
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.dispatcher.submit(endpoint, b'{"seconds": %f}' % seconds, done.set_result)
        return (await done).body.decode().strip('"')

    async def until(self, endpoint: str, thread: str) -> None:
        """Ask until it runs there; a busy machine takes longer to see that it is quick."""
        ends = time.monotonic() + 20
        while await self.ask(endpoint) != thread:
            assert time.monotonic() < ends


@pytest.fixture
async def lane() -> AsyncIterator[ThreadLane]:
    lane = ThreadLane(asyncio.get_running_loop())
    yield lane
    assert lane.stop(5)


async def test_quick_requests_come_to_run_in_the_loop_and_slow_ones_leave_it(lane: ThreadLane) -> None:
    bench = Bench(Where, lane)
    assert await bench.ask("name") == "model"
    await bench.until("name", "MainThread")
    await bench.ask("name", 0.02)
    assert await bench.ask("name") == "model"
    await bench.until("name", "MainThread")


@pytest.mark.parametrize(
    ("handler", "endpoint", "inline"),
    [(Where, "never", True), (Loaded, "name", True), (Where, "name", False)],
)
async def test_nothing_else_leaves_the_models_thread(
    lane: ThreadLane, handler: type[Handler], endpoint: str, inline: Any
) -> None:
    bench = Bench(handler, lane, inline=inline)
    assert {await bench.ask(endpoint) for _ in range(300)} == {"model"}


async def test_a_handler_with_a_load_may_say_that_any_thread_will_do(lane: ThreadLane) -> None:
    await Bench(Loaded, lane).until("anywhere", "MainThread")


async def test_beside_async_methods_nothing_runs_in_two_threads(lane: ThreadLane) -> None:
    lane.use_loop(asyncio.new_event_loop())
    bench = Bench(Mixed, lane)
    assert {await bench.ask("name") for _ in range(300)} == {"model"}


async def test_many_at_once_are_answered_in_order_and_the_loop_gets_its_turns(lane: ThreadLane) -> None:
    bench = Bench(Where, lane)
    await bench.until("name", "MainThread")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    answers = await asyncio.gather(*(bench.ask("name") for _ in range(1000)))
    counting.cancel()
    assert len(answers) == 1000
    assert turns >= 1000 / 32
    assert bench.dispatcher.waiting == 0
