"""From what a REST request says to the message of a method: JSON body, path and query (google/api/http.proto has the rules).

Beside them: a query parameter may stand beside a body (`?dryRun=true`), and `If-Match` is the field
`expected_revision` of what has revisions, `expected_etag` of what has none.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.messages.json_messages import FRACTIONS, HINT, WHOLE, fields_of, read_members, scalar
from modelway_platform.deploy.api.messages.methods import Binding, Method
from modelway_platform.domain.parsing.document_problem import did_you_mean

EXPECTED_REVISION, EXPECTED_ETAG = "expected_revision", "expected_etag"
_LONGEST_ETAG = 100


def read_request(
    method: Method,
    binding: Binding,
    *,
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body: bytes = b"",
    if_match: str = "",
) -> Message:
    """The message that a request means.

    Raises:
        InvalidRequestError: It is not JSON, or not of that shape, or names what the method does not know.
    """
    message = method.request_class()
    if method.body_is_octets(binding):
        getattr(message, binding.body).data = body
    elif binding.body:
        _read_body(message, binding, body)
    for name, text in path.items():
        _set(message, _field(message, name), text, f"the path's {name}")
    _read_query(message, binding, query)
    if method.has_field(EXPECTED_ETAG) and if_match:
        setattr(message, EXPECTED_ETAG, _etag(if_match))
    elif (expected := expected_revision(if_match)) is not None and method.has_field(EXPECTED_REVISION):
        setattr(message, EXPECTED_REVISION, expected)
    return message


def expected_revision(if_match: str) -> int | None:
    """The number in `If-Match`, or None where any revision will do."""
    value = if_match.strip().removeprefix("W/").strip('"')
    if value in {"", "*"}:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InvalidRequestError("If-Match: expected a revision's number", hint='If-Match: "3"')
    return int(value)


def _etag(if_match: str) -> str:
    value = if_match.strip().removeprefix("W/").strip('"')
    if not value.isascii() or not value.isprintable() or not 0 < len(value) <= _LONGEST_ETAG:
        raise InvalidRequestError("If-Match: expected the ETag of an answer", hint='If-Match: "3f0c5a…"')
    return value


def _read_body(message: Message, binding: Binding, body: bytes) -> None:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(
            f"the request's body is not JSON: {error}", hint="send JSON in UTF-8", code="invalid_json"
        ) from error
    target = message if binding.body == "*" else getattr(message, binding.body)
    if not isinstance(value, dict):
        raise InvalidRequestError("the request's body: expected an object", hint=HINT)
    members = cast("dict[str, Any]", value)
    for name in binding.variables:
        if binding.body == "*" and (name in members or _field(message, name).json_name in members):
            raise InvalidRequestError(f"the request's body: {name} is told by the path", hint=HINT)
    read_members(target, members)


def _read_query(message: Message, binding: Binding, query: Iterable[tuple[str, str]]) -> None:
    seen: set[str] = set()
    known = {
        name: field
        for field in fields_of(message.DESCRIPTOR)
        if field.message_type is None and field.name not in binding.variables
        for name in (field.json_name, field.name)
    }
    for name, text in query:
        field = known.get(name)
        if field is None:
            names = list({each.json_name: None for each in known.values()})
            raise InvalidRequestError(
                f"unknown query parameter {name[:50]!r}", hint=did_you_mean(name, names) or "there is none"
            )
        if field.name in seen and not field.is_repeated:
            raise InvalidRequestError(f"query parameter {name}: given twice")
        seen.add(field.name)
        _set(message, field, text, f"query parameter {name}")


def _field(message: Message, name: str) -> FieldDescriptor:
    return cast("FieldDescriptor", message.DESCRIPTOR.fields_by_name[name])


def _set(message: Message, field: FieldDescriptor, text: str, where: str) -> None:
    value = _value(field, text, where)
    try:
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    except (ValueError, TypeError, UnicodeEncodeError) as error:
        raise InvalidRequestError(f"{where}: not a value for it") from error


def _value(field: FieldDescriptor, text: str, where: str) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        if text not in {"true", "false"}:
            raise InvalidRequestError(f"{where}: expected true or false")
        return text == "true"
    if kind in WHOLE:
        low, high = WHOLE[kind]
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and low <= int(text) <= high):
            raise InvalidRequestError(f"{where}: expected a whole number")
        return int(text)
    if kind in FRACTIONS:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidRequestError(f"{where}: expected a number")
        return number
    return scalar(field, text, where)
