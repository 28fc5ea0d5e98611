"""A request's tensors, checked against what they claim about themselves; whoever lies gets 400."""

import contextlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from modelway.errors import InvalidRequestError
from modelway.serving.open_inference.datatypes import BYTES, DATATYPES, Datatype
from modelway.signature.arrays import nested_shape

MAX_AXES = 32
MAX_TENSORS = 1024
_LENGTH = struct.Struct("<I")
_PYTHON: dict[str, frozenset[type]] = {
    "?": frozenset({bool}),
    "e": frozenset({int, float}),
    "f": frozenset({int, float}),
    "d": frozenset({int, float}),
}
_INTEGERS: frozenset[type] = frozenset({int})


class InputJson(msgspec.Struct):
    """One input as it stands in the JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: Any = msgspec.UNSET
    parameters: dict[str, Any] = {}


class OutputJson(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferJson(msgspec.Struct):
    """The JSON of an inference request."""

    inputs: list[InputJson]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[OutputJson] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input that holds what it says.

    Args:
        name: Its name.
        datatype: Its element type.
        shape: Its shape; the first axis is that of rows.
        raw: The elements, little endian, row by row; empty for BYTES.
        elements: The elements of BYTES.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    raw: bytes | memoryview = b""
    elements: Sequence[bytes] = ()

    def values(self) -> list[Any]:
        """The elements as plain Python values, row by row."""
        if self.datatype.name == BYTES:
            return list(self.elements)
        return list(struct.unpack(f"<{len(self.raw) // self.datatype.size}{self.datatype.code}", self.raw))


_decode = msgspec.json.Decoder(InferJson).decode


def read_request(body: bytes, header_length: bytes | None) -> tuple[InferJson, list[Tensor]]:
    """The JSON of a request and its tensors.

    Args:
        body: JSON, then the binary data of inputs that have `binary_data_size`.
        header_length: Value of `Inference-Header-Content-Length`; None where all is JSON.

    Raises:
        InvalidRequestError: Anything in it is not as it says.
    """
    end = len(body)
    if header_length is not None:
        text = header_length.strip()
        end = int(text) if text.isdigit() and len(text) < 16 else -1
        if not 0 <= end <= len(body):
            raise InvalidRequestError(
                f"Inference-Header-Content-Length is no number from 0 to {len(body)}, the length of the body"
            )
    try:
        request = _decode(body[:end])
    except (ValueError, RecursionError, OverflowError) as error:  # msgspec's errors are ValueErrors
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error).replace("`", "")
        raise InvalidRequestError(f"the inference request cannot be read: {text}") from None
    if len(request.inputs) > MAX_TENSORS:
        raise InvalidRequestError(f"{len(request.inputs)} inputs: at most {MAX_TENSORS}")
    rest = memoryview(body)[end:]
    tensors: list[Tensor] = []
    for each in request.inputs:
        tensor, used = _tensor(each, rest, len(body))
        rest = rest[used:]
        tensors.append(tensor)
    if rest:
        raise InvalidRequestError(f"{len(rest)} bytes of binary data belong to no input", hint="give binary_data_size")
    return request, tensors


def _tensor(given: InputJson, rest: memoryview, most: int) -> tuple[Tensor, int]:
    where = f"input '{given.name[:80]}'"
    datatype = _datatype(where, given.datatype)
    count = _count(where, given.shape, most)
    shape = tuple(given.shape)
    size = given.parameters.get("binary_data_size")
    if (size is None) == (given.data is msgspec.UNSET):
        raise InvalidRequestError(f"{where}: give either 'data' or the parameter 'binary_data_size'")
    if size is None:
        flat = _flat(where, given.data, shape, count)
        return _packed(where, given.name, datatype, shape, flat), 0
    if type(size) is not int or not 0 <= size <= len(rest):
        raise InvalidRequestError(f"{where}: binary_data_size is not within the {len(rest)} bytes that are there")
    return _unpacked(given.name, datatype, shape, count, rest[:size]), size


def raw_tensor(name: str, datatype_name: str, shape: Sequence[int], data: bytes) -> Tensor:
    """A tensor of binary data that came by itself, as over gRPC.

    Raises:
        InvalidRequestError: It is not as it says.
    """
    where = f"input '{name[:80]}'"
    datatype = _datatype(where, datatype_name)
    count = _count(where, shape, len(data))
    return _unpacked(name, datatype, tuple(shape), count, memoryview(data))


def listed_tensor(name: str, datatype_name: str, shape: Sequence[int], elements: Sequence[Any]) -> Tensor:
    """A tensor of elements that came as numbers, or octets for BYTES.

    Raises:
        InvalidRequestError: It is not as it says.
    """
    where = f"input '{name[:80]}'"
    datatype = _datatype(where, datatype_name)
    count = _count(where, shape, len(elements))
    if len(elements) != count:
        raise InvalidRequestError(f"{where}: {len(elements)} elements, not {count} as its shape says")
    if datatype.name == BYTES:
        return Tensor(name=name, datatype=datatype, shape=tuple(shape), elements=elements)
    return _packed(where, name, datatype, tuple(shape), elements)


def _datatype(where: str, name: str) -> Datatype:
    datatype = DATATYPES.get(name)
    if datatype is None:
        raise InvalidRequestError(
            f"{where}: datatype '{name[:80]}' is not known", hint=f"one of {', '.join(DATATYPES)}"
        )
    return datatype


def _unpacked(name: str, datatype: Datatype, shape: tuple[int, ...], count: int, data: memoryview) -> Tensor:
    where = f"input '{name[:80]}'"
    size = len(data)
    if datatype.name == BYTES:
        return Tensor(name=name, datatype=datatype, shape=shape, elements=_elements(where, data, count))
    if size != count * datatype.size:
        raise InvalidRequestError(
            f"{where}: shape {list(shape)} of {datatype.name} takes {count * datatype.size} bytes, not {size}"
        )
    return Tensor(name=name, datatype=datatype, shape=shape, raw=data)


def _count(where: str, shape: Sequence[int], most: int) -> int:
    """How many elements; each takes at least a byte of the body, which bounds what a shape may claim."""
    if not 1 <= len(shape) <= MAX_AXES:
        raise InvalidRequestError(f"{where}: a shape has 1 to {MAX_AXES} axes, the first for rows")
    count = 1
    for length in shape:
        if length < 0:
            raise InvalidRequestError(f"{where}: an axis cannot be {length} long")
        count *= length
        if count > most and 0 not in shape:
            raise InvalidRequestError(f"{where}: the shape claims more elements than the request holds")
    if max(shape) > most:
        raise InvalidRequestError(f"{where}: the shape claims more than the request holds")
    return count


def _flat(where: str, data: Any, shape: tuple[int, ...], count: int) -> list[Any]:
    found = nested_shape(data) if isinstance(data, list) else None
    if found is None or found not in {(count,), shape}:
        text = f"shape {list(found)}" if found else "rows of different lengths" if isinstance(data, list) else "no list"
        raise InvalidRequestError(f"{where}: 'data' has {text}, not {list(shape)} or a flat list of {count}")
    flat = cast("list[Any]", data)
    for _ in range(len(found) - 1):
        flat = [item for row in flat for item in row]
    return flat


def _packed(where: str, name: str, datatype: Datatype, shape: tuple[int, ...], flat: Sequence[Any]) -> Tensor:
    if datatype.name == BYTES:
        if not all(isinstance(each, str) for each in flat):
            raise InvalidRequestError(f"{where}: elements of BYTES are strings in JSON")
        return Tensor(name=name, datatype=datatype, shape=shape, elements=[each.encode() for each in flat])
    raw: bytes | None = None
    if _PYTHON.get(datatype.code, _INTEGERS).issuperset(map(type, flat)):
        with contextlib.suppress(struct.error, OverflowError, ValueError):
            raw = struct.pack(f"<{len(flat)}{datatype.code}", *flat)
    if raw is None:
        raise InvalidRequestError(f"{where}: an element of 'data' is no {datatype.name}")
    return Tensor(name=name, datatype=datatype, shape=shape, raw=raw)


def _elements(where: str, data: memoryview, count: int) -> list[bytes]:
    """Elements with their lengths before them."""
    elements: list[bytes] = []
    at = 0
    while at < len(data):
        begins = at + _LENGTH.size
        length = _LENGTH.unpack_from(data, at)[0] if begins <= len(data) else 0
        at = begins + length
        if at > len(data) or len(elements) == count:
            raise InvalidRequestError(
                f"{where}: its lengths do not add up to its {len(data)} bytes in {count} elements"
            )
        elements.append(bytes(data[begins:at]))
    if len(elements) != count:
        raise InvalidRequestError(f"{where}: {len(elements)} elements, not {count}")
    return elements


def flag(parameters: Mapping[str, Any], name: str) -> bool:
    """A parameter that is true or false.

    Raises:
        InvalidRequestError: It is neither.
    """
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequestError(f"parameter '{name}' is true or false")
    return value
