"""One row of values as tensors, and a row of tensors as values; arrays are known by their methods, nothing is imported for them."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from modelway.errors import InvalidRequestError
from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

BYTES = "BYTES"
_CODES = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_OF_DTYPE = {"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"} | {
    f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
SINGLE = "output"


def add_value(message: ModelInferRequest, name: str, value: Any, wanted: str = "") -> None:
    """Add one input of a request for one row.

    Args:
        message: The request.
        name: Of the input.
        value: A number, a truth value, text, octets, an array, a list of numbers, or anything else that JSON can say.
        wanted: The input's datatype, where the model has said it; else the value decides.

    Raises:
        InvalidRequestError: There is no such form for it.
    """
    datatype, shape, data = _packed(name, value, wanted)
    message.inputs.add(name=name, datatype=datatype, shape=[1, *shape])
    message.raw_input_contents.append(data)


def _packed(name: str, value: Any, wanted: str) -> tuple[str, Sequence[int], bytes]:
    found = _OF_DTYPE.get(str(getattr(value, "dtype", "")))
    if found and hasattr(value, "tobytes") and wanted in {"", found}:
        return found, list(value.shape), value.tobytes()
    plain: Any = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, str) and wanted in {"", BYTES}:
        return BYTES, (), _with_length(plain.encode())
    if isinstance(plain, bytes | bytearray) and wanted in {"", BYTES}:
        return BYTES, (), _with_length(bytes(plain))
    if wanted == BYTES:
        return BYTES, (), _with_length(_json(name, plain))
    shape, flat = _flattened(plain)
    datatype = wanted or _datatype_of(flat)
    if not datatype:
        return BYTES, (), _with_length(_json(name, plain))
    try:
        return datatype, shape, struct.pack(f"<{len(flat)}{_CODES[datatype]}", *flat)
    except (struct.error, OverflowError, KeyError):
        raise InvalidRequestError(f"{name}: cannot be sent as {datatype}") from None


def _flattened(value: Any) -> tuple[list[int], list[Any]]:
    shape: list[int] = []
    flat: list[Any] = [value]
    while flat and all(isinstance(each, list | tuple) for each in flat):
        rows = cast("list[Sequence[Any]]", flat)
        if len({len(row) for row in rows}) != 1:
            break
        shape.append(len(rows[0]))
        flat = [item for row in rows for item in row]
    return shape, flat


def _datatype_of(flat: Sequence[Any]) -> str:
    kinds = set(map(type, flat))
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float} else ""


def _with_length(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _json(name: str, value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError):
        raise InvalidRequestError(f"{name}: cannot send a value of type {type(value).__name__}") from None


def value_of(answer: ModelInferResponse) -> Any:
    """The values of the answer's one row by name; the value itself where there is but the unnamed one."""
    found: dict[str, Any] = {}
    for tensor, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        found[tensor.name] = _unpacked(tensor.datatype, list(tensor.shape)[1:], raw)
    return found[SINGLE] if set(found) == {SINGLE} else found


def _unpacked(datatype: str, shape: Sequence[int], raw: bytes) -> Any:
    if datatype == BYTES:
        flat: list[Any] = []
        at = 0
        while at < len(raw):
            ends = at + 4 + int.from_bytes(raw[at : at + 4], "little")
            flat.append(_text(raw[at + 4 : ends]))
            at = ends
    else:
        code = _CODES[datatype]
        flat = list(struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw))
    for length in reversed(shape):
        flat = [flat[at : at + length] for at in range(0, len(flat), length)] if length else [[]]
    return flat[0]


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def datatypes_of(inputs: Sequence[Any]) -> Mapping[str, str]:
    """Datatype by name, of a model's metadata."""
    return {each.name: each.datatype for each in inputs}
