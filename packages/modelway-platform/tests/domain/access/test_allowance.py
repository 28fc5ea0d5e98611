"""Token buckets and quotas as arithmetic: never more than there is, nothing lost, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.access.allowance import (
    LARGEST_SLAB,
    give_back_quota,
    give_back_rate,
    slab,
    take_quota,
    take_rate,
)
from modelway_platform.domain.access.limits import Quota, RateLimit

START = 1_790_000_000.0


@given(st.integers(0, 10_000_000))
def test_a_slab_leaves_something_for_others(available: int) -> None:
    taken = slab(available)
    assert 0 <= taken <= min(available, LARGEST_SLAB)
    assert taken > 0 or available == 0
    assert taken <= max(1, available // 8)


@given(
    requests=st.integers(1, 5000),
    window=st.sampled_from([0.1, 1.0, 60.0, 3600.0]),
    burst=st.integers(1, 5000),
    steps=st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=60),
)
def test_no_more_than_burst_and_rate_whatever_is_taken_and_given_back(
    requests: int, window: float, burst: int, steps: list[tuple[float, bool]]
) -> None:
    limit = RateLimit(per="route", requests=requests, window=window, burst=burst)
    state, now, used = 0.0, START, 0
    for pause, unused in steps:
        now += pause * window
        taken = take_rate(state, now, limit)
        assert isinstance(taken.state, float)
        assert taken.tokens + taken.left <= burst
        if taken.tokens:
            state = taken.state
        else:
            assert now < taken.again_at <= now + window / requests + 1e-3
            later = take_rate(state, taken.again_at + 1e-5, limit)
            assert later.tokens == 1
        if unused:
            state = give_back_rate(state, taken.tokens, limit)
        else:
            used += taken.tokens
        assert used <= burst + requests * (now - START) / window + 1


def test_a_clock_that_is_put_back_closes_nothing_for_long() -> None:
    limit = RateLimit(per="route", requests=10, window=1, burst=20)
    taken = take_rate(START + 86_400, START, limit)
    assert (taken.tokens, taken.again_at <= START + 0.2) == (0, True)
    assert take_rate(START + 86_400, START + 86_400, limit).left == 18


@given(st.integers(1, 300), st.lists(st.tuples(st.floats(0, 3600), st.booleans()), max_size=60))
def test_a_quota_counts_within_its_window(requests: int, steps: list[tuple[float, bool]]) -> None:
    quota = Quota(per="consumer", requests=requests, window=3600)
    state, now = 0, START - START % 3600
    used: dict[int, int] = {}
    for pause, unused in steps:
        now += pause
        taken = take_quota(state, now, quota)
        assert isinstance(taken.state, int)
        assert -(2**63) <= taken.state < 2**63
        assert taken.fresh_at % 3600 == 0
        assert 0 < taken.fresh_at - now <= 3600
        state = taken.state
        if unused:
            state = give_back_quota(state, now, taken.tokens, quota)
            assert take_quota(state, now, quota).tokens == taken.tokens
        else:
            number = int(now // 3600)
            used[number] = used.get(number, 0) + taken.tokens
            assert used[number] <= requests


def test_what_comes_back_after_its_window_is_nothing_any_more() -> None:
    quota = Quota(per="consumer", requests=100, window=60)
    taken = take_quota(0, START, quota)
    assert isinstance(taken.state, int)
    later = take_quota(taken.state, START + 60, quota)
    assert isinstance(later.state, int)
    assert give_back_quota(later.state, START + 120, 5, quota) == later.state
