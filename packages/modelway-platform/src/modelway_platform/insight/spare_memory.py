"""Hands free memory back to the system: DuckDB takes and frees much in each turn, and the C library keeps what it may need again."""

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Some milliseconds; does nothing where the C library is not glibc (malloc_trim(3))."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
