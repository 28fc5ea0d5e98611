"""Requests that are not one JSON object: a body that is one value, and forms whose parts are the values.

Both lead to the same arguments as the JSON would, under the same checks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelway.errors import InvalidInputError
from modelway.signature.codec import Codec
from modelway.signature.decoding import RequestDecoder
from modelway.signature.unread import ITEMS, WHOLE, Unread, Way

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a form: its field's name, what it says it is (empty where it does not), its charset, its octets."""

    name: str
    media: str
    charset: str
    data: bytes


class FormReader:
    """Reads one endpoint's arguments from raw bodies and forms.

    Args:
        decode: The endpoint's decoder, which has the last word on every value.
        members: Codec of each parameter.
        raw_field: The parameter that a raw body is; empty where none is. Others come from the query.
    """

    __slots__ = ("_decode", "_members", "raw_field")

    def __init__(self, decode: RequestDecoder, members: Mapping[str, Codec], raw_field: str) -> None:
        self._decode = decode
        self._members = members
        self.raw_field = raw_field

    def takes(self, media: str) -> bool:
        """Whether a body of this media type is the raw field."""
        return bool(self.raw_field) and media_fits(media, self._members[self.raw_field].media)

    def from_body(self, body: bytes, charset: str, query: Mapping[str, Sequence[str]]) -> tuple[Any, ...]:
        """The arguments from a raw body; the other parameters stand in the query.

        Raises:
            InvalidInputError: A value is not what the signature declares; the message names the field.
        """
        self._decode.check_names({*query, self.raw_field})
        if self.raw_field in query:
            raise InvalidInputError(f"{self.raw_field}: stands in the query and is the body, too")
        values: dict[str, Any] = {name: from_texts(self._members[name], texts, name) for name, texts in query.items()}
        values[self.raw_field] = self._whole(self.raw_field, body, charset)
        return self._decode.of_values(values, {self.raw_field})

    def from_parts(self, parts: Sequence[Part]) -> tuple[Any, ...]:
        """The arguments from a form (RFC 7578); a list's items are parts of the same name.

        Raises:
            InvalidInputError: A value is not what the signature declares; the message names the field.
        """
        by_name: dict[str, list[Part]] = {}
        for part in parts:
            by_name.setdefault(part.name, []).append(part)
        self._decode.check_names(by_name)
        values: dict[str, Any] = {}
        ready: set[str] = set()
        for name, found in by_name.items():
            codec = self._members[name]
            if len(found) == 1 and is_whole(codec, found[0].media):
                values[name] = self._whole(name, found[0].data, found[0].charset)
                ready.add(name)
            elif codec.item is not None and all(is_whole(codec.item, each.media) for each in found):
                values[name] = _items(codec.item, found, name)
                ready.add(name)
            else:
                values[name] = from_texts(codec, [_text(each) for each in found], name)
        return self._decode.of_values(values, ready)

    def unread(self, raw: Any, name: str, way: Way) -> Unread:
        """An argument to be read later, made again of what another process knew of it."""
        codec = self._members[name]
        if way.kind == WHOLE:
            return self._whole(name, raw, way.charset)
        if way.kind == ITEMS:
            assert codec.item is not None
            return _items(codec.item, raw, name)
        assert codec.convert is not None
        return Unread(codec.convert, raw, name)

    def _whole(self, name: str, data: bytes, charset: str) -> Any:
        codec = self._members[name]
        read = codec.from_body
        assert read is not None
        if codec.late:
            return Unread(lambda raw, path: read(raw, charset, path), data, name, Way(WHOLE, charset))
        return read(data, charset, name)


def raw_field(members: Mapping[str, Codec], defaults: Mapping[str, Any]) -> str:
    """The parameter that a raw body can only mean: the one without a default, or the only one that can be a body."""
    needed = [name for name in members if name not in defaults]
    able = [name for name, codec in members.items() if codec.from_body is not None]
    if len(needed) == 1 and needed[0] in able:
        return needed[0]
    return able[0] if not needed and len(able) == 1 else ""


def media_fits(media: str, patterns: Sequence[str]) -> bool:
    """Whether `image/png` is among `image/*` and its likes."""
    return any(media == each or (each.endswith("/*") and media.startswith(each[:-1])) for each in patterns)


def is_whole(codec: Codec, media: str) -> bool:
    """Whether a part of this media type is the value itself, not its JSON."""
    return codec.from_body is not None and (media_fits(media, codec.media) or codec.late)


def from_texts(codec: Codec, texts: Sequence[str], name: str) -> Any:
    """A value as it is decoded from JSON, from what people write into queries and forms: `3`, `true`, a word, or JSON.

    Raises:
        InvalidInputError: No value of this type is written so.
    """
    if codec.item is not None and not (len(texts) == 1 and texts[0].lstrip()[:1] == "["):
        return [from_texts(codec.item, [text], f"{name}[{index}]") for index, text in enumerate(texts)]
    if len(texts) > 1:
        raise InvalidInputError(f"{name}: given {len(texts)} times")
    try:
        return msgspec.convert(texts[0], codec.wire, strict=False)
    except msgspec.ValidationError as error:
        reason = str(error)
    try:
        return msgspec.json.decode(texts[0])
    except (ValueError, RecursionError):
        raise InvalidInputError(f"{name}: {reason.replace('`', '').lower()}") from None


def _items(codec: Codec, parts: Sequence[Part], name: str) -> Any:
    read = codec.from_body
    assert read is not None

    def read_all(found: Sequence[Part], path: str) -> list[Any]:
        return [read(each.data, each.charset, f"{path}[{index}]") for index, each in enumerate(found)]

    return Unread(read_all, parts, name, Way(ITEMS)) if codec.late else read_all(parts, name)


def _text(part: Part) -> str:
    try:
        return part.data.decode(part.charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        raise InvalidInputError(f"{part.name}: not text in {(part.charset or 'utf-8')[:40]!r}") from None
