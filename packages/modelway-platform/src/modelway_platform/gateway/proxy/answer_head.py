"""An answer's head on its way back: lines kept as they came, hop-by-hop ones dropped, ours added.

The parser (llhttp) has accepted the head before it comes here, so a line is a name, a colon and a value, and CRLF ends it.
"""

from modelway.http1.answers import status_line
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.hop_by_hop import HOP_BY_HOP, connection_options

MAX_KNOWN_LINES = 2048
MAX_KNOWN_LINE_BYTES = 128
_OURS = frozenset({b"x-request-id", b"modelway-version"})
_BODILESS_STATUSES = frozenset({204, 304})
_UNKNOWN, _KEEP, _LENGTH, _DROP = range(4)


class AnswerHead:
    """A replica's head, read: what to relay, and how the answer's end is known.

    `options` are the headers that its `Connection` names: they end here. `length_known`: by Content-Length or because there is no body; else `chunked`, or by the connection's end.
    """

    __slots__ = ("chunked", "length_known", "lines", "options", "status")

    def __init__(self, status: int) -> None:
        self.status = status
        self.lines: list[bytes] = []
        self.length_known = status in _BODILESS_STATUSES
        self.chunked = False
        self.options: frozenset[bytes] = frozenset()


class KnownLines:
    """Lines that were looked at before: most heads consist of nothing else.

    Bounded; forgotten as a whole when full.
    """

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[bytes, int] = {}

    def read(self, head: bytes) -> AnswerHead:
        """Sort a head's lines; `head` is without the empty line at its end."""
        answer = AnswerHead(int(head[9:12]))
        lines = head.split(b"\r\n")
        del lines[0]
        keep = answer.lines.append
        known = self._lines
        for line in lines:
            kind = known.get(line, _UNKNOWN)
            if kind == _UNKNOWN:
                kind = self._look_at(line, answer)
            if kind != _DROP:
                keep(line)
                if kind == _LENGTH:
                    answer.length_known = True
        if answer.options:
            answer.lines = [line for line in answer.lines if line.partition(b":")[0].lower() not in answer.options]
        return answer

    def _look_at(self, line: bytes, answer: AnswerHead) -> int:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _OURS:
            return _DROP
        kind = _DROP if name in HOP_BY_HOP else _LENGTH if name == b"content-length" else _KEEP
        if name == b"transfer-encoding":
            answer.chunked = True
        elif name == b"connection" and (options := connection_options(value)):
            answer.options |= options
        elif len(line) <= MAX_KNOWN_LINE_BYTES:
            if len(self._lines) >= MAX_KNOWN_LINES:
                self._lines.clear()
            self._lines[line] = kind
        return kind


def relayed_head(exchange: Exchange, answer: AnswerHead, *, rechunked: bool, connection_line: bytes) -> bytes:
    """The head the caller gets: the replica's lines, with who answered and the request's id."""
    version = exchange.version
    return b"%b%b\r\nx-request-id: %b\r\nmodelway-version: %b\r\n%b%b\r\n" % (
        status_line(answer.status),
        b"\r\n".join(answer.lines) if answer.lines else b"via: 1.1 modelway",
        exchange.request_id,
        version.name if version is not None else b"",
        b"transfer-encoding: chunked\r\n" if rechunked else b"",
        connection_line,
    )
