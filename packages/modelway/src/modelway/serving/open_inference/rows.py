"""Tensors become rows, and each row the arguments of one item."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from modelway.errors import InvalidInputError, InvalidRequestError
from modelway.serving.open_inference.datatypes import (
    BYTES,
    DATATYPES,
    datatype_of,
    is_array,
    is_octets,
    is_text,
    shape_of,
)
from modelway.serving.open_inference.tensors import Tensor
from modelway.signature import EndpointBinding, EndpointSignature, Field


def arguments_by_row(
    endpoint: EndpointSignature, binding: EndpointBinding, tensors: Sequence[Tensor]
) -> list[tuple[Any, ...]]:
    """What the first stage takes, per row.

    Raises:
        InvalidRequestError: The tensors are not those of the signature.
        InvalidInputError: A value is not what the signature declares; the message names row and field.
    """
    fields = {each.name: each for each in endpoint.inputs}
    given = {each.name: each for each in tensors}
    if len(given) != len(tensors):
        raise InvalidRequestError("two inputs have the same name")
    binding.decode.check_names(given)
    counts = {each.shape[0] for each in tensors} or {1}  # who takes nothing, or needs nothing, is asked once
    if len(counts) != 1 or counts == {0}:
        raise InvalidRequestError(
            "inputs have different numbers of rows" if len(counts) > 1 else "there is no row",
            hint="the first axis of every input is that of rows",
        )
    columns = {name: _column(fields[name], tensor) for name, tensor in given.items()}
    ready = [name for name in columns if is_array(fields[name])]
    rows: list[tuple[Any, ...]] = []
    count = counts.pop()
    for row in range(count):
        try:
            values = {name: column[row] for name, column in columns.items()}
            rows.append(binding.decode.of_values(values, ready))
        except InvalidInputError as error:
            if count == 1:  # said as it is of a JSON request
                raise
            raise InvalidInputError(f"row {row}: {error.message}", hint=error.hint) from error
    return rows


def _column(field: Field, tensor: Tensor) -> Any:
    if is_array(field):
        return _array(field, tensor)
    if tensor.datatype.name == BYTES:
        if len(tensor.elements) != tensor.shape[0]:
            raise InvalidRequestError(f"input '{field.name}': expected one element per row, got {list(tensor.shape)}")
        return [_from_bytes(field, each) for each in tensor.elements]
    inner = tensor.shape[1:]
    if inner == (1,) and field.schema.get("type") != "array":
        inner = ()
    values = tensor.values()
    for length in reversed(inner):
        if not length:
            raise InvalidRequestError(f"input '{field.name}': an axis of no length")
        values = [values[at : at + length] for at in range(0, len(values), length)]
    return values


def _array(field: Field, tensor: Tensor) -> Any:
    numpy = sys.modules["numpy"]
    wanted, found = datatype_of(field), tensor.datatype.name
    if found != wanted and (field.dtype or found == BYTES):
        raise InvalidRequestError(f"input '{field.name}': expected {wanted}, got {found}")
    expected = shape_of(field)
    fits = len(expected) == len(tensor.shape) and all(
        length in {-1, got} for length, got in zip(expected, tensor.shape, strict=True)
    )
    if field.shape is not None and not fits:
        raise InvalidRequestError(f"input '{field.name}': expected shape {expected}, got {list(tensor.shape)}")
    if found == BYTES:
        return numpy.array([_text(field, each) for each in tensor.elements], dtype=str).reshape(tensor.shape)
    native = DATATYPES[found].numpy
    little_endian = native if sys.byteorder == "little" else numpy.dtype(native).newbyteorder("<")
    array = numpy.frombuffer(tensor.raw, dtype=little_endian).astype(native)  # a copy: stages may write
    return array.reshape(tensor.shape)


def _from_bytes(field: Field, element: bytes) -> Any:
    if is_octets(field):
        return element
    if is_text(field):
        return _text(field, element)
    try:
        return msgspec.json.decode(element)
    except (ValueError, RecursionError):
        raise InvalidRequestError(f"input '{field.name}': an element is not the JSON of a {field.label}") from None


def _text(field: Field, element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidRequestError(f"input '{field.name}': an element is not UTF-8") from None
