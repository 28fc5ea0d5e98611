"""A SQLite file of one process of ours, in the shape that this version knows."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal


def open_sqlite(path: Path, *, tables: str, shape: int, synchronous: Literal["FULL", "NORMAL"]) -> sqlite3.Connection:
    """The file, made when missing; transactions are begun with `transaction`.

    Args:
        path: Where it is.
        tables: Statements that make what is missing, with `;` between them.
        shape: Their number; a file with a larger one is a newer version's.
        synchronous: FULL where nothing that was committed may be lost with the power, NORMAL where it is found again.

    Raises:
        sqlite3.Error: It cannot be used.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, timeout=10)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    with transaction(database):
        if int(database.execute("PRAGMA user_version").fetchone()[0]) > shape:
            raise sqlite3.DatabaseError(f"{path} is of a newer Modelway")
        for statement in tables.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {shape}")
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """All that is written inside, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
