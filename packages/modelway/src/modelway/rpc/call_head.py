"""A call's head as gRPC says it (PROTOCOL-HTTP2.md): method, time, compression, metadata."""

import binascii
import re
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from modelway.errors import InvalidRequestError, ModelwayError
from modelway.http2.request_head import HeaderLine, read_head

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_TYPE = re.compile(rb"application/grpc(\+proto)?( *;.*)?", re.IGNORECASE)
_OURS = frozenset(
    {b"te", b"content-type", b"content-length", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding"}
)


class CallHead(NamedTuple):
    """What a call says before its messages.

    Args:
        path: `/service/method`.
        headers: Its metadata; binary values as they were before they were put into headers.
        timeout: Seconds; `inf` where none is given.
        encoding: How messages are compressed that say they are.
        request_id: As given.
        content_length: None where there is none.
        http_status: 200, or why this is no gRPC.
        wrong: Why it cannot be answered as asked, though it is gRPC.
    """

    path: bytes
    headers: Sequence[HeaderLine]
    timeout: float
    encoding: bytes
    request_id: bytes | None
    content_length: int | None
    http_status: int
    wrong: ModelwayError | None


def read_call_head(lines: Sequence[HeaderLine], max_list_bytes: int) -> CallHead:
    """The head in a header list.

    Raises:
        StreamFaultError: It is malformed as HTTP.
    """
    head = read_head(lines)
    timeout, encoding, request_id, media = inf, b"identity", None, b""
    headers: list[HeaderLine] = []
    wrong: ModelwayError | None = None
    try:
        _check_size(head.list_bytes, max_list_bytes)
        for name, value in head.headers:
            if name == b"grpc-timeout":
                timeout = _seconds(value)
            elif name == b"grpc-encoding":
                encoding = value
            elif name == b"content-type":
                media = value
            elif name == b"x-request-id":
                request_id = value
            if name[-4:] == b"-bin":
                headers += [(name, _binary(name, each)) for each in value.split(b",")]
            elif name not in _OURS:
                headers.append((name, value))
    except InvalidRequestError as error:
        wrong = error
        media = media or dict(head.headers).get(b"content-type", b"")
    status = 405 if head.method != b"POST" else 200 if _TYPE.fullmatch(media) else 415
    return CallHead(head.path, headers, timeout, encoding, request_id, head.content_length, status, wrong)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise InvalidRequestError(f"the metadata has {size} bytes: at most {limit}", code="payload_too_large")


def _seconds(text: bytes) -> float:
    found = _TIMEOUT.fullmatch(text)
    if found is None:
        raise InvalidRequestError("grpc-timeout is no time", hint="up to eight digits and one of H M S m u n")
    return int(found[1]) * _UNIT[found[2]]


def _binary(name: bytes, text: bytes) -> bytes:
    text = text.strip(b" \t")
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise InvalidRequestError(f"metadata {name.decode()[:80]} is no base64") from None
