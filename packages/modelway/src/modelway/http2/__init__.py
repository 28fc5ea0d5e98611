"""The HTTP/2 engine under the model server's gRPC: strict, bounded, without a coroutine, task or timer per request."""

from modelway.http2.connection import ServerConnection
from modelway.http2.limits import Limits
from modelway.http2.listening import listen
from modelway.http2.request_head import RequestHead
from modelway.http2.stream import Stream

__all__ = ["Limits", "RequestHead", "ServerConnection", "Stream", "listen"]
