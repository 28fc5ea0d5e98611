"""Which heads are accepted: the strictness that keeps two readers of one request from disagreeing.

The parser (llhttp) already refuses bad tokens, bare line feeds, folded lines, repeated or non-numeric `Content-Length` and
`Content-Length` beside `Transfer-Encoding`. What it leaves open is refused here (RFC 9112, sections 3.2, 6.1 and 6.3).
"""

import re

import httptools

from modelway.http1.limits import Limits
from modelway.http1.request import Request

# The parser leaves white space behind a value.
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{0,255}[ \t]*")
_ABSOLUTE = re.compile(rb"https?://[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+(?=[/?]|\Z)", re.IGNORECASE)
# The parser knows more (WebDAV, RTSP, UPnP); nothing here answers them.
_METHODS = frozenset(
    {b"GET", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"QUERY"}
)
_ONCE = (b"host", b"transfer-encoding", b"expect")


class RefusedHeadError(Exception):
    """A head that must not be acted on: the status and code to answer with, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def accept(
    parser: httptools.HttpRequestParser, target: bytes, headers: list[tuple[bytes, bytes]], limits: Limits
) -> Request:
    """The request this head makes.

    Args:
        parser: It has just read the head.
        target: As in the request line.
        headers: (lower-case name, value) in order of arrival.
        limits: Bounds on size.

    Raises:
        RefusedHeadError: It is ambiguous, too large, or of a protocol not spoken here.
    """
    if len(headers) > limits.max_headers:
        raise RefusedHeadError(431, "head_too_large", f"more than {limits.max_headers} header lines")
    method = parser.get_method()
    if method not in _METHODS:
        raise RefusedHeadError(501, "not_implemented", "this method is not supported")
    fields = dict(headers)
    if len(fields) != len(headers):
        _refuse_repeated(headers)
    keep_alive = parser.should_keep_alive()
    # llhttp keeps HTTP/1.1 alive by default and nothing else; only where that does not tell is the version asked for,
    # since it is formatted anew at each question.
    alive_by_default = keep_alive and b"connection" not in fields and b"proxy-connection" not in fields
    minor = 1 if alive_by_default else _minor_version(parser.get_http_version())
    host = fields.get(b"host")
    if host is None:
        if minor == 1:
            raise RefusedHeadError(400, "invalid_request", "an HTTP/1.1 request has exactly one Host header")
    elif _HOST.fullmatch(host) is None:
        raise RefusedHeadError(400, "invalid_request", "the Host header has characters no host has")
    if b"content_length" in fields or b"transfer_encoding" in fields:
        # Some servers behind a gateway take these for the names with a hyphen.
        raise RefusedHeadError(400, "invalid_request", "a framing header's name has a hyphen, not an underscore")
    return Request(
        method,
        target if target[:1] == b"/" else _origin_form(method, target),
        headers,
        fields,
        content_length=_body_length(fields, minor),
        minor=minor,
        keep_alive=keep_alive,
        expects_continue=b"expect" in fields and _expects_continue(fields[b"expect"], minor),
    )


def check_size(target: bytes, headers: list[tuple[bytes, bytes]], limits: Limits, received: int = 0) -> None:
    """Refuse a head, or the beginning of one, over its limits; `received` is what is known to have arrived of it.

    Raises:
        RefusedHeadError: It is too large.
    """
    if len(target) > limits.max_target_bytes:
        raise RefusedHeadError(414, "target_too_long", f"the request target is over {limits.max_target_bytes} bytes")
    size = max(received, len(target) + sum([len(name) + len(value) + 4 for name, value in headers]))
    if size > limits.max_head_bytes:
        raise RefusedHeadError(431, "head_too_large", f"the request's head is over {limits.max_head_bytes} bytes")
    if len(headers) > limits.max_headers:
        raise RefusedHeadError(431, "head_too_large", f"more than {limits.max_headers} header lines")


def _minor_version(version: str) -> int:
    if version == "1.1":
        return 1
    if version == "1.0":
        return 0
    raise RefusedHeadError(505, "http_version_unsupported", f"HTTP/{version} is not spoken here")


def _refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise RefusedHeadError(400, "invalid_request", f"more than one {name.decode()} header")


def _body_length(fields: dict[bytes, bytes], minor: int) -> int | None:
    """Bytes of the body; None for a chunked one."""
    if b"transfer-encoding" in fields:
        # Nothing but what the parser takes for chunked as well: it does not take a tab.
        if minor == 0:
            raise RefusedHeadError(400, "invalid_request", "Transfer-Encoding is not part of HTTP/1.0")
        if fields[b"transfer-encoding"].strip(b" ").lower() != b"chunked":
            raise RefusedHeadError(501, "not_implemented", "only 'Transfer-Encoding: chunked' is understood")
        return None
    length = fields.get(b"content-length")
    if length is None:
        return 0
    length = length.strip(b" \t")
    if not length.isdigit() or len(length) > 18:
        raise RefusedHeadError(400, "invalid_request", "Content-Length is not a plain number")
    return int(length)


def _expects_continue(value: bytes, minor: int) -> bool:
    if value.strip(b" \t").lower() != b"100-continue":
        raise RefusedHeadError(417, "expectation_failed", "only 'Expect: 100-continue' is understood")
    return minor == 1


def _origin_form(method: bytes, target: bytes) -> bytes:
    if method == b"CONNECT":
        raise RefusedHeadError(501, "not_implemented", "CONNECT is not supported")
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise RefusedHeadError(400, "invalid_request", "the request target is neither a path nor an http URL")
    rest = target[absolute.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest
