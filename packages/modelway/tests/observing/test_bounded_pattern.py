"""Patterns whose search is bounded: what is taken, what is refused with its place, and that the bound holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.serving.observing.bounded_pattern import LONGEST_PATTERN, steps_of


@pytest.mark.parametrize(
    ("pattern", "most"),
    [
        ("secret", 8),
        (r"\b\d{3}-\d{2}-\d{4}\b", 20),
        (r"[a-z0-9._-]{1,64}@[a-z0-9.-]{1,64}", 260),
        (r"(?i)iban [A-Z]{2}\d{2}[A-Z0-9]{11,30}", 60),
        (r"(?:mr|mrs|ms)\. [A-Z]\w{1,20}", 80),
        (r"[]x^]{2}|[^]x]{3}", 8),
        (r"\$\{x\}\.", 8),
        ("a{2}?b{1,3}?", 10),
    ],
)
def test_what_repeats_within_bounds_is_taken(pattern: str, most: int) -> None:
    assert 1 <= steps_of(pattern) <= most


@pytest.mark.parametrize(
    "pattern", ["(?:a?){64}b", "(a|b|ab){1,20}c", "a{0,64}a{0,64}a{0,64}b", r"(?:\d[ -]?){13,19}x"]
)
def test_what_can_match_in_many_ways_says_so(pattern: str) -> None:
    assert steps_of(pattern) > 100_000


@pytest.mark.parametrize(
    "pattern",
    [
        *("a+", "a*", "a{3,}", "(a{1,3})+", ".*", "a{2}{3}", "a?+", "a{1,3}+", "+", "{2}", "x{,}", "x{y}"),
        *("(?=a)b", "(?!a)b", "(?<=a)b", "(?P<n>a)(?P=n)", r"(a)\1", "(?s).", "a(?i)b", "(?>a)", "(?#x)"),
        *(
            "(",
            "a)",
            "[a",
            "\\",
            r"\x41",
            r"\u0041",
            r"\Z",
            "[z-a]",
            "a{5,2}",
            "a{1,5000}",
            "a" * (LONGEST_PATTERN + 1),
        ),
    ],
)
def test_what_has_no_bound_or_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        steps_of(pattern)


ATOMS = st.sampled_from(["a", "b", "[ab]", "(?:a|b)", "(?:ab|a)", r"\w", ".", r"\b"])
COUNTS = st.sampled_from(["", "?", "{2}", "{0,3}", "{1,4}", "{1,2}?"])


def matches(pattern: str, text: str) -> int:
    """Ways to match at the start of a text, each of its own length or groups: by trying every split, as the engine may have to."""
    return sum(re.compile(f"(?:{pattern})").fullmatch(text[:end]) is not None for end in range(len(text) + 1))


@given(parts=st.lists(st.tuples(ATOMS, COUNTS), min_size=1, max_size=4), text=st.text("ab", max_size=12))
def test_no_pattern_matches_in_more_places_than_it_has_steps(parts: list[tuple[str, str]], text: str) -> None:
    pattern = "".join(f"{atom}{'' if atom == chr(92) + 'b' else count}" for atom, count in parts)
    assert matches(pattern, text) <= steps_of(pattern) + 1
