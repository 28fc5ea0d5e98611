"""Golden examples: requests a package must answer, and whether an answer is the expected one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.manifest import Example

_FORM = '[{"endpoint": "predict", "request": {"image": [0, 1]}, "response": {"label": 3}, "tolerance": 1e-6}]'


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: str
    request: Any
    response: Any = None
    tolerance: float = 1e-6


def read_examples(path: Path) -> tuple[Example, ...]:
    """The golden examples in a JSON file.

    Raises:
        InvalidPackageError: There is none, or one is not an example; the message names it.
    """
    try:
        written = msgspec.json.decode(path.read_bytes(), type=list[_Written])
    except FileNotFoundError as error:
        message = f"{path}: no golden examples; a package must show that it answers"
        raise InvalidPackageError(message, hint=f"write that file, for instance:\n  {_FORM}") from error
    except (msgspec.MsgspecError, OSError, RecursionError) as error:
        raise InvalidPackageError(f"{path}: {error}", hint=f"the form is:\n  {_FORM}") from error
    if not written:
        message = f"{path}: the list of golden examples is empty"
        raise InvalidPackageError(message, hint=f"add at least one:\n  {_FORM}")
    return tuple(
        Example(endpoint=each.endpoint, request=each.request, response=each.response, tolerance=each.tolerance)
        for each in written
    )


def difference(expected: Any, got: Any, tolerance: float = 1e-6, path: str = "$") -> str:
    """Where and how `got` first differs from `expected` (both plain JSON values); empty if it does not.

    Numbers may differ by `tolerance`, absolute below 1 and relative above; `true` is no number.
    """
    match expected:
        case bool() | None | str():
            same = type(expected) is type(got) and expected == got
        case int() | float():
            same = _is_number(got) and abs(got - expected) <= tolerance * max(1.0, abs(expected))
        case Mapping():
            return _object_difference(expected, got, tolerance, path)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return _list_difference(expected, got, tolerance, path)
    return "" if same else f"{path}: expected {short(expected)}, got {short(got)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object_difference(expected: Mapping[str, Any], got: Any, tolerance: float, path: str) -> str:
    if not isinstance(got, Mapping):
        return f"{path}: expected an object, got {short(got)}"
    members = cast("Mapping[str, Any]", got)
    if missing := [name for name in expected if name not in members]:
        return f"{path}: expected a member {missing[0]!r}, got {short(members)}"
    if surplus := [name for name in members if name not in expected]:
        return f"{path}: got a member {surplus[0]!r} that is not expected"
    found = (difference(expected[name], members[name], tolerance, f"{path}.{name}") for name in expected)
    return next((text for text in found if text), "")


def _list_difference(expected: Sequence[Any], got: Any, tolerance: float, path: str) -> str:
    if not isinstance(got, list | tuple):
        return f"{path}: expected a list, got {short(got)}"
    values = cast("Sequence[Any]", got)
    if len(values) != len(expected):
        return f"{path}: expected {len(expected)} items, got {len(values)}"
    pairs = enumerate(zip(expected, values, strict=True))
    found = (difference(want, have, tolerance, f"{path}[{index}]") for index, (want, have) in pairs)
    return next((text for text in found if text), "")


def short(value: Any) -> str:
    """A JSON value as text, at most 200 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:197]}..."
