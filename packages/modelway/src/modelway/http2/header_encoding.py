"""Header lists to header blocks that need no dynamic table: made once where they are always the same, and never out of step."""

from collections.abc import Iterable

from hpack.hpack import encode_integer
from hpack.table import HeaderTable

_INDEXED = 0x80
_WHOLE = {line: number for number, line in enumerate(HeaderTable.STATIC_TABLE, 1)}
_NAMES = {name: number for number, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))}
EMPTY_TABLE = b"\x20"
"""Before a block: from here on our table has no room (RFC 7541, section 6.3)."""


def encode_lines(lines: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A block that leaves the peer's table as it is: indexes of the static table, and literals without indexing (section 6.2.2)."""
    return b"".join([_encode(name, value) for name, value in lines])


def _encode(name: bytes, value: bytes) -> bytes:
    whole = _WHOLE.get((name, value))
    if whole is not None:
        return bytes([_INDEXED | whole])
    number = _NAMES.get(name)
    start = b"\0" + _text(name) if number is None else bytes(encode_integer(number, 4))
    return start + _text(value)


def _text(text: bytes) -> bytes:
    size = len(text)
    return (bytes([size]) if size < 127 else bytes(encode_integer(size, 7))) + text
