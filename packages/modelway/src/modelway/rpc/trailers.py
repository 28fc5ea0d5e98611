"""How a call ends, as header blocks: status, words, and what identifies request and error."""

import binascii
import re

from modelway.errors import ModelwayError
from modelway.http2.header_encoding import encode_lines
from modelway.protos.statuses import NUMBERS, Metadata, metadata_of, status_of, text_of
from modelway.rpc.call_messages import COMPRESSIONS

_START = ((b":status", b"200"), (b"content-type", b"application/grpc"))
HEAD = encode_lines(_START)
"""Before the messages of every answer."""
_OK = encode_lines([(b"grpc-status", b"0")])
_ID = encode_lines([(b"x-request-id", b"")])[:-1]
_SHORT = 127
_UNSAFE = re.compile(rb"[^\x20-\x24\x26-\x7e]")  # all but visible ASCII and space, and the percent sign
_LONGEST_TEXT = 2048


def ok(request_id: bytes) -> bytes:
    """A call that went well."""
    size = len(request_id)
    if size < _SHORT:
        return b"%b%b%c%b" % (_OK, _ID, size, request_id)
    return _OK + encode_lines([(b"x-request-id", request_id)])


def failed(error: ModelwayError, request_id: str, *, alone: bool) -> bytes:
    """A call that did not; `alone` where nothing was sent before."""
    return ended(status_of(error), text_of(error), metadata_of(error, request_id), alone=alone)


def ended(status: str, text: str, metadata: Metadata, *, alone: bool) -> bytes:
    """How a call ended; `alone` where nothing was sent before."""
    lines = [*_START] if alone else []
    lines.append((b"grpc-status", b"%d" % NUMBERS[status]))
    if text:
        lines.append((b"grpc-message", percent_encoded(text)))
    lines += lines_of(metadata)
    if status == "UNIMPLEMENTED":
        lines.append((b"grpc-accept-encoding", COMPRESSIONS))
    return encode_lines(lines)


def lines_of(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Metadata as they stand in a header list: binary values as base64."""
    lines: list[tuple[bytes, bytes]] = []
    for name, value in metadata:
        if isinstance(value, bytes):
            lines.append((name.encode(), binascii.b2a_base64(value, newline=False).rstrip(b"=")))
        elif value:
            lines.append((name.encode(), value.encode("latin-1", "replace")))
    return lines


def no_grpc(status: int) -> bytes:
    """An answer to what is no gRPC, in the terms of HTTP."""
    lines = [(b":status", b"%d" % status), (b"content-type", b"text/plain")]
    return encode_lines([*lines, (b"allow", b"POST")] if status == 405 else lines)


def percent_encoded(text: str) -> bytes:
    """Text as it stands in `grpc-message`, cut after two kilobytes."""
    escaped = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], text.encode())
    if len(escaped) <= _LONGEST_TEXT:
        return escaped
    cut = escaped[:_LONGEST_TEXT]
    percent = cut.rfind(b"%", -2)
    return cut if percent < 0 else cut[:percent]
