"""A URL pattern as segments: fixed texts, parameters, at most one rest at the end; parsed strictly."""

import re
from dataclasses import dataclass
from typing import Literal

MAX_PATTERN = 512
MAX_SEGMENTS = 32
# RFC 3986, section 3.3, without percent-encoding: a request is compared byte by byte, so one spelling must be the only one.
_FIXED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
_PARAMETER = re.compile(r"\{([a-z](?:[a-z0-9-]{0,30}[a-z0-9])?)(\.\.\.)?\}")
# What most patterns are, told without taking them apart: sound, with at most one parameter.
_USUAL = re.compile(
    r"/(?!_|v2(?:/|$))(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*"
    r"(?:/\{[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?\}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*)?"
)
_PARAMETER_NAME = re.compile(r"\{[a-z0-9-]+")
# `/_/` is the gateway's own, `/v2` the Open Inference Protocol's.
_RESERVED_FIRST = frozenset({"v2"})
_NAME_HINT = "use lower-case letters, digits and dashes, as {lang} or, for all that follows, {rest...}"


class PatternError(ValueError):
    """A pattern that cannot be used; `hint` says what would be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes; `text` is the fixed text or the parameter's name."""

    kind: Literal["fixed", "parameter", "rest"]
    text: str


def parse_pattern(text: str) -> tuple[Segment, ...]:
    """The segments of `/api/v1/ocr/{lang}` or `/files/{path...}`.

    Raises:
        PatternError: It is none, or one whose addresses are not to be given away.
    """
    if not text.startswith("/") or len(text) > MAX_PATTERN:
        raise PatternError(f"a pattern begins with / and has at most {MAX_PATTERN} characters", "as /api/v1/ocr/{lang}")
    parts = text[1:].split("/")
    if len(parts) > MAX_SEGMENTS:
        raise PatternError(f"{len(parts)} segments; at most {MAX_SEGMENTS}")
    segments = tuple(_segment(part) for part in parts)
    first = segments[0]
    if first.kind != "fixed":
        raise PatternError(
            "the first segment is a parameter, which would take everybody's addresses", "begin with a word"
        )
    if first.text.startswith("_") or first.text in _RESERVED_FIRST:
        raise PatternError(f"addresses below /{first.text} are the gateway's own", "begin with another word")
    names = [segment.text for segment in segments if segment.kind != "fixed"]
    for name in names:
        if names.count(name) > 1:
            raise PatternError(f"parameter {{{name}}} appears twice", "give each its own name")
    if any(segment.kind == "rest" for segment in segments[:-1]):
        raise PatternError("something follows a {rest...}, which takes all that follows", "put it last")
    return segments


def is_usual(text: str) -> bool:
    """Whether `parse_pattern` surely takes this one: cheap, for those who ask about ten thousand again and again."""
    return len(text) <= MAX_PATTERN and text.count("/") <= MAX_SEGMENTS and _USUAL.fullmatch(text) is not None


def _segment(part: str) -> Segment:
    if part in {"", ".", ".."}:
        raise PatternError(
            "an empty segment, or one of dots, which callers and servers resolve differently",
            "no //, no / at the end, no . or ..",
        )
    if "{" in part or "}" in part:
        found = _PARAMETER.fullmatch(part)
        if found is None:
            raise PatternError(f"{part} is no parameter of its own", _NAME_HINT)
        return Segment("rest" if found[2] else "parameter", found[1])
    if _FIXED.fullmatch(part) is None:
        raise PatternError(
            f"{part} has characters that a URL does not have, or percent-encoded ones", "write it plainly"
        )
    return Segment("fixed", part)


def shape_of(pattern: str) -> str:
    """Equal for sound patterns that match exactly the same paths: without the parameters' names; no fixed text has a brace."""
    return _PARAMETER_NAME.sub("{", pattern)
