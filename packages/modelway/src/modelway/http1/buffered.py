"""A connection that hands over each request with its whole body."""

from modelway.http1.connection import ServerConnection
from modelway.http1.request import Request

_SMALL = 4 * 1024
_BLOCK = 64 * 1024


class BufferedConnection(ServerConnection):
    """Collects the body, within `Limits.max_body_bytes`, and calls `handle` once."""

    __slots__ = ("_body",)

    def handle(self, request: Request, body: bytes) -> None:
        """The whole request is in: answer now or later, on the event loop's thread.

        Args:
            request: Its head.
            body: Its body without framing; empty where there is none.
        """
        raise NotImplementedError

    def request_received(self, request: Request) -> None:
        self._body: list[bytes | bytearray] = []
        if request.content_length is not None and request.content_length > self._listener.limits.max_body_bytes:
            self._too_large()

    def body_received(self, data: bytes) -> None:
        if self.body_bytes > self._listener.limits.max_body_bytes:
            self._too_large()
            return
        pieces = self._body
        if pieces and len(data) < _SMALL:
            # Thousands of objects for tiny chunks would take many times the memory of what they hold.
            last = pieces[-1]
            if type(last) is bytearray and len(last) < _BLOCK:
                last += data
            else:
                pieces.append(bytearray(data))
        else:
            pieces.append(data)

    def request_completed(self) -> None:
        request = self.request
        if request is not None:
            pieces = self._body
            self._body = []
            if not pieces:
                self.handle(request, b"")
            else:
                first = pieces[0]  # always bytes: only what follows is collected
                self.handle(request, first if len(pieces) == 1 and type(first) is bytes else b"".join(pieces))

    def _too_large(self) -> None:
        self._body = []
        limit = self._listener.limits.max_body_bytes
        self.reject(413, "payload_too_large", f"the body is over {limit} bytes", "send less, or raise the limit")
