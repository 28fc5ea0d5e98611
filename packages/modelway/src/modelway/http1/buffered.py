"""A connection that hands over each request with its whole body."""

from modelway.http1.connection import ServerConnection
from modelway.http1.request import Request


class BufferedConnection(ServerConnection):
    """Collects the body, within `Limits.max_body_bytes`, and calls `handle` once."""

    __slots__ = ("_body", "_body_bytes")

    def handle(self, request: Request, body: bytes) -> None:
        """The whole request is in: answer now or later, on the event loop's thread.

        Args:
            request: Its head.
            body: Its body without framing; empty where there is none.
        """
        raise NotImplementedError

    def request_received(self, request: Request) -> None:
        self._body: list[bytes] = []
        self._body_bytes = 0
        if request.content_length is not None and request.content_length > self._listener.limits.max_body_bytes:
            self._too_large()

    def body_received(self, data: bytes) -> None:
        self._body.append(data)
        self._body_bytes += len(data)
        if self._body_bytes > self._listener.limits.max_body_bytes:
            self._too_large()

    def request_completed(self) -> None:
        request = self.request
        if request is not None:
            pieces = self._body
            self._body = []
            self.handle(request, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _too_large(self) -> None:
        self._body = []
        limit = self._listener.limits.max_body_bytes
        self.reject(413, "payload_too_large", f"the body is over {limit} bytes", "send less, or raise the limit")
