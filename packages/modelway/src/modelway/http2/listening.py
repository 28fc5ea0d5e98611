"""A listening socket for HTTP/2: the listener of HTTP/1.1 with connections of ours."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from modelway.http1 import Listener
from modelway.http1 import listen as listen_http1
from modelway.http2.limits import Limits


async def listen(
    factory: Callable[[Listener], asyncio.Protocol],
    *,
    sock: socket.socket | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
) -> Listener:
    """Start answering; clients speak HTTP/2 at once, or over TLS agree on `h2` (RFC 9113, section 3).

    Args:
        factory: Makes the connection object; called with the listener per accepted connection.
        sock: A bound socket; made from `host` and `port` when not given.
        host: Address to bind; loopback unless told otherwise.
        port: 0 takes a free one, see `Listener.port`.
        limits: Bounds on peers.
        context: Speak TLS with it (`modelway.http1.tls.server_context`).

    Raises:
        OSError: The address cannot be bound.
    """
    if context is not None:
        context.set_alpn_protocols(["h2"])
    return await listen_http1(factory, sock=sock, host=host, port=port, limits=limits or Limits(), context=context)
