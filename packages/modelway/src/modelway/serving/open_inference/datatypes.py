"""The protocol's element types, and which of them a field of a signature has."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from modelway.signature import Field


class Datatype(NamedTuple):
    """One element type: bytes per element (0: they vary), its `struct` code, numpy's name."""

    name: str
    size: int
    code: str
    numpy: str


BYTES = "BYTES"
DATATYPES: Mapping[str, Datatype] = MappingProxyType(
    {
        each.name: each
        for each in (
            Datatype("BOOL", 1, "?", "bool"),
            Datatype("UINT8", 1, "B", "uint8"),
            Datatype("UINT16", 2, "H", "uint16"),
            Datatype("UINT32", 4, "I", "uint32"),
            Datatype("UINT64", 8, "Q", "uint64"),
            Datatype("INT8", 1, "b", "int8"),
            Datatype("INT16", 2, "h", "int16"),
            Datatype("INT32", 4, "i", "int32"),
            Datatype("INT64", 8, "q", "int64"),
            Datatype("FP16", 2, "e", "float16"),
            Datatype("FP32", 4, "f", "float32"),
            Datatype("FP64", 8, "d", "float64"),
            Datatype(BYTES, 0, "", "str"),
        )
    }
)
_OF_NUMPY = {each.numpy: each.name for each in DATATYPES.values()}
_OF_SCHEMA = {"integer": "INT64", "number": "FP64", "boolean": "BOOL"}


def is_array(field: Field) -> bool:
    """Whether the handler gets a numpy array for it."""
    return (
        bool(field.dtype)
        or field.shape is not None
        or (
            field.schema.get("type") in ("array", ["array"])
            and "items" not in field.schema
            and "prefixItems" not in field.schema
        )
    )


def is_text(field: Field) -> bool:
    """Whether it is one string."""
    return field.schema.get("type") == "string" and "contentEncoding" not in field.schema


def is_octets(field: Field) -> bool:
    """Whether it is `bytes`."""
    return field.schema.get("type") == "string" and "contentEncoding" in field.schema


def datatype_of(field: Field) -> str:
    """The field's element type; what is neither number nor text travels as JSON in BYTES."""
    if is_array(field):
        return _OF_NUMPY.get(field.dtype, "FP64")
    kind = field.schema.get("type")
    return _OF_SCHEMA.get(kind, BYTES) if isinstance(kind, str) else BYTES


def shape_of(field: Field) -> list[int]:
    """The field's shape with the axis of rows first; -1 where any length will do."""
    if not is_array(field):
        return [-1]
    return [-1, *(-1 if length is None else length for length in (field.shape if field.shape is not None else (None,)))]
