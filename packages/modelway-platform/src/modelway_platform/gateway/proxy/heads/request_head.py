"""A request's head on its way to a replica: the endpoint as its path, one framing, our id; nobody else may set ours."""

import json

from modelway.http1 import Request
from modelway_platform.gateway.proxy.heads.hop_by_hop import HOP_BY_HOP, connection_options
from modelway_platform.gateway.proxy.heads.identity_headers import claims_identity

# Set here and nowhere else.
_OURS = frozenset({b"x-request-id", b"expect"})
_NOT_FORWARDED = HOP_BY_HOP | _OURS | {b"content-length"}
_BODILESS_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})


def forwarded_lines(request: Request, path_tail: bytes, consumer: bytes = b"") -> bytes:
    """The head a replica gets, up to the value of its last line: `x-request-id`. Who calls is told by us alone."""
    fields = request.fields
    dropped = _NOT_FORWARDED
    if b"connection" in fields:
        dropped |= connection_options(b",".join(value for name, value in request.headers if name == b"connection"))
    lines = [request.method, b" /", path_tail, b" HTTP/1.1\r\n"]
    for name, value in request.headers:
        # Some servers take an underscore for a hyphen.
        plain = name.replace(b"_", b"-")
        if plain not in dropped and not claims_identity(plain):
            lines += (name, b": ", value, b"\r\n")
    if b"host" not in fields:
        lines.append(b"host: modelway\r\n")
    length = request.content_length
    if length is None:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif length or request.method not in _BODILESS_METHODS:
        lines.append(b"content-length: %d\r\n" % length)
    if consumer:
        lines += (b"modelway-consumer: ", consumer, b"\r\n")
    lines.append(b"x-request-id: ")
    return b"".join(lines)


def with_lines(forwarded: bytes, lines: bytes) -> bytes:
    """`forwarded_lines` with further whole lines before the last one."""
    return forwarded.removesuffix(b"x-request-id: ") + lines + b"x-request-id: "


def log_fields(request: Request, endpoint: bytes) -> bytes:
    """Members of the access record that the head determines, as JSON without braces."""
    if not request.target.isascii() or request.target.find(b'"') >= 0 or request.target.find(b"\\") >= 0:
        texts = {"endpoint": endpoint, "method": request.method, "path": request.target}
        return json.dumps({name: text.decode("latin-1") for name, text in texts.items()})[1:-1].encode()
    return b'"endpoint":"%b","method":"%b","path":"%b"' % (endpoint, request.method, request.target)
