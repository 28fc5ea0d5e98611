"""What was collected, batch after batch, as the collector's ledger has it: read only, by number."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that were collected together.

    Args:
        number: Larger than that of any batch before.
        path: Of its Parquet file, below the store's folder.
        kind: Of the records.
        records: How many.
        made: Unix time of its collection.
        shape: Of the kind, when it was written; None if the file is gone.
    """

    number: int
    path: str
    kind: str
    records: int
    made: float
    shape: int | None

    @property
    def gone(self) -> bool:
        """Whether the collector had to let the file go before everybody had it."""
        return self.shape is None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What comes after a place in the journal: how many records, and since when the first of them has been there."""

    records: int = 0
    since: float | None = None


class Journal:
    """Batches of one store.

    Args:
        ledger: The SQLite file; where there is none, nothing was collected yet.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def after(self, number: int, kinds: Collection[str], most: int = 1) -> list[Batch]:
        """The next batches of some kinds, oldest first.

        Raises:
            sqlite3.Error: The ledger cannot be read.
        """
        marks = ", ".join("?" * len(kinds))
        rows = self._rows(
            "SELECT b.number, b.path, b.kind, b.records, b.made, f.shape FROM batches b LEFT JOIN files f ON f.path = b.path"  # noqa: S608 - marks
            f" WHERE b.number > ? AND b.kind IN ({marks}) ORDER BY b.number LIMIT ?",
            (number, *kinds, most),
        )
        return [Batch(*row) for row in rows]

    def waiting(self, number: int, kinds: Collection[str]) -> Waiting:
        """What comes after `number`. Raises as `after` does."""
        marks = ", ".join("?" * len(kinds))
        rows = self._rows(
            f"SELECT coalesce(sum(records), 0), min(made) FROM batches WHERE number > ? AND kind IN ({marks})",  # noqa: S608 - marks
            (number, *kinds),
        )
        return Waiting(*rows[0]) if rows else Waiting()

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self._ledger.exists():
            return []
        with closing(sqlite3.connect(f"{self._ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            try:
                return database.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # of an older Modelway, whose collector did not keep it
                    return []
                raise
