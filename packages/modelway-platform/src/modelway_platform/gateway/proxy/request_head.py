"""A request's head on its way to a replica: the endpoint as its path, our id, one framing; nobody else may set ours."""

from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.hop_by_hop import HOP_BY_HOP, connection_options

# Set here and nowhere else; the caller's key ends at the gateway.
_OURS = frozenset({b"x-request-id", b"modelway-version", b"modelway-mirror", b"authorization", b"x-api-key", b"expect"})
_NOT_FORWARDED = HOP_BY_HOP | _OURS | {b"content-length"}
_BODILESS_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})


def request_head(exchange: Exchange) -> bytes:
    """The head a replica gets."""
    request = exchange.request
    fields = request.fields
    dropped = _NOT_FORWARDED
    if b"connection" in fields:
        listed = connection_options(b",".join(value for name, value in request.headers if name == b"connection"))
        if listed:
            dropped = dropped | listed
    length = request.content_length
    if length is None:
        framing = b"transfer-encoding: chunked\r\n"
    elif length or request.method not in _BODILESS_METHODS:
        framing = b"content-length: %d\r\n" % length
    else:
        framing = b""
    return b"%b /%b HTTP/1.1\r\n%b%b%bx-request-id: %b\r\n\r\n" % (
        request.method,
        exchange.path_tail,
        b"".join([b"%b: %b\r\n" % each for each in request.headers if each[0] not in dropped]),
        framing,
        b"" if b"host" in fields else b"host: modelway\r\n",
        exchange.request_id,
    )
