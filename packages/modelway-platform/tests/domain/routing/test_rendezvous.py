"""Lots drawn by keys: shares follow weights, and when weights move, only the share that changed moves with them."""

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.domain.routing.assignment.rendezvous import WeightedRendezvous, point_of

KEYS = [b"caller-%d" % number for number in range(4000)]


def chosen(weights: dict[str, int], seed: bytes = b"p/m") -> list[str]:
    names = list(weights)
    rendezvous = WeightedRendezvous(seed, names, list(weights.values()))
    return [names[rendezvous.choose(key)] for key in KEYS]


def tolerance(share: float) -> float:
    """Five standard deviations of what 4,000 independent lots give."""
    return 5 * sqrt(share * (1 - share) / len(KEYS)) + 1e-9


WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=2, max_size=6)


@settings(max_examples=25, deadline=None)
@given(WEIGHTS)
def test_shares_follow_weights(weights: dict[str, int]) -> None:
    total = sum(weights.values())
    for name, count in Counter(chosen(weights)).items():
        share = weights[name] / total
        assert abs(count / len(KEYS) - share) <= tolerance(share)


@settings(max_examples=25, deadline=None)
@given(WEIGHTS, st.integers(1, 200), st.data())
def test_only_the_changed_share_moves(weights: dict[str, int], weight: int, data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(sorted(weights)))
    after = weights | {changed: weight}
    moved = [(old, new) for old, new in zip(chosen(weights), chosen(after), strict=True) if old != new]
    # Nobody moves between alternatives whose weights stayed: all to the one that grew, or all away from the one that shrank.
    assert all((new if weight > weights[changed] else old) == changed for old, new in moved)
    change = abs(weight / sum(after.values()) - weights[changed] / sum(weights.values()))
    assert abs(len(moved) / len(KEYS) - change) <= tolerance(change)


def test_order_and_scale_do_not_matter() -> None:
    assert chosen({"a": 1, "b": 3}) == chosen({"b": 30, "a": 10})


def test_an_alternative_that_leaves_moves_its_keys_only() -> None:
    before, after = chosen({"a": 5, "b": 3, "c": 2}), chosen({"a": 5, "b": 3})
    assert {old for old, new in zip(before, after, strict=True) if old != new} == {"c"}


def test_seeds_are_independent() -> None:
    both = Counter(zip(chosen({"a": 1, "b": 1}, b"one"), chosen({"a": 1, "b": 1}, b"two"), strict=True))
    assert all(abs(count / len(KEYS) - 0.25) <= tolerance(0.25) for count in both.values())


def test_the_same_for_ever() -> None:
    """Workers and releases must agree: a change of this is a change of everybody's version."""
    rendezvous = WeightedRendezvous(b"p/m\0new", ["a", "b"], [9, 1])
    assert "".join("ab"[rendezvous.choose(b"caller-%d" % number)] for number in range(24)) == "aaaaaaaaaaabaaaaaaababab"
    assert point_of(b"seed", b"key") == 0.07867938181929385


@pytest.mark.parametrize("weights", [[], [0], [1, 0], [-1]])
def test_weights_that_are_none(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        WeightedRendezvous(b"", [str(each) for each in weights], weights)
