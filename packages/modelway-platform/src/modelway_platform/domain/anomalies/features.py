"""What is looked at of requests and answers: a few named values out of any JSON, each as one of few bins."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import floor, isfinite, log2
from typing import Any, cast

MOST_FEATURES = 24
_MOST_MEMBERS = 16
_DEEPEST = 3
_LONGEST_CATEGORY = 40
_MOST_NUMBERS = 1000
NUMBER = "#"
"""Begins the bin of a number; what follows orders bins: `#-12`, `#7`."""


def features_of(value: object, *, categories: bool) -> dict[str, str]:
    """Bins by the place of what was seen; the value itself is `it`.

    Args:
        value: Decoded JSON: a request, an answer, or what a handler logged.
        categories: Whether a short text is a value to be counted (a label); otherwise only its length is.
    """
    found: dict[str, str] = {}
    for name, each in _walk(value, "", 0, categories=categories):
        found[name or "it"] = each
        if len(found) >= MOST_FEATURES:
            break
    return found


def number_bin(value: float) -> str:
    """Tenths of a unit up to 1 in twentieths, beyond that a quarter of an octave: fine for probabilities, coarse for amounts."""
    if not isfinite(value):
        return str(value)
    size = abs(value)
    step = floor(size * 20) if size <= 1 else 20 + floor(log2(size) * 4)
    return f"{NUMBER}{step if value >= 0 else -step - 1}"


def place_of(value: str) -> int | None:
    """Where a number's bin stands among others; None for what is no number."""
    try:
        return int(value[1:]) if value.startswith(NUMBER) else None
    except ValueError:
        return None


def _walk(value: Any, name: str, depth: int, *, categories: bool) -> Iterator[tuple[str, str]]:
    match value:
        case bool() | None:
            yield name, str(value).lower()
        case int() if categories and abs(value) < 1000:
            yield name, str(value)  # a class
        case int() | float():
            yield name, number_bin(_finite(value))
        case str():
            short = categories and len(value) <= _LONGEST_CATEGORY
            yield (name, value) if short else (f"{name}.length", number_bin(len(value)))
        case Mapping() if depth < _DEEPEST:
            members = cast("Mapping[Any, Any]", value)
            for member, each in islice(members.items(), _MOST_MEMBERS):
                inner = f"{name}.{member}" if name else str(member)
                yield from _walk(each, inner[:80], depth + 1, categories=categories)
        case list():
            yield from _of_list(cast("list[Any]", value), name, depth, categories=categories)
        case _:
            return


def _of_list(value: Sequence[Any], name: str, depth: int, *, categories: bool) -> Iterator[tuple[str, str]]:
    yield f"{name}.length", number_bin(len(value))
    numbers = [
        _finite(each) for each in value[:_MOST_NUMBERS] if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    if numbers and len(numbers) == len(value[:_MOST_NUMBERS]):
        if categories and len(numbers) == 1:
            yield from _walk(value[0], f"{name}[0]", depth + 1, categories=categories)
            return
        yield f"{name}.mean", number_bin(sum(numbers) / len(numbers))
        if categories:
            yield f"{name}.largest", str(max(range(len(numbers)), key=numbers.__getitem__))
    elif value and depth < _DEEPEST:
        yield from _walk(value[0], f"{name}[0]", depth + 1, categories=categories)


def _finite(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
