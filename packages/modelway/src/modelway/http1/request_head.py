"""Which heads are accepted: the strictness that keeps two readers of one request from disagreeing.

The parser (llhttp) already refuses bad tokens, bare line feeds, folded lines, repeated or non-numeric `Content-Length` and
`Content-Length` beside `Transfer-Encoding`. What it leaves open is refused here (RFC 9112, sections 3.2, 6.1 and 6.3).
"""

import re

from modelway.http1.limits import Limits
from modelway.http1.request import Request

_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{0,255}")
_ABSOLUTE = re.compile(rb"https?://[^/?#@\\]*", re.IGNORECASE)
_CHECKED = frozenset({b"content-length", b"transfer-encoding", b"host", b"expect"})
_MINOR_VERSIONS = {"1.1": 1, "1.0": 0}


class RefusedHeadError(Exception):
    """A head that must not be acted on: the status and code to answer with, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def accept(
    method: bytes,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    version: str,
    limits: Limits,
    *,
    keep_alive: bool,
) -> Request:
    """The request this head makes.

    Raises:
        RefusedHeadError: It is ambiguous, too large, or of a protocol not spoken here.
    """
    minor = _MINOR_VERSIONS.get(version)
    if minor is None:
        raise RefusedHeadError(505, "http_version_unsupported", f"HTTP/{version} is not spoken here")
    if len(target) > limits.max_target_bytes:
        raise RefusedHeadError(414, "target_too_long", f"the request target is over {limits.max_target_bytes} bytes")
    if len(headers) > limits.max_headers:
        raise RefusedHeadError(431, "head_too_large", f"more than {limits.max_headers} header lines")
    content_length: int | None = 0
    hosts = 0
    expects_continue = False
    for name, value in headers:
        if name not in _CHECKED:
            continue
        if name == b"host":
            hosts += 1
            if _HOST.fullmatch(value) is None:
                raise RefusedHeadError(400, "invalid_request", "the Host header has characters no host has")
        elif name == b"content-length":
            content_length = _length(value)
        elif name == b"transfer-encoding":
            content_length = _chunked(value, minor, content_length)
        elif value.lower() == b"100-continue":
            expects_continue = minor == 1
        else:
            raise RefusedHeadError(417, "expectation_failed", "only 'Expect: 100-continue' is understood")
    if hosts > 1 or (hosts == 0 and minor == 1):
        raise RefusedHeadError(400, "invalid_request", "an HTTP/1.1 request has exactly one Host header")
    return Request(
        method,
        _origin_form(method, target),
        headers,
        content_length,
        minor,
        keep_alive=keep_alive,
        expects_continue=expects_continue,
    )


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise RefusedHeadError(400, "invalid_request", "Content-Length is not a plain number")
    return int(value)


def _chunked(value: bytes, minor: int, content_length: int | None) -> None:
    if content_length is None:
        raise RefusedHeadError(400, "invalid_request", "more than one Transfer-Encoding header")
    if minor == 0:
        raise RefusedHeadError(400, "invalid_request", "Transfer-Encoding is not part of HTTP/1.0")
    if value.lower() != b"chunked":
        raise RefusedHeadError(501, "not_implemented", "only 'Transfer-Encoding: chunked' is understood")


def _origin_form(method: bytes, target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target
    if method == b"CONNECT":
        raise RefusedHeadError(501, "not_implemented", "CONNECT is not supported")
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise RefusedHeadError(400, "invalid_request", "the request target is neither a path nor an http URL")
    rest = target[absolute.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest
