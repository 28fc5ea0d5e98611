"""How many replicas a load needs: what must hold for every load, and what traffic of several shapes costs."""

import math

import pytest
from benchmarks.autoscaling import SHAPES, simulate
from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.deployments.autoscale import Autoscale, ScaleToZero
from modelway_platform.domain.deployments.scale_decision import (
    GROWTH,
    STALE_SECONDS,
    LoadSample,
    Memory,
    Scale,
    decide_scale,
)

POLICY = Autoscale(min_replicas=1, max_replicas=20, in_flight=4)
SLEEPY = Autoscale(min_replicas=0, max_replicas=20, in_flight=4, zero=ScaleToZero(idle_seconds=120))


def constant(
    load: float, *, seconds: int = 200, policy: Autoscale = POLICY, wanted: int = 1, ready: int | None = None
) -> Scale:
    """After a load that never changed, each decision begun from the one before; everything wanted is ready at once."""
    memory = Memory(since=0.0, active_at=0.0)
    scale = Scale(wanted=wanted, why="", memory=memory)
    samples: list[LoadSample] = []
    for now in range(seconds):
        samples.append(LoadSample(at=now, in_flight=load, active=load > 0))
        scale = decide_scale(
            policy,
            samples[-70:],
            ready=scale.wanted if ready is None else ready,
            wanted=scale.wanted,
            memory=scale.memory,
            now=now,
        )
    return scale


@given(load=st.floats(0, 200), wanted=st.integers(1, 20))
def test_a_constant_load_gets_what_it_needs_from_wherever_it_began(load: float, wanted: int) -> None:
    found = constant(load, seconds=400, wanted=wanted).wanted
    assert 1 <= found <= 20
    assert found * POLICY.in_flight * 1.1 + 1e-6 >= min(load, 20 * POLICY.in_flight)  # a tenth is the tolerance
    assert found <= max(math.ceil(load / POLICY.in_flight / 0.9), 1)


@given(
    loads=st.lists(st.floats(0, 400), min_size=1, max_size=80),
    ready=st.integers(0, 20),
    wanted=st.integers(0, 20),
    complete=st.booleans(),
    policy=st.sampled_from([POLICY, SLEEPY]),
)
def test_a_decision_is_within_bounds_and_steps_are_limited(
    loads: list[float], ready: int, wanted: int, policy: Autoscale, *, complete: bool
) -> None:
    samples = [LoadSample(at=at, in_flight=load, active=load > 0, complete=complete) for at, load in enumerate(loads)]
    now = float(len(loads) - 1)
    memory = Memory(since=-1000.0, active_at=-1000.0)
    scale = decide_scale(policy, samples, ready=ready, wanted=wanted, memory=memory, now=now)
    assert policy.min_replicas <= scale.wanted <= policy.max_replicas
    assert scale.wanted <= max(wanted, GROWTH * max(ready, 1), policy.min_replicas)
    assert scale.why
    if scale.wanted:
        assert scale.wanted >= min(wanted // 2, policy.max_replicas)
    if not complete:
        assert scale.wanted >= wanted
    if scale.wanted < wanted and scale.wanted:
        assert scale.wanted * policy.in_flight * 1.1 + 1e-6 >= loads[-1] or len(loads) > 6


@given(wanted=st.integers(0, 25), ready=st.integers(0, 20), age=st.floats(STALE_SECONDS + 0.1, 1e6))
def test_what_is_not_known_changes_nothing(wanted: int, ready: int, age: float) -> None:
    memory = Memory(since=0.0, active_at=0.0)
    old = [LoadSample(at=0.0, in_flight=0.0)]
    for samples in ([], old):
        scale = decide_scale(SLEEPY, samples, ready=ready, wanted=wanted, memory=memory, now=age)
        assert scale.wanted == min(wanted, SLEEPY.max_replicas)
        assert "no gateway says" in scale.why


def test_a_spike_is_answered_within_the_panic_window_and_nothing_goes_before_the_stable_one_is_over() -> None:
    memory = Memory(since=-1000.0, active_at=0.0)
    samples = [LoadSample(at=at, in_flight=2.0, active=True) for at in range(60)]
    wanted, history = 1, list[int]()
    for now in range(60, 200):
        samples.append(LoadSample(at=now, in_flight=40.0 if now < 70 else 2.0, active=True))
        scale = decide_scale(POLICY, samples[-61:], ready=wanted, wanted=wanted, memory=memory, now=now)
        wanted, memory = scale.wanted, scale.memory
        history.append(wanted)
    assert max(history[:7]) >= 8
    assert min(history[10:60]) == max(history)
    assert history[-1] == 1


def test_no_more_than_four_times_what_is_ready_is_wanted() -> None:
    assert constant(80, seconds=30, ready=1).wanted == 4
    assert "in steps" in constant(80, seconds=30, ready=1).why
    assert constant(80, seconds=100).wanted == 20


def test_what_cannot_be_had_is_said() -> None:
    scale = constant(400)
    assert scale.wanted == 20
    assert "maxReplicas is 20" in scale.why


def test_fewer_only_after_a_whole_window_was_watched() -> None:
    early, late = constant(1, seconds=50, wanted=6), constant(1, seconds=200, wanted=6)
    assert early.wanted == 6
    assert "watched for" in early.why
    assert late.wanted == 1


def test_sleeping_and_waking() -> None:
    memory = Memory(since=0.0, active_at=0.0)
    idle = [LoadSample(at=float(at)) for at in range(130)]
    before = decide_scale(SLEEPY, idle[:119], ready=1, wanted=1, memory=memory, now=118.0)
    assert before.wanted == 1
    asleep = decide_scale(SLEEPY, idle, ready=1, wanted=1, memory=memory, now=129.0)
    assert asleep.wanted == 0
    assert "asleep" in asleep.why
    missing = [*idle[:-1], LoadSample(at=129.0, complete=False)]
    assert decide_scale(SLEEPY, missing, ready=1, wanted=1, memory=memory, now=129.0).wanted == 1
    held = [*idle, LoadSample(at=130.0, in_flight=9.0, held=9)]
    woken = decide_scale(SLEEPY, held, ready=0, wanted=0, memory=asleep.memory, now=130.0)
    assert woken.wanted == 3
    assert "9 held" in woken.why
    after = decide_scale(SLEEPY, [*held, LoadSample(at=131.0)], ready=0, wanted=1, memory=woken.memory, now=131.0)
    assert after.wanted >= 1


WORST_WAIT = {"ramp": 3.0, "spike": 45.0, "day": 3.0, "on/off": 30.0}


@pytest.mark.parametrize("shape", SHAPES)
def test_traffic_shapes(shape: str) -> None:
    """`python -m benchmarks.autoscaling` prints what each costs: 0.2 s a request, 4 at once on a replica, 8 s to start one."""
    policy = Autoscale(min_replicas=1, max_replicas=20, in_flight=4)
    outcome = simulate(policy, SHAPES[shape], 3600 if shape == "day" else 1800, concurrency=5)
    assert outcome.worst_wait <= WORST_WAIT[shape]
    assert outcome.short_seconds <= outcome.seconds * 0.1
    assert outcome.changes <= 60
    assert min(outcome.history[-60:]) >= 1


def test_it_sleeps_between_the_hours_of_work() -> None:
    policy = Autoscale(min_replicas=0, max_replicas=10, in_flight=4, zero=ScaleToZero(idle_seconds=60))
    outcome = simulate(policy, lambda now: 20.0 if now // 300 % 2 else 0.0, 1800, concurrency=5)
    assert outcome.history.count(0) > 600
    assert outcome.worst_wait <= 30
