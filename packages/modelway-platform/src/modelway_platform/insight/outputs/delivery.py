"""One output's work, a piece at a time: read, hand over, note durably. What is refused as a whole is tried in halves."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from modelway_platform.insight.collect.kinds import KINDS
from modelway_platform.insight.outputs.journal import Batch, Journal, Waiting
from modelway_platform.insight.outputs.position import Position, read_position, write_position
from modelway_platform.insight.outputs.receiver import AwayError, Piece, Receiver, RefusedError
from modelway_platform.insight.outputs.rows import Rows

PIECE_RECORDS = 512
FEW_RECORDS = 8
"""So many records that follow each other, and are refused each for itself, are not all wrong."""
_KINDS = {each.name: each for each in KINDS}


def no_witness(_: str) -> None:
    """Watches nothing; tests kill the process at a point of their choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """What one output sends, and from where.

    Args:
        store: The store's folder.
        ledger: Its ledger.
        position: The file that says how far it has come.
        kinds: Names of the kinds of record it gets.
        left_out: Columns that it does not get.
        piece_records: At most so many are handed over at once.
    """

    store: Path
    ledger: Path
    position: Path
    kinds: Collection[str]
    left_out: Collection[str] = ()
    piece_records: int = PIECE_RECORDS


class Delivery:
    """Sends records of one store to one receiver.

    Each record is handed over at least once, in the order of collection: one whose acknowledgement got lost, or was not noted
    before the process was killed, is handed over again with all others of its piece.

    Args:
        delivering: What.
        receiver: To whom.
        witness: Told where it is: `read`, `sent`, `noted`.
    """

    def __init__(
        self, delivering: Delivering, receiver: Receiver, *, witness: Callable[[str], None] = no_witness
    ) -> None:
        self._delivering = delivering
        self._receiver = receiver
        self._witness = witness
        self._journal = Journal(delivering.ledger)
        self._rows = Rows(delivering.store, delivering.left_out)
        self.position = read_position(delivering.position)

    def close(self) -> None:
        self._receiver.close()
        self._rows.close()

    def waiting(self) -> Waiting:
        """What is still to be sent. Raises as `turn` does."""
        found = self._journal.waiting(self.position.batch, self._delivering.kinds)
        return Waiting(max(0, found.records - self.position.row), found.since)

    def turn(self) -> bool:
        """Hands the next piece over; returns whether there was one.

        Raises:
            AwayError: The receiver does not take it now.
            OSError: The position cannot be noted.
            sqlite3.Error: The ledger cannot be read.
            duckdb.Error: The records cannot be read.
        """
        batches = self._journal.after(self.position.batch, self._delivering.kinds)
        if not batches:
            return False
        batch = batches[0]
        row = self.position.row if self.position.next == batch.number else 0
        if batch.gone:
            self._note(batch, batch.records, dropped=batch.records - row)
            return True
        kind = _KINDS[batch.kind]
        try:
            records = self._rows.read(kind, batch, row, self._delivering.piece_records)
        except duckdb.IOException:
            if (self._delivering.store / batch.path).exists():
                raise
            return True  # let go at this moment; the next turn counts it
        if not records:
            self._note(batch, batch.records)
            return True
        self._witness("read")
        refused = self._send(Piece(kind, batch.number, row, records))
        self._witness("sent")
        self._note(batch, row + len(records), sent=len(records) - refused, refused=refused)
        self._witness("noted")
        return True

    def _send(self, piece: Piece) -> int:
        """How many were refused; if that is all of many, it is the receiver that is not as it should be."""
        try:
            return self._receiver.send(piece)
        except RefusedError as error:
            refused, doubtful = self._send_halves(piece, error)
            if refused == doubtful == len(piece.records) >= FEW_RECORDS:
                raise AwayError(f"it refuses every record: {error}") from None
            return refused

    def _send_halves(self, piece: Piece, error: RefusedError) -> tuple[int, int]:
        """Of what was refused as a whole: how many records are, by themselves, and of how many that is hard to believe."""
        many = len(piece.records)
        if many == 1:
            return 1, int(not error.too_large)
        half = many // 2
        refused = doubtful = 0
        for part in (
            replace(piece, records=piece.records[:half]),
            replace(piece, first=piece.first + half, records=piece.records[half:]),
        ):
            try:
                refused += self._receiver.send(part)
            except RefusedError as again:
                more = self._send_halves(part, again)
                refused, doubtful = refused + more[0], doubtful + more[1]
        return refused, doubtful

    def _note(self, batch: Batch, row: int, *, sent: int = 0, refused: int = 0, dropped: int = 0) -> None:
        before, done = self.position, row >= batch.records
        after = Position(
            batch=batch.number if done else before.batch,
            next=0 if done else batch.number,
            row=0 if done else row,
            sent=_more(before.sent, batch.kind, sent),
            refused=_more(before.refused, batch.kind, refused),
            dropped=_more(before.dropped, batch.kind, dropped),
        )
        write_position(self._delivering.position, after)
        self.position = after


def _more(counts: Mapping[str, int], kind: str, more: int) -> dict[str, int]:
    return {**counts, kind: counts.get(kind, 0) + more}
