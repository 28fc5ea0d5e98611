"""Arrays as JSON: nested lists of numbers in, numpy arrays with the declared dtype and shape out.

numpy is never imported here: a hint that names it shows that the modeller's code already did.
"""

import sys
from collections.abc import Sequence
from typing import Any, cast, get_args, get_origin

from modelway.errors import InvalidInputError
from modelway.handler import Shape
from modelway.signature.codec import Codec, Convert
from modelway.signature.octets import OCTETS, array_reader
from modelway.signature.packing import make_pack

MAX_AXES = 32
_ELEMENT: dict[str, tuple[Any, str]] = {
    "b": (bool, "boolean"),
    "i": (int, "integer"),
    "u": (int, "integer"),
    "f": (float, "number"),
    "U": (str, "string"),
}
_ACCEPTED: dict[str, str] = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "U": "U"}
_KIND_NAMES: dict[str, str] = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str", "O": "mixed values"}


def is_array_hint(hint: Any) -> bool:
    """Whether a hint without its annotations is numpy's array type."""
    return _is_ndarray(hint) or _is_ndarray(get_origin(hint))


def array_codec(hint: Any, shape: Shape | None) -> Codec:
    """Compile `NDArray[...]`, with the shape it was annotated with.

    Raises:
        TypeError: The element type has no form in JSON.
    """
    dtype = _dtype_of(hint)
    kind = dtype.kind if dtype is not None else ""
    if dtype is not None and kind not in _ELEMENT:
        raise TypeError(f"arrays of {dtype.name} have no form in JSON; use a number, bool or str dtype")
    dimensions = shape.dimensions if shape is not None else None
    name = "" if dtype is None else "str" if kind == "U" else str(dtype.name)
    from_body = array_reader(dtype, dimensions)
    return Codec(
        wire=_wire(kind, dimensions),
        label=(name or "array") + _brackets(dimensions),
        schema=_schema(kind, dimensions),
        convert=_converter(dtype, dimensions),
        explain=_explainer(dimensions),
        dtype=name,
        shape=dimensions,
        media=(OCTETS,) if from_body is not None else (),
        from_body=from_body,
    )


def nested_shape(value: Any) -> tuple[int, ...] | None:
    """Shape of nested lists; None when rows differ in length or in depth."""
    axes: list[int] = []
    level: list[Any] = [value]
    while level and isinstance(level[0], list):
        if len(axes) == MAX_AXES or not all(isinstance(row, list) for row in level):
            return None
        rows = cast("list[list[Any]]", level)
        if len({len(row) for row in rows}) != 1:
            return None
        axes.append(len(rows[0]))
        level = [item for row in rows for item in row]
    return None if any(isinstance(item, list) for item in level) else tuple(axes)


def _is_ndarray(thing: Any) -> bool:
    return getattr(thing, "__name__", "") == "ndarray" and getattr(thing, "__module__", "") == "numpy"


def _dtype_of(hint: Any) -> Any:
    """The dtype object inside `ndarray[shape, dtype[scalar]]`; None when it is left open."""
    arguments = get_args(hint)
    scalar = get_args(arguments[1])[0] if len(arguments) > 1 and get_args(arguments[1]) else None
    if not isinstance(scalar, type):
        return None
    try:
        return sys.modules["numpy"].dtype(scalar)
    except TypeError as error:
        raise TypeError(f"NDArray[{scalar.__name__}] names a family of types; name one, such as float32") from error


def _wire(kind: str, dimensions: tuple[int | None, ...] | None) -> Any:
    if dimensions is None or not kind:
        return Any
    wire = _ELEMENT[kind][0]
    for _ in dimensions:
        wire = list[wire]
    return wire


def _schema(kind: str, dimensions: tuple[int | None, ...] | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _ELEMENT[kind][1]} if kind else {}
    if dimensions is None:
        return {"type": ["array", schema["type"]] if schema else "array"}
    for length in reversed(dimensions):
        schema = {"type": "array", "items": schema}
        if length is not None:
            schema |= {"minItems": length, "maxItems": length}
    return schema


def _brackets(dimensions: tuple[int | None, ...] | None) -> str:
    if dimensions is None:
        return "[...]"
    return f"[{', '.join('any' if length is None else str(length) for length in dimensions)}]"


def _converter(dtype: Any, dimensions: tuple[int | None, ...] | None) -> Convert:
    numpy = sys.modules["numpy"]
    name = "" if dtype is None else str(dtype.name)
    make, errstate = numpy.array, numpy.errstate
    checked = dimensions is None or dtype is None  # the wire type saw no elements, so their kind is still open
    narrow = dtype is not None and dtype.kind == "f" and dtype.itemsize < numpy.dtype(float).itemsize
    exact = dimensions if dimensions is not None and None not in dimensions else None

    pack = make_pack(dtype, dimensions)

    def convert(value: Any, path: str) -> Any:
        if pack is not None and (packed := pack(value)) is not None:
            return packed
        try:
            if checked:
                _check_kind(numpy.asarray(value), dtype, value, path)
            if narrow:
                with errstate(over="raise"):
                    array = make(value, dtype)
            else:
                array = make(value, dtype)
        except (OverflowError, FloatingPointError):
            raise InvalidInputError(f"{path}: a value does not fit {name}") from None
        except (ValueError, TypeError):
            raise InvalidInputError(_why_ragged(value, path, dimensions), hint="send rows of the same length") from None
        if array.shape != exact and not _fits(array.shape, dimensions):
            raise InvalidInputError(f"{path}: expected shape {_text(dimensions)}, got {array.shape}")
        return array

    return convert


def _check_kind(found: Any, wanted: Any, value: Any, path: str) -> None:
    kind: str = found.dtype.kind
    if kind == "O" and nested_shape(value) is None:
        raise ValueError(path)
    accepted = _ACCEPTED[wanted.kind] if wanted is not None else "biufU"
    if kind not in accepted and found.size:
        expected = "numbers" if wanted is None else str(wanted.name)
        raise InvalidInputError(f"{path}: expected {expected}, got {_KIND_NAMES.get(kind, kind)}")


def _fits(shape: Sequence[int], dimensions: tuple[int | None, ...] | None) -> bool:
    if dimensions is None:
        return True
    return len(shape) == len(dimensions) and all(
        wanted is None or wanted == length for length, wanted in zip(shape, dimensions, strict=True)
    )


def _explainer(dimensions: tuple[int | None, ...] | None) -> Any:
    def explain(raw: Any, path: str) -> str | None:
        if dimensions is None or not isinstance(raw, list):
            return None
        shape = nested_shape(cast("list[Any]", raw))
        if shape is None:
            return _why_ragged(raw, path, dimensions)
        return None if _fits(shape, dimensions) else f"{path}: expected shape {_text(dimensions)}, got {shape}"

    return explain


def _why_ragged(value: Any, path: str, dimensions: tuple[int | None, ...] | None) -> str:
    shape = nested_shape(value)
    if shape is not None and not _fits(shape, dimensions):
        return f"{path}: expected shape {_text(dimensions)}, got {shape}"
    wanted = f"expected shape {_text(dimensions)}" if dimensions is not None else "expected an array"
    return f"{path}: {wanted}, got rows of different lengths"


def _text(dimensions: tuple[int | None, ...] | None) -> str:
    return str(Shape(*(dimensions or ())))
