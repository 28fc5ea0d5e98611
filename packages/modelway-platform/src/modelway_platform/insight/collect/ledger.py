"""The one truth of the collector: how far each segment was taken and which Parquet files count, changed in one transaction."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.insight.sqlite_file import open_sqlite, transaction

_SHAPE = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS segments (
    kind TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL, taken INTEGER NOT NULL, skipping INTEGER NOT NULL,
    PRIMARY KEY (kind, folder, name)
) STRICT;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, shape INTEGER NOT NULL, project TEXT NOT NULL, hour INTEGER NOT NULL,
    records INTEGER NOT NULL, size INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, made REAL NOT NULL,
    retired REAL
) STRICT;
CREATE INDEX IF NOT EXISTS files_by_time ON files (kind, retired, last);
CREATE TABLE IF NOT EXISTS counts (
    kind TEXT PRIMARY KEY, records INTEGER NOT NULL, set_aside INTEGER NOT NULL, expired INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, kind TEXT NOT NULL, records INTEGER NOT NULL,
    size INTEGER NOT NULL, made REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS floors (kind TEXT PRIMARY KEY, moment REAL NOT NULL) STRICT;
"""
_FILE = "path, kind, shape, project, hour, records, size, first, last, made"


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that somebody appends to, and how much of it was taken.

    Args:
        kind: Of its records.
        folder: Where it lies.
        name: In there; never used again for another.
        taken: Octets from its beginning that were taken.
        skipping: Whether the place is inside a line that is too long, whose rest is skipped.
    """

    kind: str
    folder: str
    name: str
    taken: int = 0
    skipping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A Parquet file of the store.

    Args:
        path: Below the store's folder.
        kind: Of its records.
        shape: Of the kind, when it was written.
        project: Whose records, `_` for those without; empty for a file that holds several projects' (a recent one).
        hour: Unix time of the hour's beginning; 0 for a recent one.
        records: How many.
        size: In octets.
        first: Unix time of the earliest record.
        last: Of the latest.
        made: When it was written.
    """

    path: str
    kind: str
    shape: int
    project: str
    hour: int
    records: int
    size: int
    first: float
    last: float
    made: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one kind, since the store began.

    Args:
        records: Written to the store.
        set_aside: Lines that could not be read.
        expired: Records removed because of their age, or for want of room.
    """

    records: int = 0
    set_aside: int = 0
    expired: int = 0


class Ledger:
    """Opened by the collector for writing, by anybody else only for reading (`live_files`).

    Args:
        path: The SQLite file; made when missing.

    Raises:
        sqlite3.Error: It cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_sqlite(path, tables=_TABLES, shape=_SHAPE, synchronous="FULL")

    def close(self) -> None:
        self._database.close()

    def segments(self, kind: str) -> dict[Path, Segment]:
        """All that are known of one kind, by their paths."""
        rows = self._database.execute("SELECT folder, name, taken, skipping FROM segments WHERE kind = ?", (kind,))
        return {
            Path(folder, name): Segment(kind, folder, name, taken, bool(skipping))
            for folder, name, taken, skipping in rows
        }

    def live_files(self, kind: str) -> list[StoredFile]:
        """Files that count, oldest first."""
        return _live(self._database, kind, 0.0)

    def every_path(self) -> set[str]:
        """Of all files there may be, retired ones too."""
        return {path for (path,) in self._database.execute("SELECT path FROM files")}

    def retired_before(self, moment: float) -> list[str]:
        """Paths that no question is being asked of any more."""
        return [
            path for (path,) in self._database.execute("SELECT path FROM files WHERE retired < ?", (moment,)).fetchall()
        ]

    def counts(self, kind: str) -> Counts:
        """What has become of the records of one kind."""
        row = self._database.execute(
            "SELECT records, set_aside, expired FROM counts WHERE kind = ?", (kind,)
        ).fetchone()
        return Counts(*row) if row else Counts()

    def took(self, kind: str, segments: Iterable[Segment], files: Sequence[StoredFile], set_aside: int) -> None:
        """From now on these files count, and what is in them was taken from these places: both or neither."""
        with transaction(self._database):
            self._database.executemany(
                "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?)",
                [(each.kind, each.folder, each.name, each.taken, each.skipping) for each in segments],
            )
            self._add(files)
            self._database.executemany(
                "INSERT INTO batches (path, kind, records, size, made) VALUES (?, ?, ?, ?, ?)",
                [(each.path, each.kind, each.records, each.size, each.made) for each in files],
            )
            self._count(kind, records=sum(file.records for file in files), set_aside=set_aside)

    def replaced(self, old: Sequence[StoredFile], new: Sequence[StoredFile]) -> None:
        """From now on `new` count for `old`, which hold the same records."""
        with transaction(self._database):
            self._retire(old)
            self._add(new)

    def expired(self, kind: str, files: Sequence[StoredFile]) -> None:
        """From now on these do not count any more."""
        with transaction(self._database):
            self._retire(files)
            self._count(kind, expired=sum(file.records for file in files))
            self._database.execute(
                "INSERT INTO floors VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET moment = max(moment, ?2)",
                (kind, max((file.last for file in files), default=0.0)),
            )

    def held(self, needed: int, octets: int) -> set[str]:
        """Paths of the newest files, up to so many octets, that were collected under the number `needed` or a later one."""
        rows = self._database.execute(
            "SELECT path, size FROM batches WHERE number >= ? ORDER BY number DESC", (needed,)
        )
        found: set[str] = set()
        for path, size in rows:
            octets -= size
            if octets < 0:
                break
            found.add(path)
        return found

    def forget_batches(self, needed: int | None) -> None:
        """Those whose files are gone, and which nobody is still to be told of: all before `needed`, or all there are."""
        with transaction(self._database):
            self._database.execute(
                "DELETE FROM batches WHERE number < ? AND path NOT IN (SELECT path FROM files)",
                (1 << 62 if needed is None else needed,),
            )

    def forget_files(self, paths: Iterable[str]) -> None:
        """Retired ones that have been deleted."""
        with transaction(self._database):
            self._database.executemany(
                "DELETE FROM files WHERE path = ? AND retired IS NOT NULL", [(path,) for path in paths]
            )

    def forget_segments(self, segments: Iterable[Segment]) -> None:
        """Those that have been deleted by their writer."""
        with transaction(self._database):
            self._database.executemany(
                "DELETE FROM segments WHERE kind = ? AND folder = ? AND name = ?",
                [(each.kind, each.folder, each.name) for each in segments],
            )

    def _add(self, files: Iterable[StoredFile]) -> None:
        marks = ", ".join("?" * 10)
        self._database.executemany(
            f"INSERT INTO files ({_FILE}) VALUES ({marks})",  # noqa: S608 - our own names
            [(f.path, f.kind, f.shape, f.project, f.hour, f.records, f.size, f.first, f.last, f.made) for f in files],
        )

    def _retire(self, files: Iterable[StoredFile]) -> None:
        now = time.time()
        self._database.executemany("UPDATE files SET retired = ? WHERE path = ?", [(now, each.path) for each in files])

    def _count(self, kind: str, *, records: int = 0, set_aside: int = 0, expired: int = 0) -> None:
        self._database.execute(
            "INSERT INTO counts VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind) DO UPDATE SET"
            " records = records + ?2, set_aside = set_aside + ?3, expired = expired + ?4",
            (kind, records, set_aside, expired),
        )


def live_files(ledger: Path, kind: str, since: float = 0.0) -> list[StoredFile]:
    """As another process reads them: the files that count at this moment, all of the same moment.

    Args:
        ledger: The SQLite file; where there is none, there is nothing yet.
        kind: Of the records.
        since: Only files that may hold a record from this Unix time on.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if not ledger.exists():
        return []
    database = sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        return _live(database, kind, since)
    finally:
        database.close()


def floor_of(ledger: Path, kind: str) -> float:
    """Unix time of the latest record that was let go: all later ones are in files that count. 0 if none was.

    Raises:
        sqlite3.Error: The ledger cannot be read.
    """
    if not ledger.exists():
        return 0.0
    database = sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'floors'").fetchone():
            return 0.0  # of an older Modelway
        found = database.execute("SELECT moment FROM floors WHERE kind = ?", (kind,)).fetchone()
        return float(found[0]) if found else 0.0
    finally:
        database.close()


def _live(database: sqlite3.Connection, kind: str, since: float) -> list[StoredFile]:
    rows = database.execute(
        f"SELECT {_FILE} FROM files WHERE kind = ? AND retired IS NULL AND last >= ? ORDER BY first, path",  # noqa: S608 - our own names
        (kind, since),
    ).fetchall()
    return [
        StoredFile(
            path=path,
            kind=kind,
            shape=shape,
            project=project,
            hour=hour,
            records=records,
            size=size,
            first=first,
            last=last,
            made=made,
        )
        for path, kind, shape, project, hour, records, size, first, last, made in rows
    ]
