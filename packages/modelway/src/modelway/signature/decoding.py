"""A request's body becomes the arguments of the first stage, or an error that names the field."""

import re
from collections.abc import Collection, Container, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, cast

import msgspec

from modelway.errors import InvalidInputError, InvalidRequestError
from modelway.signature.codec import Codec, Convert
from modelway.signature.hints import struct_type
from modelway.signature.unread import Unread

_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<member>[^.\[]+)|\[(?P<index>\d+)\]")
_NAMED = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<field>.*)`", re.DOTALL)


class RequestDecoder:
    """Decodes the JSON object of one endpoint, one member per parameter.

    Args:
        endpoint: Its name, for messages.
        members: Codec of each parameter, in the order the first stage takes them.
        defaults: Values of those a request may leave out.
    """

    __slots__ = ("_decode", "_defaults", "_endpoint", "_members", "_names", "_steps")

    def __init__(self, endpoint: str, members: Mapping[str, Codec], defaults: Mapping[str, Any]) -> None:
        self._endpoint = endpoint
        self._members = members
        self._defaults = defaults
        self._names = tuple(members)
        self._steps: tuple[tuple[str, Convert | None], ...] = tuple(
            (name, _conversion(codec)) for name, codec in members.items()
        )
        wire = struct_type(endpoint, {name: (codec, name not in defaults) for name, codec in members.items()})
        self._decode = msgspec.json.Decoder(wire).decode

    def __call__(self, body: bytes) -> tuple[Any, ...]:
        """The arguments in order.

        Raises:
            InvalidRequestError: The body is not JSON.
            InvalidInputError: It is, but not what the signature declares.
        """
        try:
            request = self._decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise self._explain(str(error), body) from None
        except (ValueError, RecursionError, OverflowError) as error:  # msgspec.DecodeError is a ValueError
            raise _not_json(error) from None
        return tuple(
            [
                value if convert is None else convert(value, name)
                for name, convert in self._steps
                if (value := getattr(request, name)) is not msgspec.UNSET
            ]
            if not self._defaults
            else self._with_defaults(request)
        )

    def of_values(self, values: Mapping[str, Any], ready: Container[str]) -> tuple[Any, ...]:
        """The arguments out of values that came in another form than JSON.

        Args:
            values: By name; those without a default are all there.
            ready: Names of values that are as the stage takes them already.

        Raises:
            InvalidInputError: One is not what the signature declares.
        """
        arguments: list[Any] = []
        for name, codec in self._members.items():
            if name not in values:
                arguments.append(self._defaults[name])
            elif name in ready:
                arguments.append(values[name])
            else:
                try:
                    value = msgspec.convert(values[name], codec.wire)
                except msgspec.ValidationError as error:
                    raise InvalidInputError(f"{name}: {_plain(str(error))}") from None
                convert = _conversion(codec)
                arguments.append(value if convert is None else convert(value, name))
        return tuple(arguments)

    def check_names(self, names: Collection[str]) -> None:
        """What came in another form than JSON has each field that is needed and no other.

        Raises:
            InvalidInputError: As for JSON.
        """
        for name in names:
            if name not in self._members:
                raise self._unknown_or_missing(name, "", missing=False)
        for name in self._members:
            if name not in names and name not in self._defaults:
                raise self._unknown_or_missing(name, "", missing=True)

    def _with_defaults(self, request: Any) -> list[Any]:
        values: list[Any] = []
        for name, convert in self._steps:
            value = getattr(request, name)
            if value is msgspec.UNSET:
                values.append(self._defaults[name])
            else:
                values.append(value if convert is None else convert(value, name))
        return values

    def _explain(self, message: str, body: bytes) -> InvalidInputError:
        match = _MESSAGE.fullmatch(message)
        what, path = (match["what"], match["path"] or "") if match else (message, "")
        where = path.removeprefix(".")
        named = _NAMED.fullmatch(what)
        if named:
            return self._unknown_or_missing(named["field"], where, missing=named["what"].startswith("missing"))
        if not where:
            return InvalidInputError(f"the body: {_plain(what)}", hint=self._members_hint())
        better = self._in_words_of_the_hint(path, body) if "`array`" in what else None
        return InvalidInputError(better or f"{where}: {_plain(what)}")

    def _unknown_or_missing(self, name: str, where: str, *, missing: bool) -> InvalidInputError:
        name = name[:80]
        full = f"{where}.{name}" if where else name
        if missing:
            return InvalidInputError(f"{full}: missing", hint="" if where else self._members_hint())
        close = [] if where else get_close_matches(name, self._names, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "" if where else self._members_hint()
        return InvalidInputError(f"{full}: unknown field", hint=hint)

    def _members_hint(self) -> str:
        if not self._names:
            return f"'{self._endpoint}' takes an empty object"
        fields = ", ".join(
            f"{name}: {codec.label}" + (" (optional)" if name in self._defaults else "")
            for name, codec in self._members.items()
        )
        return f"'{self._endpoint}' takes an object with {fields}"

    def _in_words_of_the_hint(self, path: str, body: bytes) -> str | None:
        """Walk down to the innermost array on the way to the error and let it say what is wrong."""
        try:
            raw: Any = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            return None
        codec: Codec | None = Codec(wire=Any, label="", schema={}, members=self._members)
        where = ""
        for step in _STEP.finditer(path):
            member, index = step["member"], step["index"]
            codec = codec.members.get(member) if member else codec.item
            raw = _descend(raw, member, index)
            where += step[0]
            if codec is None:
                return None
            if codec.explain is not None:
                return codec.explain(raw, where.removeprefix("."))
        return None


def _conversion(codec: Codec) -> Convert | None:
    if codec.late and codec.convert is not None:
        return partial(Unread, codec.convert)
    return codec.convert


def _descend(raw: Any, member: str | None, index: str | None) -> Any:
    if member is not None and isinstance(raw, dict):
        return cast("dict[str, Any]", raw).get(member)
    if index is not None and isinstance(raw, list) and int(index) < len(cast("list[Any]", raw)):
        return cast("list[Any]", raw)[int(index)]
    return None


def _plain(what: str) -> str:
    text = what.replace("`", "")
    return text[:1].lower() + text[1:]


def _not_json(error: Exception) -> InvalidRequestError:
    if isinstance(error, RecursionError):
        return InvalidRequestError("the body is nested too deeply", code="invalid_json")
    if isinstance(error, UnicodeDecodeError):
        return InvalidRequestError("the body is not UTF-8", code="invalid_json")
    text = _plain(str(error)).removeprefix("jSON is malformed: ")
    text = "it ends too early" if text == "input data was truncated" else text
    return InvalidRequestError(
        f"the body is not JSON: {text}", hint="numbers are finite, names quoted", code="invalid_json"
    )
