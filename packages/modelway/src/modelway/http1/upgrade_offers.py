"""Offers to change the protocol (`Upgrade: h2c`, `websocket`) are ignored, as RFC 9110, section 7.8 allows.

The parser treats an offer as accepted: it ends the request at its head and stops. A body would then be read as the next request,
which is request smuggling, and Java's client makes such an offer with every first request. So the rest goes to a new parser
that is first shown a head with the same framing.
"""

from typing import Protocol

import httptools

from modelway.http1.request import Request


class ParserTarget(Protocol):
    """What a parser calls."""

    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...


class _BehindTheHead:
    """Passes everything on but the first head."""

    __slots__ = ("_in_first_head", "on_body", "on_message_complete", "target")

    def __init__(self, target: ParserTarget) -> None:
        self.target = target
        self._in_first_head = True
        self.on_body = target.on_body
        self.on_message_complete = target.on_message_complete

    def on_message_begin(self) -> None:
        if not self._in_first_head:
            self.target.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._in_first_head:
            self.target.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_first_head:
            self.target.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._in_first_head:
            self._in_first_head = False
        else:
            self.target.on_headers_complete()


def parser_of_body(target: ParserTarget, request: Request) -> httptools.HttpRequestParser:
    """A parser that stands behind the head of `request`, at the first byte of its body."""
    parser = httptools.HttpRequestParser(_BehindTheHead(target))
    length = request.content_length
    framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    # The parser refuses what follows a request with `close`, as it did before.
    connection = b"keep-alive" if request.keep_alive else b"close"
    head = b"POST / HTTP/1.%d\r\n%b\r\nconnection: %b\r\n\r\n" % (request.minor, framing, connection)
    parser.feed_data(head)
    return parser
