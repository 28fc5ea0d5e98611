"""Request heads seen before: a caller sends the same head again and again, and the same bytes need no second parsing.

Only heads that the parser and `request_head.accept` took whole are kept, and only plain ones: HTTP/1.1, kept alive, a body of
stated length or none, no `Expect` and no offer to upgrade. The key is every byte of the head, so nothing can differ unseen.
A head is kept when it comes for the second time: heads that come once (with a request id) would only push the others out.
Requests kept here are shared between connections and must not be changed.
"""

from collections.abc import Callable

from modelway.http1.request import Request

MAX_HEADS = 1024
MAX_HEAD_BYTES = 2048
MAX_SEEN = 8192


class KnownHeads:
    """Requests by the bytes of their heads; bounded, and forgotten as a whole when full."""

    __slots__ = ("_requests", "_seen", "recall")

    def __init__(self) -> None:
        self._requests: dict[bytes, Request] = {}
        # The request with this head, all its bytes, or None. The look-up itself: it is made for every request.
        self.recall: Callable[[bytes], Request | None] = self._requests.get
        self._seen: set[int] = set()

    def remember(self, segment: bytes, request: Request) -> None:
        """Keep the head at the beginning of `segment`, from which `request` was read."""
        if not request.keep_alive or request.minor == 0 or request.content_length is None or request.expects_continue:
            return
        head = segment[: segment.find(b"\r\n\r\n") + 4]
        # A segment may begin with empty lines, which the parser skips; then its first empty line is not the head's end.
        if not 16 < len(head) <= MAX_HEAD_BYTES or not segment[:1].isalpha() or b"upgrade" in request.fields:
            return
        number = hash(head)
        if number not in self._seen:
            if len(self._seen) >= MAX_SEEN:
                self._seen.clear()
            self._seen.add(number)
            return
        if len(self._requests) >= MAX_HEADS:
            self._requests.clear()
        request.known = True
        self._requests[head] = request
