"""Of the records that a replica sends, those it may send: a line that says it is another's is not taken, whatever it says twice."""

import json
from typing import Any

import msgspec

from modelway_platform.domain.identity import VersionKey

_NAMES = ("project", "model", "version")
_QUOTED = tuple(f'"{name}"'.encode() for name in _NAMES)


class _Whose(msgspec.Struct):
    project: str = ""
    model: str = ""
    version: str = ""


_DECODER = msgspec.json.Decoder(_Whose)


def own_lines(lines: bytes, key: VersionKey) -> tuple[bytes, int]:
    """Lines of inference records, with spaces in the place of those that are not of `key`, and how many these are.

    All of them stay where they are: places in segments are what both sides count by.
    """
    kept: list[bytes] = []
    refused = 0
    for line in lines.splitlines(keepends=True):
        text = line.strip()
        if not text or _is_of(text, key):
            kept.append(line)
        else:
            kept.append(b" " * (len(line) - 1) + b"\n")
            refused += 1
    return b"".join(kept), refused


def _is_of(text: bytes, key: VersionKey) -> bool:
    try:
        whose = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if (whose.project, whose.model, whose.version) != (key.project, key.model, key.version):
        return False
    # A member that is there twice, or in capitals, or escaped, is read by one reader so and by the next otherwise.
    lower = text.lower()
    if b"\\u" not in lower and all(lower.count(name) == 1 for name in _QUOTED):
        return True
    return _says_once(text, key)


def _says_once(text: bytes, key: VersionKey) -> bool:
    """The same by a reader that sees what is there twice; payloads may hold these words, too."""
    try:
        pairs: Any = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return False
    said = [(str(name).lower(), value) for name, value in pairs if str(name).lower() in _NAMES]
    return sorted(said) == sorted(zip(_NAMES, (key.project, key.model, key.version), strict=True))
