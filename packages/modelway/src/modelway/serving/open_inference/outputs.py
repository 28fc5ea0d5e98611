"""Results of rows become tensors, as JSON or binary."""

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from modelway.errors import InvalidRequestError
from modelway.serving.open_inference.datatypes import BYTES, DATATYPES, datatype_of, is_array, is_octets, is_text
from modelway.serving.open_inference.tensors import InferJson, flag
from modelway.signature import EndpointSignature, Field

SINGLE = "output"


class Encoded(NamedTuple):
    """A body, and how much of it is JSON; 0 where all is."""

    body: bytes
    header_length: int = 0


def output_fields(endpoint: EndpointSignature) -> Mapping[str, Field]:
    """Names of the output tensors: the members of a dataclass, or one for anything else."""
    output = endpoint.output
    return {each.name: each for each in output.members} if output.members else {SINGLE: output}


def encode_results(
    head: Mapping[str, Any], request: InferJson, endpoint: EndpointSignature, results: Sequence[Any]
) -> Encoded:
    """The body of the answer.

    Args:
        head: Members beside the outputs.
        request: Says which outputs are wanted, and in which form.
        endpoint: Names and types of outputs.
        results: One value per row.

    Raises:
        Exception: A result is not what the signature says; any, as it comes from the modeller's values.
    """
    described: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for name, datatype, shape, elements, is_binary in output_columns(request, endpoint, results):
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape}
        if is_binary:
            data = octets(datatype, elements)
            tensor["parameters"] = {"binary_data_size": len(data)}
            binary.append(data)
        else:
            tensor["data"] = [_json_text(each) for each in elements] if datatype == BYTES else elements
        described.append(tensor)
    header = msgspec.json.encode({**head, "outputs": described}, enc_hook=_tolist)
    return Encoded(b"".join((header, *binary)), len(header)) if binary else Encoded(header)


class Column(NamedTuple):
    """One output over all rows: elements are numbers (a list or an array), or the octets of BYTES."""

    name: str
    datatype: str
    shape: list[int]
    elements: Any
    is_binary: bool


def output_columns(request: InferJson, endpoint: EndpointSignature, results: Sequence[Any]) -> Iterator[Column]:
    """The outputs that are wanted, whatever form they then take.

    Raises:
        Exception: A result is not what the signature says; any, as it comes from the modeller's values.
    """
    for name, field, is_binary in wanted_outputs(request, endpoint):
        column = [_member(each, name) for each in results] if endpoint.output.members else list(results)
        datatype = datatype_of(field)
        shape, elements = _array(field, column) if is_array(field) else ([len(column)], _plain(field, column))
        yield Column(name, datatype, shape, elements, is_binary)


def wanted_outputs(request: InferJson, endpoint: EndpointSignature) -> list[tuple[str, Field, bool]]:
    """Name, field and whether binary, of each output that is asked for; all where none is named.

    Raises:
        InvalidRequestError: There is no such output.
    """
    fields = output_fields(endpoint)
    usually = flag(request.parameters, "binary_data_output")
    if not request.outputs:
        return [(name, field, usually) for name, field in fields.items()]
    wanted: list[tuple[str, Field, bool]] = []
    for each in request.outputs:
        if each.name not in fields:
            raise InvalidRequestError(f"there is no output '{each.name[:80]}'", hint=f"outputs: {', '.join(fields)}")
        is_binary = flag(each.parameters, "binary_data") if "binary_data" in each.parameters else usually
        wanted.append((each.name, fields[each.name], is_binary))
    return wanted


def _member(value: Any, name: str) -> Any:
    return cast("Mapping[str, Any]", value)[name] if isinstance(value, Mapping) else getattr(value, name)


def _array(field: Field, column: list[Any]) -> tuple[list[int], Any]:
    numpy = sys.modules["numpy"]
    datatype = datatype_of(field)
    array = (
        numpy.asarray(column[0])[None] if len(column) == 1 else numpy.stack([numpy.asarray(each) for each in column])
    )
    if datatype == BYTES:
        return list(array.shape), [str(each).encode() for each in array.ravel().tolist()]
    return list(array.shape), array.astype(DATATYPES[datatype].numpy, copy=False)


def _plain(field: Field, column: list[Any]) -> list[Any]:
    datatype = datatype_of(field)
    if datatype != BYTES:
        make = {"INT64": int, "FP64": float, "BOOL": bool}[datatype]
        return [make(each) for each in column]
    if is_text(field) and all(isinstance(each, str) for each in column):
        return [each.encode() for each in column]
    if is_octets(field):
        return [bytes(each) for each in column]
    return [msgspec.json.encode(each, enc_hook=_tolist) for each in column]


def octets(datatype: str, elements: Any) -> bytes:
    """Elements as binary data: little endian, row by row; those of BYTES with their lengths before them."""
    if datatype == BYTES:
        return b"".join([struct.pack("<I", len(each)) + each for each in elements])
    if isinstance(elements, list):
        values = cast("list[Any]", elements)
        return struct.pack(f"<{len(values)}{DATATYPES[datatype].code}", *values)
    if sys.byteorder == "big" or not elements.dtype.isnative:
        elements = elements.astype(elements.dtype.newbyteorder("<"), copy=False)
    return elements.tobytes()


def _json_text(element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise ValueError("bytes that are no UTF-8 have no form in JSON; ask for binary_data") from None


def _tolist(value: Any) -> Any:
    if hasattr(value, "ravel"):
        return value.ravel().tolist()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
