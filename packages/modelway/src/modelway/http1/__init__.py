"""The HTTP/1.1 engine under the model server and the gateway: strict, bounded, without a coroutine per request."""

from modelway.http1.buffered import BufferedConnection
from modelway.http1.connection import ServerConnection
from modelway.http1.limits import Limits
from modelway.http1.listener import Listener, listen, reuseport_socket
from modelway.http1.request import Request

__all__ = ["BufferedConnection", "Limits", "Listener", "Request", "ServerConnection", "listen", "reuseport_socket"]
