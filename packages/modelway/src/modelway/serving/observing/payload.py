"""What a log may have of a request or its answer: octets as they went over the wire, and how they are read."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from modelway.serving.observing.redaction import NotPlainError

Read = Callable[[bytes], Any]
"""From octets to a value of plain types, new with every call; raises `NotPlainError`. It runs on the writing thread."""
AHEAD_BYTES = 1024
"""Of a stream, so much is looked at behind what is written: what is to be taken out may begin before the cut and end after it."""


def read_json(octets: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        NotPlainError: It is none.
    """
    try:
        return msgspec.json.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotPlainError("not JSON") from None


def read_other(octets: bytes) -> Any:
    """What is not said to be JSON is not read, whatever it looks like.

    Raises:
        NotPlainError: Always.
    """
    raise NotPlainError("not JSON")


class KeptPieces:
    """The pieces of a stream as they are sent, up to a size; no more memory is taken than that and `AHEAD_BYTES`.

    Args:
        most_bytes: Of the pieces that are written.
        read: What one says.
    """

    __slots__ = ("_ends", "_most", "_octets", "full", "read")

    def __init__(self, most_bytes: int, read: Read) -> None:
        self._most = most_bytes + min(AHEAD_BYTES, most_bytes)
        self._octets = bytearray()
        self._ends = array("I")
        self.read = read
        self.full = False

    def add(self, bodies: Iterable[bytes]) -> None:
        """The next ones, as far as there is room: none is kept behind one that was not."""
        for body in bodies:
            # A piece takes its place in a list, too, so that those of one octet are bounded in number.
            if self.full or len(self._octets) + len(self._ends) + len(body) + 1 > self._most:
                self.full = True
                return
            self._octets += body
            self._ends.append(len(self._octets))

    @property
    def size(self) -> int:
        """Octets that are kept."""
        return len(self._octets)

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for end in self._ends:
            yield bytes(self._octets[start:end])
            start = end
