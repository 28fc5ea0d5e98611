"""The exact shares the gateway promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.routing.assignment.weighted_round_robin import SmoothWeightedRoundRobin

WEIGHTS = st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any)


@given(weights=WEIGHTS, n=st.integers(1, 400))
def test_after_n_choices_nobody_is_more_than_one_off_its_share(weights: list[int], n: int) -> None:
    robin = SmoothWeightedRoundRobin(weights)
    taken = [0] * len(weights)
    for done in range(1, n + 1):
        taken[robin.choose()] += 1
        for count, weight in zip(taken, weights, strict=True):
            assert abs(count * sum(weights) - done * weight) < sum(weights)


# Weights for which the usual rule (most credit first) strays by 1.05 to 1.12.
@pytest.mark.parametrize("weights", [[1, 27, 27, 1, 1], [3, 37, 1, 33, 1, 35], [3, 1, 3, 44, 5, 1, 49]])
def test_many_versions_stay_within_one_too(weights: list[int]) -> None:
    robin = SmoothWeightedRoundRobin(weights)
    taken = [0] * len(weights)
    for done in range(1, 3 * sum(weights)):
        taken[robin.choose()] += 1
        assert all(abs(count - done * weight / sum(weights)) < 1 for count, weight in zip(taken, weights, strict=True))


def test_rounds_too_long_to_be_kept_are_as_exact() -> None:
    robin = SmoothWeightedRoundRobin([999_983, 7, 3])
    taken = [0, 0, 0]
    for done in range(1, 200_000):
        taken[robin.choose()] += 1
        assert abs(taken[0] - done * 999_983 / 999_993) < 1


@given(weights=WEIGHTS)
def test_a_full_round_is_exact_and_repeats(weights: list[int]) -> None:
    robin = SmoothWeightedRoundRobin(weights)
    total = sum(weights)
    first = [robin.choose() for _ in range(total)]
    assert [first.count(index) for index in range(len(weights))] == weights
    assert [robin.choose() for _ in range(total)] == first


def test_zero_weight_is_never_chosen() -> None:
    robin = SmoothWeightedRoundRobin([0, 1, 0])
    assert {robin.choose() for _ in range(10)} == {1}


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1]])
def test_unusable_weights_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="non-negative with a positive sum"):
        SmoothWeightedRoundRobin(weights)
