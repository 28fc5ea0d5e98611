"""Which requests ask for a WebSocket, what a replica is sent for one, and whether it agreed (RFC 6455, section 4)."""

from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway.http1.answers import status_line
from modelway_platform.gateway.proxy.heads.hop_by_hop import HOP_BY_HOP, connection_options

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

FORWARDED = b"connection: upgrade\r\nupgrade: websocket\r\n"
_OURS = frozenset({b"x-request-id", b"modelway-version", b"content-length"})


def is_asked_for(request: Request) -> bool:
    """Whether this is a WebSocket handshake; anything else with an `Upgrade` is an ordinary request."""
    fields = request.fields
    return (
        request.method == b"GET"
        and request.minor == 1
        and request.content_length == 0
        and fields.get(b"upgrade", b"").strip(b" \t").lower() == b"websocket"
        and b"upgrade" in connection_options(fields.get(b"connection", b""))
        and b"sec-websocket-key" in fields
    )


def accepting_head(exchange: "Exchange", head: bytes) -> bytes:
    """The 101 the caller gets for the replica's (up to its empty line).

    Raises:
        ValueError: It agrees to something else.
    """
    first, *lines = head.removesuffix(b"\r\n").split(b"\r\n")
    if not first.startswith(b"HTTP/1.1 101"):
        raise ValueError("not a change of protocol")
    fields = [(line.partition(b":")[0].lower(), line) for line in lines]
    upgrades = [line.partition(b":")[2].strip().lower() for name, line in fields if name == b"upgrade"]
    if upgrades != [b"websocket"]:
        raise ValueError("a change to another protocol than the one asked for")
    dropped = HOP_BY_HOP | _OURS
    kept = [line + b"\r\n" for name, line in fields if name not in dropped]
    version = exchange.version
    return b"".join(
        (
            status_line(101),
            *kept,
            FORWARDED,
            b"x-request-id: ",
            exchange.request_id,
            b"\r\nmodelway-version: ",
            version.name if version is not None else b"",
            b"\r\n\r\n",
        )
    )
