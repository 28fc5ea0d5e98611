"""The fast way from a list of numbers to an array: `struct` packs a row about five times faster than numpy reads a list.

It takes only what is plainly right; everything else, errors included, is left to the thorough way.
"""

import struct
import sys
from collections.abc import Callable
from typing import Any, cast

_CODES = {
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}
_NUMBERS = frozenset({int, float})
_INTEGERS = frozenset({int})

Pack = Callable[[Any], Any]


def make_pack(dtype: Any, dimensions: tuple[int | None, ...] | None) -> Pack | None:
    """A function from decoded lists to the array, or None from it when the thorough way must decide.

    Args:
        dtype: The declared element type.
        dimensions: The declared shape. Elements of an array with a shape were checked while decoding; of one without, only a
            flat list is packed, after a look at its elements' types.
    """
    code = _CODES.get(str(dtype.name)) if dtype is not None else None
    if code is None or dimensions == ():
        return None
    if dimensions is None:
        return _any_shape(dtype, code, _NUMBERS if code in "efd" else _INTEGERS)
    return _declared_shape(dtype, code, dimensions)


def _any_shape(dtype: Any, code: str, accepted: frozenset[type]) -> Pack:
    pack = _declared_shape(dtype, code, (None,))

    def pack_flat(value: Any) -> Any:
        return (
            pack(value)
            if isinstance(value, list) and accepted.issuperset(map(type, cast("list[Any]", value)))
            else None
        )

    return pack_flat


def _declared_shape(dtype: Any, code: str, dimensions: tuple[int | None, ...]) -> Pack:
    frombuffer = sys.modules["numpy"].frombuffer
    size: int = dtype.itemsize
    outer, last = dimensions[:-1], dimensions[-1]

    def pack(value: Any) -> Any:
        rows: list[Any] = [value]
        shape: list[int] = []
        for wanted in outer:
            length = len(rows[0]) if wanted is None else wanted
            for row in rows:
                if len(row) != length:
                    return None
            shape.append(length)
            rows = [inner for row in rows for inner in row]
            if not rows:
                return None
        width = len(rows[0]) if last is None else last
        stride = width * size
        buffer = bytearray(len(rows) * stride)
        if not buffer:
            return None
        try:
            pack_into = struct.Struct(f"={width}{code}").pack_into  # "=": overflow is an error, not inf
            offset = 0
            for row in rows:
                pack_into(buffer, offset, *row)
                offset += stride
        except (struct.error, OverflowError):
            return None
        array = frombuffer(buffer, dtype)
        return array.reshape((*shape, width)) if outer else array

    return pack
