"""JSON values into messages of the schema: strictly, and refused in words that name the member at fault.

protobuf's own `json_format` knows the mapping (https://protobuf.dev/programming-guides/json), but takes `"1"` for 1, and its errors
name Python's types and say where they are only now and then. It still reads what has no shape: `Struct`, `Value`, `ListValue`.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from modelway.errors import InvalidRequestError
from modelway_platform.domain.parsing.document_problem import did_you_mean

HINT = "see docs/http-api.md, or /openapi.json"
SHAPELESS = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})
WHOLE: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
FRACTIONS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})
_EXACT = 2**53
_LONGEST_WORD = 60


def read_members(message: Message, members: Mapping[str, Any], where: str = "") -> None:
    """Set the fields of `message` that an object names; null is as if it were not named.

    Args:
        message: Gets them.
        members: The object's members, by their names in JSON or in the schema.
        where: The way to it from the body, for errors; empty for the body itself.

    Raises:
        InvalidRequestError: A member that there is not, or a value that its field does not take.
    """
    known = {name: field for field in fields_of(message.DESCRIPTOR) for name in (field.json_name, field.name)}
    seen: set[str] = set()
    for name, value in members.items():
        field = known.get(name)
        if field is None:
            raise _unknown(name, [each.json_name for each in fields_of(message.DESCRIPTOR)], where)
        at = _below(where, field.json_name)
        if field.name in seen:
            raise InvalidRequestError(f"{at}: named twice", hint=HINT)
        seen.add(field.name)
        if value is not None or _is(field, "google.protobuf.Value"):
            _set(message, field, value, at)


def check_required(message: Message, where: str = "") -> None:
    """Whether everything is there that the schema calls REQUIRED (google.api.field_behavior).

    Raises:
        InvalidRequestError: The first that is missing or empty.
    """
    for field in fields_of(message.DESCRIPTOR):
        at, value = _below(where, field.json_name), getattr(message, field.name)
        if is_required(field) and not value:
            raise InvalidRequestError(f"{at}: has to be given", hint=HINT)
        if _is_ours(field) and field.is_repeated:
            for index, each in enumerate(value):
                check_required(each, f"{at}[{index}]")
        elif _is_ours(field) and message.HasField(field.name):
            check_required(value, at)


def is_required(field: FieldDescriptor) -> bool:
    """Whether the schema says so."""
    extensions: Any = field.GetOptions().Extensions
    return field_behavior_pb2.REQUIRED in extensions[field_behavior_pb2.field_behavior]


def fields_of(message: Any) -> list[FieldDescriptor]:
    """The fields of a message's descriptor, in order."""
    return list(cast("Descriptor", message).fields)


def _unknown(name: str, known: list[str], where: str) -> InvalidRequestError:
    at = f"{where}: " if where else "the request's body: "
    return InvalidRequestError(
        f"{at}there is no member {name[:_LONGEST_WORD]!r}", hint=did_you_mean(name, known) or "there is none"
    )


def _set(message: Message, field: FieldDescriptor, value: Any, at: str) -> None:
    if _is_map(field):
        _set_map(message, field, value, at)
    elif field.is_repeated:
        if not isinstance(value, list):
            raise _expected(at, "a list", value)
        for index, each in enumerate(cast("list[Any]", value)):
            _append(message, field, each, f"{at}[{index}]")
    elif field.message_type is not None:
        _fill(getattr(message, field.name), value, at)
        getattr(message, field.name).SetInParent()
    else:
        _guarded(lambda: setattr(message, field.name, scalar(field, value, at)), at)


def _append(message: Message, field: FieldDescriptor, value: Any, at: str) -> None:
    target: Any = getattr(message, field.name)
    if field.message_type is not None:
        _fill(target.add(), value, at)
    else:
        _guarded(lambda: target.append(scalar(field, value, at)), at)


def _set_map(message: Message, field: FieldDescriptor, value: Any, at: str) -> None:
    if not isinstance(value, dict):
        raise _expected(at, "an object", value)
    inner = cast("Descriptor", field.message_type).fields_by_name["value"]
    target: Any = getattr(message, field.name)
    for name, each in cast("dict[str, Any]", value).items():
        place = f"{at}[{name[:_LONGEST_WORD]!r}]"
        if inner.message_type is not None:
            _fill(target[name], each, place)
        else:
            read = scalar(inner, each, place)
            _guarded(lambda name=name, read=read: target.__setitem__(name, read), place)


def _fill(target: Message, value: Any, at: str) -> None:
    name = target.DESCRIPTOR.full_name
    if name not in SHAPELESS:
        if not isinstance(value, dict):
            raise _expected(at, "an object", value)
        read_members(target, cast("dict[str, Any]", value), at)
        return
    if name == "google.protobuf.Struct" and not isinstance(value, dict):
        raise _expected(at, "an object", value)
    if name == "google.protobuf.ListValue" and not isinstance(value, list):
        raise _expected(at, "a list", value)
    if any(abs(each) > _EXACT for each in _whole_numbers(value)):
        raise InvalidRequestError(f"{at}: a whole number beyond 2^53 would not be kept exactly", hint="send it as text")
    _guarded(lambda: json_format.ParseDict(cast("Any", value), target), at)


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for each in cast("dict[str, Any]", value).values():
            yield from _whole_numbers(each)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _whole_numbers(each)
    elif isinstance(value, int):
        yield value


def _guarded(act: Callable[[], Any], at: str) -> None:
    try:
        act()
    except (json_format.ParseError, TypeError, ValueError, RecursionError) as error:
        # Text that is no UTF-8, or what is nested too deeply: rare, and the library's words help nobody.
        raise InvalidRequestError(f"{at}: not a value for it", hint=HINT) from error


def scalar(field: FieldDescriptor, value: Any, at: str) -> Any:
    """A JSON value as the field has it.

    Raises:
        InvalidRequestError: It is of another type or out of range.
    """
    kind = field.cpp_type
    if kind in WHOLE:
        return _whole(kind, value, at)
    if kind in FRACTIONS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _expected(at, "a number", value)
        return float(value)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise _expected(at, "true or false", value)
        return value
    if not isinstance(value, str):
        raise _expected(at, "a text", value)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        values = cast("EnumDescriptor", field.enum_type).values_by_name
        if value not in values:
            raise InvalidRequestError(f"{at}: expected one of {', '.join(values)}", hint=HINT)
        return values[value].number
    if field.type == FieldDescriptor.TYPE_BYTES:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequestError(f"{at}: expected base64", hint=HINT) from None
    return value


def _whole(kind: int, value: Any, at: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected(at, "a whole number", value)
    low, high = WHOLE[kind]
    if not low <= value <= high:
        raise InvalidRequestError(f"{at}: expected {low} to {high}", hint=HINT)
    return value


def _expected(at: str, what: str, value: Any) -> InvalidRequestError:
    names: dict[Any, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return InvalidRequestError(f"{at}: expected {what}, got {names.get(value.__class__, 'null')}", hint=HINT)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_ours(field: FieldDescriptor) -> bool:
    """Whether it holds messages of our own schema, whose fields may be required."""
    message = field.message_type
    return message is not None and not _is_map(field) and not message.full_name.startswith("google.")


def _is(field: FieldDescriptor, name: str) -> bool:
    return field.message_type is not None and field.message_type.full_name == name and not field.is_repeated


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
