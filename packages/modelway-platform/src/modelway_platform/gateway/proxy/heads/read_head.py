"""A request's head from its parts, through the engine's own parser and checks, without a connection."""

from collections.abc import Iterable

import httptools

from modelway.http1 import Limits, Request
from modelway.http1.request_head import RefusedHeadError, accept, check_size


def read_head(method: str, target: str, headers: Iterable[tuple[str, str]], body_bytes: int) -> Request:
    """The request as a connection would have made it; a `Host` and a `Content-Length` are added where there is none.

    Raises:
        RefusedHeadError: The engine would refuse it.
    """
    reader = _Reader()
    given = list(headers)
    names = {name.lower() for name, _ in given}
    if "host" not in names:
        given.insert(0, ("Host", "gateway"))
    if not names & {"content-length", "transfer-encoding"} and (body_bytes or method not in {"GET", "HEAD"}):
        given.append(("Content-Length", str(body_bytes)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given)
    try:
        reader.parser.feed_data(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace"))
    except httptools.HttpParserUpgrade:
        pass  # the offer is judged with the rest of the head
    except httptools.HttpParserError as error:
        raise RefusedHeadError(400, "invalid_request", f"this is no HTTP request: {error}") from error
    if not reader.complete:
        raise RefusedHeadError(400, "invalid_request", "this is no HTTP request")
    check_size(reader.target, reader.headers, Limits())
    return accept(reader.parser, reader.target, reader.headers, Limits())


class _Reader:
    """Callbacks of the parser."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True
