"""An answer's head on its way back: lines kept as they came, hop-by-hop ones dropped, ours added.

The parser (llhttp) has accepted the head before it comes here, so a line is a name, a colon and a value, and CRLF ends it.
"""

from modelway.http1.answers import status_line
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.heads.hop_by_hop import HOP_BY_HOP, connection_options

MAX_KNOWN_HEADS = 512
MAX_KNOWN_HEAD_BYTES = 2048
_OURS = frozenset({b"x-request-id", b"modelway-version", b"modelway-experiment", b"ratelimit", b"ratelimit-policy"})
# The parser heeds both.
_CONNECTION_NAMES = frozenset({b"connection", b"proxy-connection"})
_BODILESS_STATUSES = frozenset({204, 304})


class AnswerHead:
    """A replica's head, read: what to relay, and how the answer's end is known.

    `relayed` is its status line and the lines to keep. `length_known`: by Content-Length or because there is no body; else
    `chunked`, or by the connection's end. `plain_length`: bytes of the body where nothing but a Content-Length decides and the
    connection stays; -1 elsewhere. `busy`: the replica is well and asks to come back later.

    Raises:
        ValueError: It is no final answer in HTTP/1 whose body could be passed on.
    """

    __slots__ = ("busy", "chunked", "length_known", "plain_length", "relayed", "status")

    def __init__(self, head: bytes) -> None:
        first, *lines = head.removesuffix(b"\r\n").split(b"\r\n")
        if not first.startswith(b"HTTP/1."):
            raise ValueError("the answer is not HTTP/1")  # the parser takes older relatives, too
        self.status = int(first[9:12])
        if self.status < 200:
            raise ValueError("no final status")
        self.length_known = self.status in _BODILESS_STATUSES
        self.chunked = False
        fields = [(line.partition(b":")[0].lower(), line) for line in lines]
        self.busy = self.status == 503 and any(name == b"retry-after" for name, _ in fields)
        dropped = HOP_BY_HOP | _OURS
        length = -1
        for name, line in fields:
            if name == b"content-length":
                length = int(line.partition(b":")[2])
            elif name == b"transfer-encoding":
                if line.partition(b":")[2].strip().lower() != b"chunked":
                    raise ValueError("a transfer coding nobody asked for")
                self.chunked = True
            elif name == b"connection":
                dropped |= connection_options(line.partition(b":")[2])
        stays = first.startswith(b"HTTP/1.1 ") and all(
            line.partition(b":")[2].strip().lower() == b"keep-alive"
            for name, line in fields
            if name in _CONNECTION_NAMES
        )
        plain = not self.length_known and not self.chunked and stays
        self.plain_length = length if plain else -1
        self.length_known = self.length_known or length >= 0
        kept = [line + b"\r\n" for name, line in fields if name not in dropped]
        self.relayed = status_line(self.status) + b"".join(kept)


class KnownHeads:
    """Heads read before. A replica's answers differ in their bodies: between two ticks of `Date` most heads are the same.

    The echo of the request's id, which is always another, is taken out before. Bounded; forgotten as a whole when full.
    """

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, AnswerHead] = {}

    def read(self, head: bytes, request_id: bytes) -> AnswerHead:
        """What `head` (up to its empty line) says, for the answer to request `request_id`; the parser has accepted it.

        Raises:
            ValueError: See `AnswerHead`.
        """
        head = head.replace(b"\r\nx-request-id: " + request_id + b"\r\n", b"\r\n")
        known = self._heads.get(head)
        if known is None:
            known = AnswerHead(head)
            if len(self._heads) >= MAX_KNOWN_HEADS:
                self._heads.clear()
            if len(head) <= MAX_KNOWN_HEAD_BYTES:
                self._heads[head] = known
        return known

    def recall(self, head: bytes, request_id: bytes) -> AnswerHead | None:
        """As `read`, of heads only that were read before; the same bytes need no second parsing."""
        return self._heads.get(head.replace(b"\r\nx-request-id: " + request_id + b"\r\n", b"\r\n"))


def relayed_head(exchange: Exchange, answer: AnswerHead, *, rechunked: bool, connection_line: bytes) -> bytes:
    """The head the caller gets: the replica's lines, with who answered and the request's id."""
    version = exchange.version
    return b"".join(
        (
            answer.relayed,
            b"x-request-id: ",
            exchange.request_id,
            b"\r\nmodelway-version: " + version.name if version is not None else b"",
            b"\r\ntransfer-encoding: chunked\r\n" if rechunked else b"\r\n",
            exchange.answer_lines,
            connection_line,
            b"\r\n",
        )
    )
