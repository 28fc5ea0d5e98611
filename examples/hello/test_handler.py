"""The handler through the code that serves it in production, without a socket."""

from pathlib import Path

import pytest
from handler import Hello

from modelway.errors import InvalidInputError
from modelway.testing import call

FILES = Path(__file__).parent


def test_greets_in_english_unless_told_otherwise() -> None:
    assert call(Hello, "greet", {"name": "Ada"}, files=FILES) == {"text": "Hello, Ada!"}


def test_greets_in_the_callers_language() -> None:
    assert call(Hello, "greet", {"name": "Ada", "language": "de"}, files=FILES) == {"text": "Guten Tag, Ada!"}


def test_says_which_field_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match="name"):
        call(Hello, "greet", {"name": 7}, files=FILES)
