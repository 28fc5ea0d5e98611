from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.packaging import difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_everything_equals_itself(value: Any) -> None:
    assert difference(value, value) == ""


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        ({"label": 3}, {"label": 8}, "$.label: expected 3, got 8"),
        ({"label": 3}, {}, "$: expected a member 'label'"),
        ({}, {"label": 3}, "$: got a member 'label' that is not expected"),
        ([1, 2], [1, 2, 3], "$: expected 2 items, got 3"),
        ([[1.0], [2.0]], [[1.0], [2.1]], "$[1][0]: expected 2.0, got 2.1"),
        (1, True, "$: expected 1, got true"),
        (True, 1, "$: expected true, got 1"),
        (1, "1", '$: expected 1, got "1"'),
        ("1", 1, '$: expected "1", got 1'),
        ({}, [], "$: expected an object"),
        ([], {}, "$: expected a list"),
        ([], "", "$: expected a list"),
        (None, 0, "$: expected null, got 0"),
        (1.0, float("nan"), "$: expected 1.0, got NaN"),
    ],
)
def test_says_where_and_how(expected: Any, got: Any, says: str) -> None:
    assert difference(expected, got).startswith(says)


def test_tolerance_is_absolute_below_one_and_relative_above() -> None:
    assert difference(0.5, 0.509, 0.01) == ""
    assert difference(1000.0, 1009.0, 0.01) == ""
    assert difference(1000.0, 1011.0, 0.01) != ""
    assert difference(1, 1.0) == ""
