"""Answers with binary tensors (Open Inference Protocol, binary data extension) as the JSON value they would be without them."""

import struct
from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any, cast

# Formats of `struct`, little endian as the protocol has them.
_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h", "INT32": "i",
        "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
    }
)  # fmt: skip


def with_tensors(value: Any, binary: bytes) -> Any:
    """`value` with `data` where its outputs said `binary_data_size`.

    Args:
        value: The JSON in front, decoded.
        binary: What follows it: the outputs' data in their order.

    Raises:
        ValueError: The two do not fit.
    """
    outputs = cast("dict[str, Any]", value).get("outputs") if isinstance(value, dict) else None
    if not isinstance(outputs, list):
        raise ValueError("binary data without outputs")  # noqa: TRY004 - of the answer, as all here
    position = 0
    read: list[Any] = []
    for output in cast("list[Any]", outputs):
        if not isinstance(output, dict):
            read.append(output)
            continue
        fields = cast("dict[str, Any]", output)
        parameters = dict(cast("dict[str, Any]", fields.get("parameters") or {}))
        size = parameters.pop("binary_data_size", None)
        if isinstance(size, int) and 0 <= size <= len(binary) - position:
            fields = {**fields, "data": _elements(fields, binary[position : position + size]), "parameters": parameters}
            position += size
        elif size is not None:
            raise ValueError("binary data that ends early")
        read.append(fields)
    if position != len(binary):
        raise ValueError("more binary data than outputs")
    return {**cast("dict[str, Any]", value), "outputs": read}


def _elements(fields: Mapping[str, Any], data: bytes) -> list[Any]:
    if fields.get("datatype") == "BYTES":
        return _texts(data)
    layout = _FORMATS.get(str(fields.get("datatype")))
    if layout is None or len(data) % struct.calcsize(layout):
        raise ValueError("data of another type than it says")
    count = len(data) // struct.calcsize(layout)
    shape = fields.get("shape")
    if not isinstance(shape, list) or prod(cast("list[int]", shape)) != count:
        raise ValueError("data of another shape than it says")
    return list(struct.unpack(f"<{count}{layout}", data))


def _texts(data: bytes) -> list[str]:
    found: list[str] = []
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise ValueError("data that ends early")
        (size,) = struct.unpack_from("<I", data, position)
        position += 4
        if position + size > len(data):
            raise ValueError("data that ends early")
        found.append(data[position : position + size].decode("latin-1"))
        position += size
    return found
