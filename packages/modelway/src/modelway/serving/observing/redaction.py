"""Takes secrets out of what is written to a log: by the names of members and by what texts look like."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from modelway.serving.log_settings import SECRET_NAMES
from modelway.serving.observing.cut_texts import cut
from modelway.serving.observing.inner_json import InnerJson, open_inner_json

REDACTED = "[redacted]"
MOST_NESTED = 100
_CONTENTS = frozenset({"data", "contents"})
_AT_ONCE = 64 * 1024
"""Characters of one search: it holds the whole process up, and patterns were tried on no more."""
_LONG_OCTETS = re.compile(r"[A-Za-z0-9+/]{254,}={0,2}")
_SECRET_LOOKS = (
    r"\bmw_[A-Za-z0-9_-]{16,}",  # our keys
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Tokens
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}",  # values of Authorization
    r"\b(?:sk|pk|rk|ghp|gho|ghs|xox[abps])[-_][A-Za-z0-9_-]{16,}",  # keys of well-known services
    r"\bAKIA[0-9A-Z]{16}\b",
    r"\b(?:\d[ -]?){13,19}\b",  # card numbers
)
Step = str | int | None
"""Of a place in a value: a member's name, an element's number, or None for every one of them."""
_UNJOINED = str.maketrans("", "", "_- ")


class NotPlainError(Exception):
    """A value cannot be written: what it is stands in the message."""


class Redaction:
    """What is taken out.

    Args:
        names: Of members, beside `SECRET_NAMES`.
        patterns: Regular expressions, beside the usual looks of secrets.
        places: What lies at or below one of them, step by step from the top; none is empty.

    Raises:
        re.error: A pattern is none.
    """

    def __init__(
        self, names: Iterable[str] = (), patterns: Iterable[str] = (), places: Iterable[tuple[Step, ...]] = ()
    ) -> None:
        self._places = tuple(places)
        self._names = frozenset(_plain(name) for name in (*SECRET_NAMES, *names))
        self._own = tuple(re.compile(pattern) for pattern in patterns)
        self._patterns = (*map(re.compile, _SECRET_LOOKS), *self._own)

    def of_json(self, body: bytes) -> bytes:
        """The JSON text `body` without secrets.

        Raises:
            NotPlainError: It is no JSON, or nested too deeply.
        """
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotPlainError("not JSON") from None
        return msgspec.json.encode(self.of_whole(open_inner_json(value)))

    def of_whole(self, value: Any) -> Any:
        """A request or an answer without secrets, places included.

        Raises:
            NotPlainError: It is nested too deeply.
        """
        return self.of_value(value, places=self._places)

    def of_texts(self, texts: Sequence[str]) -> list[str]:
        """Texts that are one in pieces, without what looks like a secret in it; what is cut in two is taken out of both."""
        found = list(texts)
        for pattern in self._looked_for("".join(found)):
            spans = [each.span() for each in pattern.finditer("".join(found)) if each[0]]
            if spans:
                found = cut(found, spans, REDACTED)
        return found

    def of_value(self, value: Any, depth: int = 0, places: tuple[tuple[Step, ...], ...] = ()) -> Any:
        """A value of plain types without secrets.

        Raises:
            NotPlainError: It is nested too deeply.
        """
        if depth > MOST_NESTED:
            raise NotPlainError("nested too deeply")
        match value:
            case str():
                return self._text(value)
            case dict():
                members = cast("Mapping[Any, Any]", value)
                hidden = self._tensor(members)
                return {
                    name: REDACTED
                    if _plain(str(name)) in self._names or (hidden and name in _CONTENTS)
                    else self._inner(name, member, depth, places)
                    for name, member in members.items()
                }
            case InnerJson():
                return msgspec.json.encode(self.of_value(value[0], depth + 1)).decode()
            case list() | tuple():
                elements = cast("list[Any]", value)
                return [self._inner(index, each, depth, places) for index, each in enumerate(elements)]
            case _:
                return value

    def _inner(self, step: str | int, value: Any, depth: int, places: tuple[tuple[Step, ...], ...]) -> Any:
        if places:
            places = tuple(each[1:] for each in places if each[0] is None or each[0] == step)
            if () in places:
                return REDACTED
        return self.of_value(value, depth + 1, places)

    def _tensor(self, members: Mapping[Any, Any]) -> bool:
        """Whether it is a tensor of the Open Inference Protocol whose name is one of those: its values are elsewhere."""
        name = members.get("name")
        return "datatype" in members and isinstance(name, str) and _plain(name) in self._names

    def _text(self, text: str) -> str:
        if len(text) > _AT_ONCE:
            return "".join([self._text(piece) for piece in _pieces(text)])
        for pattern in self._looked_for(text):
            text = pattern.sub(REDACTED, text)
        return text

    def _looked_for(self, text: str) -> tuple[re.Pattern[str], ...]:
        # Octets in base64 look like card numbers now and then, and would be spoilt.
        return self._own if _LONG_OCTETS.fullmatch(text) else self._patterns


def _pieces(text: str) -> Iterator[str]:
    """Cut where words end, as far as they do."""
    start = 0
    while start < len(text):
        end = start + _AT_ONCE
        if end < len(text):
            end = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end)) + 1 or end
        yield text[start:end]
        start = end


def _plain(name: str) -> str:
    return name.lower().translate(_UNJOINED)
