"""Values that can be a whole body: octets, text, and arrays of a declared shape."""

import sys
from math import prod
from typing import Any

from modelway.errors import InvalidInputError
from modelway.signature.codec import FromBody

OCTETS = "application/octet-stream"
TEXT = "text/plain"


def octets_as_they_are(body: bytes, charset: str, path: str) -> bytes:
    """`bytes` are the body itself."""
    return body


def text_of(body: bytes, charset: str, path: str) -> str:
    """`str` is the body in its charset.

    Raises:
        InvalidInputError: The charset is not known, or the body is not in it.
    """
    try:
        return body.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        raise InvalidInputError(f"{path}: not text in {(charset or 'utf-8')[:40]!r}") from None


def array_reader(dtype: Any, dimensions: tuple[int | None, ...] | None) -> FromBody | None:
    """Reads an array from its elements in C order, little-endian, as `ndarray.tobytes` writes them.

    None where octets alone do not say the shape: more than one axis is open, or elements vary in size.
    """
    if dtype is None or dimensions is None or dtype.kind not in "iuf" or dimensions.count(None) > 1:
        return None
    numpy = sys.modules["numpy"]
    wire = dtype.newbyteorder("<")
    fixed = prod(length for length in dimensions if length is not None) * dtype.itemsize
    shape = tuple(-1 if length is None else length for length in dimensions)
    open_axis = None in dimensions

    def read(body: bytes, charset: str, path: str) -> Any:
        fits = len(body) == fixed or (open_axis and fixed > 0 and len(body) % fixed == 0)
        if not fits or (open_axis and not body):
            wanted = f"a multiple of {fixed}" if open_axis else f"{fixed}"
            raise InvalidInputError(f"{path}: expected {wanted} octets of {dtype.name}, got {len(body)}")
        return numpy.frombuffer(body, wire).astype(dtype).reshape(shape)  # a copy: stages may write

    return read


def as_octets(value: Any) -> bytes:
    """A value as a body of its own: octets, text as UTF-8, an array's elements in C order, little-endian.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    dtype = getattr(value, "dtype", None)
    if dtype is None or dtype.kind not in "iuf":
        raise TypeError(f"{type(value).__name__} has no octets of its own")
    return value.astype(dtype.newbyteorder("<"), copy=False).tobytes()
