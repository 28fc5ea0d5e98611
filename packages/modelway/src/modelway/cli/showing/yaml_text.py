"""JSON values as YAML text; only what JSON can hold, so that the SDK needs no YAML library to print one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

# Plain only where neither YAML 1.1 nor 1.2 could read it as something other than this very string: starts with a letter,
# an underscore or a slash, and has no character with a meaning.
_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@+-]|:(?=[A-Za-z0-9_./@+-])| (?=[A-Za-z0-9_./@+(-]))*")
_NOT_STRINGS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def to_yaml(value: Any) -> str:
    """One YAML document, ending in a line end, without `---`."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, member in cast("Mapping[str, Any]", value).items():
            yield from _entry(f"{indent}{_quoted_unless_plain(name)}:", member, indent, inside_list=False)
    elif isinstance(value, list | tuple) and value:
        for member in cast("Sequence[Any]", value):
            yield from _entry(f"{indent}-", member, indent, inside_list=True)
    else:
        yield from _entry("", value, indent, inside_list=False)


def _entry(head: str, value: Any, indent: str, *, inside_list: bool) -> Iterator[str]:
    """`head` with its value: behind it if that fits on the line, below it if not."""
    deeper = indent + "  "
    space = " " if head else ""
    if isinstance(value, Mapping) and value:
        lines = _lines(cast("Mapping[str, Any]", value), deeper)
        if inside_list:  # the first member stands behind the dash
            yield f"{head} {next(lines).removeprefix(deeper)}"
        else:
            yield head
        yield from lines
    elif isinstance(value, list | tuple) and value:
        yield head
        yield from _lines(value, deeper)
    elif isinstance(value, str) and _fits_block(value):
        yield f"{head}{space}|{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"{deeper}{line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head}{space}{_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _quoted_unless_plain(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _number(value: float) -> str:
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    # YAML 1.1 takes 1e+16 for a string: it wants a dot.
    return text if not mark or "." in mantissa else f"{mantissa}.0e{exponent}"


def _quoted_unless_plain(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_STRINGS:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _fits_block(text: str) -> bool:
    """Whether a block (`|`) shows it as it is: several lines of printable text, no blanks where YAML would drop them."""
    lines = text.split("\n")
    return (
        len(lines) > 2
        and not text.endswith("\n\n")
        and bool(lines[0])
        and not lines[0].startswith(" ")
        and all(line.isprintable() for line in lines)
    )
