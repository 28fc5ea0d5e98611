"""How long a row's test runs: whole by `make test-faults`, in a few seconds as part of `make test`."""

import os
from typing import TypeVar

VARIABLE = "MODELWAY_FAULTS"
WHOLE = "whole"
Value = TypeVar("Value")


def is_whole() -> bool:
    """Whether this run is the long one, with the figures that reliability is judged by."""
    return os.environ.get(VARIABLE) == WHOLE


def pick(short: Value, whole: Value) -> Value:
    """`whole` in the long run, `short` in every other."""
    return whole if is_whole() else short
