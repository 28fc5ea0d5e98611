"""`max_wait_ms="adaptive"`: when holding a batch back is chosen, and what that does to callers, in simulated time."""

import random
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages.modelway.tests.serving.batch_queue import Outcome, Queue, bursts, poisson

from modelway import Handler, inference
from modelway.serving.batching.adaptive_hold import AdaptiveHold
from modelway.serving.batching.batch_times import BatchTimes
from modelway.serving.batching.hold import Closed
from modelway.serving.batching.hold_choice import HORIZONS, Arrivals, Choice, Curve, choose
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item
from modelway.signature import bind

SIZE = 32
MARGIN = 1.03
"""Callers wait at most so much longer on average than they would without holds, whatever the load."""
CURVES = [Curve(0.01, 0.0), Curve(0.01, 0.0002), Curve(0.005, 0.0005), Curve(0.001, 0.001), Curve(0.05, 0.0001)]


def arrivals_of(steps: list[float], more: float) -> Arrivals:
    return Arrivals([sum(steps[: place + 1]) for place in range(len(HORIZONS))], sum(steps) + more)


counts = st.floats(0, 100)
arrivals = st.builds(
    arrivals_of,
    st.lists(counts, min_size=len(HORIZONS), max_size=len(HORIZONS)),
    counts,
)
curves = st.builds(Curve, st.floats(0, 0.2), st.floats(0, 0.01))


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1), curves, arrivals)
def test_a_hold_is_bounded_and_never_without_somebody_to_wait_for(
    waiting: int, arrived: int, since_end: float, curve: Curve, expected: Arrivals
) -> None:
    choice = choose(waiting=waiting, arrived=arrived, since_end=since_end, size=SIZE, curve=curve, arrivals=expected)
    if choice.seconds:
        assert 0 < waiting < choice.target <= SIZE
        assert since_end + choice.seconds <= curve.fixed / 2 + 1e-9
        assert expected.within[-1] - arrived >= 0.75
    else:
        assert choice.target == max(waiting, 1)


@given(st.floats(0, 0.2), arrivals)
def test_where_a_batch_has_no_fixed_cost_or_nobody_comes_nothing_is_held(since_end: float, expected: Arrivals) -> None:
    nobody = Arrivals([0.0] * len(HORIZONS), 0.0)
    for curve, who in ((Curve(0.0, 0.01), expected), (Curve(0.1, 0.0), nobody)):
        choice = choose(waiting=3, arrived=0, since_end=since_end, size=SIZE, curve=curve, arrivals=who)
        assert choice == Choice(0.0, 3)


@given(st.floats(0.0001, 0.1), st.floats(0, 0.01), st.sets(st.integers(1, 64), min_size=2, max_size=10))
def test_the_curve_is_found_from_what_batches_took(fixed: float, each: float, sizes: set[int]) -> None:
    times = BatchTimes()
    for size in sizes:
        times.observe(size, fixed + each * size)
    found = times.curve
    if len({size.bit_length() for size in sizes}) > 1:
        assert found.fixed == pytest.approx(fixed, rel=0.05, abs=1e-5)
        assert found.each == pytest.approx(each, rel=0.05, abs=1e-5)
    else:
        assert found.fixed == 0.0


def compared(curve: Curve, run: Callable[[Queue], Outcome]) -> tuple[Outcome, Outcome]:
    greedy = run(Queue(curve, SIZE, None))
    return greedy, run(Queue(curve, SIZE, lambda clock: AdaptiveHold(SIZE, clock)))


@pytest.mark.parametrize("curve", CURVES)
def test_callers_who_come_whatever_happens_do_not_wait_longer(curve: Curve) -> None:
    for load in (0.1, 0.6, 1.5, 4.0):
        rate = load / curve.seconds(1)
        if rate * curve.each < 0.9:
            greedy, held = compared(curve, lambda queue, rate=rate: queue.open_loop(poisson(rate, 1), 2000))
            assert held.mean <= greedy.mean * MARGIN, load
    greedy, held = compared(curve, lambda queue: queue.open_loop(bursts(8, 0.03, 2), 2000))
    assert held.mean <= greedy.mean * MARGIN


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("think", [0.0003, 0.003])
def test_callers_who_come_back_do_not_wait_longer_and_a_lone_one_not_at_all(curve: Curve, think: float) -> None:
    for callers in (1, 2, 8, 32):

        def run(queue: Queue, callers: int = callers) -> Outcome:
            source = random.Random(3)
            return queue.closed_loop(callers, lambda: source.expovariate(1 / think) + 0.0001, 2000)

        greedy, held = compared(curve, run)
        assert held.mean <= greedy.mean * (MARGIN if callers > 1 else 1.000001), callers
        if callers >= 8 and think == 0.0003 and curve.fixed >= 0.01:
            assert held.rate >= greedy.rate * 1.25  # batches are filled instead of taking turns by halves


def test_no_batch_is_held_past_a_deadline_and_each_says_why_it_went() -> None:
    now = 100.0
    hold = AdaptiveHold(4, lambda: now)
    line = WaitingLine()

    def come(deadline: float = inf) -> None:
        item = Item((), None, "", deadline, ())
        item.enqueued = now
        line.append(item)

    closed: list[Closed] = []

    def go() -> bool:
        if hold.lets_go(line):
            closed.append(hold.closed)
            line.take(4)
            return True
        return False

    for size in (1, 3, 1, 3):  # callers come right back: three within a millisecond
        for _ in range(size):
            come()
        go()
        now += 0.02
        hold.batch_ended(line, 0.02, size)
        now += 0.0005
    for _ in range(40):
        for _ in range(3):
            come()
        go()
        now += 0.02
        hold.batch_ended(line, 0.02, 3)
        now += 0.0005
    closed.clear()
    come()
    assert not go()
    assert now < hold.until <= now + 0.01
    come()
    come()
    assert go()
    now += 0.02
    hold.batch_ended(line, 0.02, 3)
    come(deadline=now + 0.02)
    assert go()
    now += 0.02
    hold.batch_ended(line, 0.02, 1)
    now += 0.0001
    come()
    assert not go()
    now = hold.until + 0.0002
    while not go():
        now = hold.until + 0.0002
    now += 5
    come()
    assert go()
    for _ in range(4):
        come()
    assert go()
    assert closed == [Closed.ENOUGH, Closed.DEADLINE, Closed.WAITED, Closed.IDLE, Closed.FULL]


def test_it_is_declared_like_a_time() -> None:
    class Adaptive(Handler):
        @inference(max_batch_size=8, max_wait_ms="adaptive")
        def double(self, numbers: list[int]) -> list[int]:
            return numbers

    assert bind(Adaptive).bindings[0].adaptive
    wrong: Any
    for wrong in ("adaptiv", "", "5"):
        with pytest.raises(ValueError, match="adaptive"):
            inference(max_batch_size=2, max_wait_ms=wrong)
    with pytest.raises(ValueError, match="together"):
        inference(max_wait_ms="adaptive")
