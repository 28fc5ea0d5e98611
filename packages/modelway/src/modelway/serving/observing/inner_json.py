"""JSON that travels as text in tensors of BYTES, as what is neither number nor text does in the Open Inference Protocol."""

from typing import Any, cast

import msgspec

_CONTENTS = ("data", "contents")
_TENSORS = ("inputs", "outputs")
_OPENING = ("{", "[")


class InnerJson(list[Any]):
    """A text that is JSON, as the value that it is: the one element."""


def open_inner_json(value: Any) -> Any:
    """Put what such texts say in their place, in a request or an answer of the protocol; everything else stays as it is.

    Args:
        value: Lists and dictionaries, which are changed.
    """
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        for name in _TENSORS:
            tensors = members.get(name)
            for tensor in cast("list[Any]", tensors) if isinstance(tensors, list) else ():
                if isinstance(tensor, dict):
                    _open(cast("dict[str, Any]", tensor))
    return cast("Any", value)


def _open(tensor: dict[str, Any]) -> None:
    if tensor.get("datatype") != "BYTES":
        return
    for name in _CONTENTS:
        if isinstance(tensor.get(name), list):
            tensor[name] = [_opened(each) for each in tensor[name]]


def _opened(element: Any) -> Any:
    if isinstance(element, list):  # as deep as the JSON around it may be
        return [_opened(each) for each in cast("list[Any]", element)]
    if isinstance(element, str) and element.lstrip().startswith(_OPENING):
        try:
            return InnerJson((msgspec.json.decode(element),))
        except (msgspec.DecodeError, RecursionError):
            return element
    return element
