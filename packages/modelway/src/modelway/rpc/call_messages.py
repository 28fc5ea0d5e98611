"""The messages in a call's body: each with a flag and its length before it (PROTOCOL-HTTP2.md), within the server's limits."""

from modelway.errors import InvalidRequestError, ModelwayError
from modelway.http1.compressed import decompressed
from modelway.http2.frames import read_number

PREFIX_BYTES = 5
COMPRESSIONS = b"identity,deflate,gzip"
_KNOWN = frozenset({b"gzip", b"deflate"})


class MessageReader:
    """Cuts messages out of what comes.

    Args:
        limit: Bytes of a message, on the wire and once decompressed.
        encoding: How those are compressed that say they are.
    """

    __slots__ = ("_encoding", "_have", "_limit", "_need", "_pieces")

    def __init__(self, limit: int, encoding: bytes) -> None:
        self._limit = limit
        self._encoding = encoding
        self._pieces: list[bytes] = []
        self._have = 0
        self._need = PREFIX_BYTES

    @property
    def missing(self) -> int:
        """How many bytes the message that has begun still lacks; 0 between messages."""
        return self._need - self._have if self._have else 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now.

        Raises:
            ModelwayError: One of them cannot be taken.
        """
        if self._have:
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._pieces)
            self._pieces.clear()
        whole: list[bytes] = []
        at, end = 0, len(data)
        self._need = PREFIX_BYTES
        while end - at >= PREFIX_BYTES:
            size = read_number(data, at + 1)[0]
            if size > self._limit:
                raise InvalidRequestError(
                    f"the message has {size} bytes: at most {self._limit}", code="payload_too_large"
                )
            if end - at < PREFIX_BYTES + size:
                self._need = PREFIX_BYTES + size
                break
            body = data[at + PREFIX_BYTES : at + PREFIX_BYTES + size]
            whole.append(self._plain(body, data[at]) if data[at] else body)
            at += PREFIX_BYTES + size
        self._have = end - at
        if self._have:
            self._pieces.append(data[at:])
        return whole

    def _plain(self, body: bytes, flag: int) -> bytes:
        if flag != 1:
            raise InvalidRequestError("a message's flag is neither 0 nor 1")
        if self._encoding == b"identity":
            raise ModelwayError("a message is compressed, but grpc-encoding does not say how")
        if self._encoding not in _KNOWN:
            name = self._encoding.decode("latin-1")[:40]
            raise ModelwayError(
                f"grpc-encoding '{name}' is not known", hint=f"use {COMPRESSIONS.decode()}", code="not_implemented"
            )
        return decompressed(body, self._encoding, self._limit)


def framed(message: bytes) -> bytes:
    """A message with its prefix."""
    return b"\0%b%b" % (len(message).to_bytes(4, "big"), message)
