"""Heads rewritten on their way: hop-by-hop lines go (RFC 9110, section 7.6.1), ours are set, nobody else may set ours."""

from modelway.http1.answers import status_line
from modelway_platform.gateway.proxy.exchange import Exchange

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Set here and nowhere else; the caller's key ends at the gateway.
_OURS = frozenset({b"x-request-id", b"modelway-version", b"modelway-mirror", b"authorization", b"x-api-key", b"expect"})
_NOT_FORWARDED = _HOP_BY_HOP | _OURS | {b"content-length"}
_NOT_RETURNED = _HOP_BY_HOP | {b"x-request-id", b"modelway-version"}
_PLAIN_CONNECTION = frozenset({b"keep-alive", b"close"})
_BODILESS_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})

Headers = list[tuple[bytes, bytes]]


def request_head(exchange: Exchange) -> bytes:
    """The head a replica gets: the endpoint as its path, one framing header, our request id."""
    request = exchange.request
    lines = [b"%b /%b HTTP/1.1\r\nx-request-id: %b\r\n" % (request.method, exchange.path_tail, exchange.request_id)]
    host_missing = request.minor == 0
    for name, value in request.headers:
        if name in _NOT_FORWARDED:
            if name == b"connection" and value.lower() not in _PLAIN_CONNECTION:
                return _request_head_without(exchange, _listed(value))
            continue
        if name == b"idempotency-key":
            exchange.idempotent = True
        elif name == b"host":
            host_missing = False
        lines.append(b"%b: %b\r\n" % (name, value))
    if host_missing:
        lines.append(b"host: modelway\r\n")
    length = request.content_length
    if length is None:
        lines.append(b"transfer-encoding: chunked\r\n\r\n")
    elif length or request.method not in _BODILESS_METHODS:
        lines.append(b"content-length: %d\r\n\r\n" % length)
    else:
        lines.append(b"\r\n")
    return b"".join(lines)


def answer_head(exchange: Exchange, status: int, headers: Headers, *, rechunked: bool, connection_line: bytes) -> bytes:
    """The head the caller gets: the replica's, with who answered and the request's id."""
    lines = [status_line(status)]
    for name, value in headers:
        lower = name.lower()
        if lower in _NOT_RETURNED:
            if lower == b"connection" and value.lower() not in _PLAIN_CONNECTION:
                kept = [each for each in headers if each[0].lower() not in _listed(value) | {b"connection"}]
                return answer_head(exchange, status, kept, rechunked=rechunked, connection_line=connection_line)
            continue
        lines.append(b"%b: %b\r\n" % (name, value))
    version = exchange.version
    lines.append(
        b"x-request-id: %b\r\nmodelway-version: %b\r\n%b%b\r\n"
        % (
            exchange.request_id,
            version.name if version is not None else b"",
            b"transfer-encoding: chunked\r\n" if rechunked else b"",
            connection_line,
        )
    )
    return b"".join(lines)


def _request_head_without(exchange: Exchange, dropped: frozenset[bytes]) -> bytes:
    """Headers named by `Connection` are between two neighbours only; with them gone there is nothing special left."""
    request = exchange.request
    unwanted = dropped - {b"host", b"content-length"} | {b"connection"}
    request.headers = [each for each in request.headers if each[0] not in unwanted]
    return request_head(exchange)


def _listed(value: bytes) -> frozenset[bytes]:
    return frozenset(each.strip().lower() for each in value.split(b","))
