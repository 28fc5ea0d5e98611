"""The parts that verdicts are made of: what must hold for all numbers, and what is known from theory."""

import random
from itertools import product
from math import comb, exp, inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, joint_wealth, wealth_against
from modelway_platform.domain.verdicts.block_bets import BlockBets
from modelway_platform.domain.verdicts.latency_histogram import BINS, LatencyHistogram, bin_of, start_of
from modelway_platform.domain.verdicts.quantile_difference import quantile_difference
from modelway_platform.domain.verdicts.rate_difference import RateDifference
from modelway_platform.domain.verdicts.sample_size import MOST_REQUESTS, requests_needed

counts = st.integers(0, 5000).flatmap(lambda trials: st.builds(Counts, st.just(trials), st.integers(0, trials)))
rates = st.floats(0.001, 0.999)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5, 0.97])
@pytest.mark.parametrize("trials", [1, 7, 60])
def test_nobody_expects_to_win_against_the_true_rate(rate: float, trials: int) -> None:
    expected = sum(
        comb(trials, hits)
        * rate**hits
        * (1 - rate) ** (trials - hits)
        * exp(wealth_against(Counts(trials, hits))(rate))
        for hits in range(trials + 1)
    )
    assert expected == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [0.02, 0.4])
@pytest.mark.parametrize("trials", [(1, 1), (9, 1), (4, 6)])
def test_nobody_expects_to_win_a_block_while_both_have_one_rate(rate: float, trials: tuple[int, int]) -> None:
    """Exactly, over all outcomes, whatever was guessed from blocks before, and whatever the rate was in those."""
    before = BlockBets().after(Counts(40, 3), Counts(50, 11))
    ours, theirs = trials
    for bets in (before, BlockBets().after(Counts(40, 13), Counts(50, 1))):
        higher = lower = 0.0
        for a, b in product(range(ours + 1), range(theirs + 1)):
            chance = comb(ours, a) * comb(theirs, b) * rate ** (a + b) * (1 - rate) ** (ours + theirs - a - b)
            after = bets.after(Counts(ours, a), Counts(theirs, b))
            higher += chance * exp(after.log_higher - bets.log_higher)
            lower += chance * exp(after.log_lower - bets.log_lower)
        assert higher <= 1 + 1e-9
        assert lower <= 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(counts, counts)
def test_the_interval_is_one_and_holds_what_was_seen(one: Counts, other: Counts) -> None:
    known = RateDifference(one, other)
    interval = known.interval(0.05)
    assert -1 <= interval.low <= known.seen + 1e-9
    assert known.seen - 1e-9 <= interval.high <= 1
    assert interval.holds(0.0) or known.refutes(0.0, 0.05)
    wider = known.interval(0.01)
    assert wider.low <= interval.low + 1e-9
    assert wider.high >= interval.high - 1e-9


@settings(max_examples=40, deadline=None)
@given(counts, counts)
def test_exchanging_the_versions_turns_the_interval_round(one: Counts, other: Counts) -> None:
    interval, turned = RateDifference(one, other).interval(0.05), RateDifference(other, one).interval(0.05)
    assert interval.low == pytest.approx(-turned.high, abs=1e-6)
    assert interval.high == pytest.approx(-turned.low, abs=1e-6)


@settings(deadline=None)
@given(counts, counts, rates)
def test_a_difference_is_given_up_only_if_every_pair_of_rates_is(one: Counts, other: Counts, rate: float) -> None:
    """The search for the pair that suffered least misses none."""
    joint = joint_wealth(wealth_against(one)(rate), wealth_against(other)(rate))
    if joint < log(20):
        assert not RateDifference(one, other).refutes(0.0, 0.05)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(counts, counts), max_size=20))
def test_bets_against_each_other_are_never_both_won(blocks: list[tuple[Counts, Counts]]) -> None:
    bets = BlockBets()
    for one, other in blocks:
        bets = bets.after(one, other)
    assert bets.baseline.trials == sum(one.trials for one, _ in blocks)
    assert bets.log_higher < inf
    assert bets.log_lower < inf


def test_a_block_with_one_version_proves_nothing() -> None:
    bets = BlockBets().after(Counts(100, 1), Counts(100, 30))
    after = bets.after(Counts(0, 0), Counts(50, 50))
    assert (after.log_higher, after.log_lower) == (bets.log_higher, bets.log_lower)


@settings(deadline=None)
@given(st.floats(0, 1e12))
def test_every_duration_has_a_bin_around_it(microseconds: float) -> None:
    index = bin_of(microseconds)
    assert 0 <= index < BINS
    assert start_of(index) <= microseconds * (1 + 1e-9) + 1e-9
    if 2 < microseconds < 2**30:
        assert microseconds < start_of(index + 1) * (1 + 1e-9)
        assert start_of(index + 1) / start_of(index) < 1.023


def histogram(values: list[float]) -> LatencyHistogram:
    found = LatencyHistogram()
    for value in values:
        found.add(bin_of(value))
    return found


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(1, 1e8), max_size=300), st.lists(st.floats(1, 1e8), max_size=300), st.sampled_from([0.5, 0.99])
)
def test_the_interval_of_a_quantile_holds_what_was_seen(one: list[float], other: list[float], level: float) -> None:
    ours, theirs = histogram(one), histogram(other)
    known = quantile_difference(ours, theirs, level, 0.05)
    before, since = ours.quantile(level), theirs.quantile(level)
    assert known.difference.low <= known.difference.high
    if before is not None and since is not None:
        assert known.difference.holds(since - before)
        assert known.ratio.holds(since / before)


def test_a_tail_that_was_not_seen_yet_has_no_upper_end() -> None:
    few = histogram([1000.0 + number for number in range(50)])
    known = quantile_difference(few, few, 0.99, 0.05)
    assert known.difference.high == inf
    assert known.difference.low == -inf


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_of_quantiles_hold_the_truth_at_every_look(level: float) -> None:
    chance = random.Random(5)
    wrong = 0
    truth = {0.5: 1000.0, 0.9: 1000.0 * exp(1.2815515655)}[level]
    for _ in range(30):
        ours, theirs = LatencyHistogram(), LatencyHistogram()
        missed = False
        for number in range(1, 601):
            ours.add(bin_of(chance.lognormvariate(log(1000), 1)))
            theirs.add(bin_of(chance.lognormvariate(log(2000), 1)))
            if number % 75 == 0:
                known = quantile_difference(ours, theirs, level, 0.1)
                missed |= not known.difference.holds(truth) or not known.ratio.holds(2.0)
        wrong += missed
    assert wrong <= 3


def test_smaller_changes_and_smaller_shares_need_more() -> None:
    five = requests_needed(0.05, 0.10, share=0.5, alpha=0.05)
    assert 500 < five < 3000
    assert requests_needed(0.05, 0.075, share=0.5, alpha=0.05) > 2 * five
    assert requests_needed(0.05, 0.10, share=0.5, alpha=0.005) > five
    assert requests_needed(0.05, 0.10, share=0.5, alpha=0.05, power=0.99) > five
    assert requests_needed(0.10, 0.05, share=0.5, alpha=0.05) < MOST_REQUESTS
    assert requests_needed(0.05, 0.05, share=0.5, alpha=0.05) == MOST_REQUESTS
