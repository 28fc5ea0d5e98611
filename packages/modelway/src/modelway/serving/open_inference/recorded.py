"""Requests and answers of the protocol as a log writes them: JSON with all elements in lists, also where they came as octets."""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from modelway.errors import InvalidRequestError
from modelway.serving.observing.payload import Read, read_json
from modelway.serving.observing.redaction import NotPlainError
from modelway.serving.open_inference.tensors import Tensor, raw_tensor

_SIZE = "binary_data_size"
_LONGEST_NUMBER = 16


def reader_of(header_length: bytes | None) -> Read:
    """Reads a request or an answer over REST: JSON, then the elements of tensors that have `binary_data_size`.

    Args:
        header_length: How much of it is JSON, as `Inference-Header-Content-Length` says it; None for all.
    """
    if header_length is None:
        return read_json
    text = header_length.strip()
    return partial(_with_elements, header_length=int(text) if text.isdigit() and len(text) < _LONGEST_NUMBER else -1)


def elements_of(make: Callable[[], Tensor], size: int) -> Any:
    """A tensor's elements in a list.

    Args:
        make: Makes the tensor.
        size: Octets of its elements, for words about those that are not as datatype and shape say.
    """
    try:
        found = make().values()
    except (InvalidRequestError, struct.error, OverflowError):
        return f"[{size} bytes, not as datatype and shape say]"
    return [_text(each) if isinstance(each, bytes) else each for each in found]


def _text(element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        return f"[{len(element)} bytes, no UTF-8]"


def _with_elements(body: bytes, header_length: int) -> Any:
    if not 0 <= header_length <= len(body):
        raise NotPlainError("not as its header says")
    value = read_json(body[:header_length])
    if not isinstance(value, dict):
        raise NotPlainError("no object")
    members = cast("dict[str, Any]", value)
    rest = memoryview(body)[header_length:]
    for name in ("inputs", "outputs"):
        tensors = members.get(name)
        for tensor in cast("list[Any]", tensors) if isinstance(tensors, list) else ():
            if isinstance(tensor, dict):
                rest = _fill(cast("dict[str, Any]", tensor), rest)
    return members


def _fill(tensor: dict[str, Any], rest: memoryview) -> memoryview:
    """Put the tensor's elements in the place of their size; what is left of the octets."""
    parameters = tensor.get("parameters")
    if not isinstance(parameters, Mapping) or _SIZE not in parameters:
        return rest
    told = cast("Mapping[str, Any]", parameters)
    size = told[_SIZE]
    if type(size) is not int or not 0 <= size <= len(rest):
        raise NotPlainError("binary data that is not there")
    others = {name: each for name, each in told.items() if name != _SIZE}
    tensor.pop("parameters")
    if others:
        tensor["parameters"] = others
    octets = bytes(rest[:size])
    name, datatype, shape = (tensor.get(each) for each in ("name", "datatype", "shape"))
    if isinstance(name, str) and isinstance(datatype, str) and _is_shape(shape):
        tensor["data"] = elements_of(lambda: raw_tensor(name, datatype, cast("list[int]", shape), octets), size)
    else:
        tensor["data"] = f"[{size} bytes, no tensor]"
    return rest[size:]


def _is_shape(shape: object) -> bool:
    return isinstance(shape, list) and all(type(each) is int for each in cast("list[Any]", shape))
