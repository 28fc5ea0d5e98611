"""The head of an HTTP/1.1 answer: status, fields, and how its body ends (RFC 9112, sections 4 to 6); no input, no output."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_HEAD = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [^\r\n\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_NO_BODY = frozenset({204, 304})


class NotHttpError(Exception):
    """What came is no HTTP/1.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """One head.

    Args:
        status: From 100 to 999; those below 200 are not the answer yet.
        headers: By lower-case name; values of repeated ones joined by commas.
        length: Octets of the body; None where it is chunked, or ends with the connection.
        chunked: Whether the body is in chunks.
        keeps: Whether the connection may be used again after the body.
    """

    status: int
    headers: Mapping[str, str]
    length: int | None
    chunked: bool
    keeps: bool


def read_head(data: bytes, method: str) -> AnswerHead:
    """The head in `data`, which ends with an empty line.

    Args:
        data: As it came.
        method: Of the request: the answer to HEAD has no body.

    Raises:
        NotHttpError: It is none, or it says two things of its body's length.
    """
    first, *lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
    status_line = _STATUS.fullmatch(first)
    if status_line is None:
        raise NotHttpError
    status = int(status_line[2])
    headers = _fields(lines)
    encoding = headers.get("transfer-encoding")
    if encoding is not None and encoding.lower() != "chunked":
        raise NotHttpError
    length = _length(headers.get("content-length"))
    connection = headers.get("connection", "").lower()
    keeps = "close" not in connection if status_line[1] == b"1" else "keep-alive" in connection
    if method == "HEAD" or status in _NO_BODY or status < 200:
        return AnswerHead(status=status, headers=headers, length=0, chunked=False, keeps=keeps)
    if encoding is not None:
        # With a length beside it, whoever stands between may have read it the other way (RFC 9112, section 6.3).
        keeps = keeps and "content-length" not in headers
        return AnswerHead(status=status, headers=headers, length=None, chunked=True, keeps=keeps)
    return AnswerHead(status=status, headers=headers, length=length, chunked=False, keeps=keeps and length is not None)


def read_chunk_size(line: bytes) -> int:
    """The octets of the chunk that this line begins; 0 for the last.

    Raises:
        NotHttpError: It says no size.
    """
    found = _CHUNK.fullmatch(line.removesuffix(b"\r\n"))
    if found is None or not line.endswith(b"\r\n"):
        raise NotHttpError
    return int(found[1], 16)


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request, ready to send.

    Raises:
        ValueError: A name or value would not be one line of a head, or is not Latin-1.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    data = [line.encode("latin-1") for line in lines]
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in data):
        raise ValueError(method)
    return b"\r\n".join([*data, b"", b""])


def _fields(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise NotHttpError
        name, value = field[1].decode("ascii").lower(), field[2].decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _length(said: str | None) -> int | None:
    if said is None:
        return None
    lengths = {each.strip() for each in said.split(",")}
    text = lengths.pop()
    if lengths or not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise NotHttpError
    return int(text)
