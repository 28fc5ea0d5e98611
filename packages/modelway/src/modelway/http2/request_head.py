"""Which heads are accepted (RFC 9113, sections 8.2 and 8.3): the strictness that keeps two readers of one request from disagreeing."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from modelway.http2.faults import PROTOCOL_ERROR, StreamFaultError

HeaderLine = tuple[bytes, bytes]
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # section 8.2.1 and RFC 9110, section 5.5
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_NEEDED = frozenset({b":method", b":scheme", b":path"})
_OF_CONNECTIONS = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_MAX_LENGTH_DIGITS = 18


class RequestHead(NamedTuple):
    """One request's head.

    Args:
        method: As it came.
        path: With its query.
        headers: The other lines, names in lower case.
        content_length: None where there is none.
        list_bytes: Size of the list, counted as RFC 9113, section 6.5.2 does.
    """

    method: bytes
    path: bytes
    headers: Sequence[HeaderLine]
    content_length: int | None
    list_bytes: int


def read_head(lines: Sequence[HeaderLine]) -> RequestHead:
    """A request's head.

    Raises:
        StreamFaultError: It is malformed.
    """
    pseudo: dict[bytes, bytes] = {}
    headers: list[HeaderLine] = []
    for line in lines:
        name, value = line
        if name[:1] == b":":
            if headers or name in pseudo or name not in _PSEUDO:
                raise _malformed("a pseudo-header line is out of place, repeated or unknown")
            _check_value(value)
            pseudo[name] = value
        else:
            check_line(name, value)
            headers.append(line)
    if not pseudo.keys() >= _NEEDED or not pseudo[b":path"]:
        raise _malformed("a pseudo-header line is missing")
    path = pseudo[b":path"]
    if not path.startswith((b"/", b"*")) or b" " in path:
        raise _malformed("the path is none")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (hosts and b":authority" in pseudo and hosts[0].lower() != pseudo[b":authority"].lower()):
        raise _malformed("host and :authority differ")
    return RequestHead(
        pseudo[b":method"], path, headers, _content_length(headers), sum(32 + len(n) + len(v) for n, v in lines)
    )


def check_trailers(lines: Sequence[HeaderLine]) -> None:
    """Lines after a body.

    Raises:
        StreamFaultError: They are malformed.
    """
    for name, value in lines:
        if name[:1] == b":":
            raise _malformed("a pseudo-header line after the body")
        check_line(name, value)


def check_line(name: bytes, value: bytes) -> None:
    """One line that is no pseudo-header.

    Raises:
        StreamFaultError: It is malformed.
    """
    if not _NAME.fullmatch(name):
        raise _malformed("a header's name is none")
    if name in _OF_CONNECTIONS or (name == b"te" and value.lower() != b"trailers"):
        raise _malformed("a header that concerns a connection")
    _check_value(value)


def _check_value(value: bytes) -> None:
    if _BAD_VALUE.search(value) or value[:1] in (b" ", b"\t") or value[-1:] in (b" ", b"\t"):
        raise _malformed("a header's value is none")


def _content_length(headers: Sequence[HeaderLine]) -> int | None:
    found = {value for name, value in headers if name == b"content-length"}
    if not found:
        return None
    text = found.pop()
    if found or not text.isdigit() or len(text) > _MAX_LENGTH_DIGITS:
        raise _malformed("content-length is no number")
    return int(text)


def _malformed(why: str) -> StreamFaultError:
    return StreamFaultError(PROTOCOL_ERROR, why)
