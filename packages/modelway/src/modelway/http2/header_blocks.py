"""Header blocks to header lists (RFC 7541), and blocks seen before: the same bytes need no second decoding.

A block's meaning depends on its bytes and on the dynamic table before it, and on nothing else (section 2.2). Most callers send
the same head again and again, and once all of it is in the table, the block is a few indexes that leave the table as it is.
So blocks are kept with what they mean, until the table changes in any way: an entry is added (section 4.4; entries are evicted
only then or when it shrinks), or a size update stands at a block's beginning (section 4.2; it may stand nowhere else).
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from hpack import Decoder, HPACKError, OversizedHeaderListError
from hpack.table import HeaderTable

from modelway.http2.faults import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFaultError

T = TypeVar("T")
HeaderLine = tuple[bytes, bytes]
MAX_KNOWN = 64
MAX_KNOWN_BYTES = 2048
_UPDATE_MASK = 0b1110_0000
_UPDATE = 0b0010_0000


class _WatchedTable(HeaderTable):
    """A dynamic table that remembers that it was added to."""

    changed = False

    def add(self, name: bytes, value: bytes) -> None:
        self.changed = True
        super().add(name, value)


class HeaderBlocks(Generic[T]):
    """The decoding half of one connection's header compression.

    `recall` is the look-up itself, of what `read` made of a block: it is made for every request.

    Args:
        read: Makes of a header list what the connection works with; may raise, and is then asked again for an equal block.
        max_list_bytes: Of a header list, counted as RFC 9113, section 6.5.2 does.
    """

    __slots__ = ("_decoder", "_known", "_read", "_table", "recall")

    def __init__(self, read: Callable[[Sequence[HeaderLine]], T], max_list_bytes: int) -> None:
        self._read = read
        self._decoder = Decoder(max_list_bytes)
        self._table = self._decoder.header_table = _WatchedTable()
        self._known: dict[bytes, T] = {}
        self.recall: Callable[[bytes], T | None] = self._known.get

    def decode(self, block: bytes) -> list[HeaderLine]:
        """The lines of a block, in order.

        Raises:
            ConnectionFaultError: It is none, or too large; both tables can no longer be the same.
        """
        table = self._table
        table.changed = False
        try:
            lines = [(line[0], line[1]) for line in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError:
            raise ConnectionFaultError(ENHANCE_YOUR_CALM, "the header list is too large") from None
        except (HPACKError, IndexError):
            raise ConnectionFaultError(COMPRESSION_ERROR, "the header block cannot be decoded") from None
        if table.changed or (block and block[0] & _UPDATE_MASK == _UPDATE):
            table.changed = True
            self._known.clear()
        return lines

    def learn(self, block: bytes) -> T:
        """What a block means that `recall` does not know; kept if the same bytes will mean the same.

        Raises:
            ConnectionFaultError: See `decode`.
        """
        found = self._read(self.decode(block))
        if not self._table.changed and len(block) <= MAX_KNOWN_BYTES:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[block] = found
        return found
