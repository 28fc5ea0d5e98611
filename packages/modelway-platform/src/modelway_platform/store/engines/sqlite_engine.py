"""SQLite under the repositories.

Its settings follow one promise: what was acknowledged survives a kill and a power cut (WAL with `synchronous=FULL`).
"""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from modelway.errors import ModelwayError


class SqliteEngine:
    """One file. Reads run side by side; writes queue: within the process by a lock, between processes by SQLite's own.

    Args:
        url: `sqlite:////path/to/file`.
        busy_seconds: How long a write waits for another process to finish its own.
    """

    def __init__(self, url: URL, busy_seconds: float) -> None:
        self.path = Path(url.database or "")
        self.shown = self.path.name
        self._engine: Engine = create_engine(url)
        self._lock = threading.Lock()
        self._busy_seconds = busy_seconds
        event.listen(self._engine, "connect", self._set_up_connection)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        with self._lock, self._engine.connect() as connection:
            yield connection.execution_options(modelway_write=True)

    def has_table(self, connection: Connection, name: str) -> bool:
        query = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name")
        return connection.execute(query, {"name": name}).first() is not None

    def tell(self, connection: Connection, text: str) -> None:
        """There is nobody elsewhere: one process uses the file."""

    def translate(self, error: DBAPIError, *, committing: bool) -> ModelwayError | None:
        reason = str(error.orig)
        if isinstance(error, IntegrityError):
            return None
        if not isinstance(error, OperationalError):
            return ModelwayError(
                f"{self.shown} is not a usable database: {reason}",
                hint="restore it from a backup, or move it away to start empty",
            )
        if "full" in reason or "disk I/O" in reason:
            return ModelwayError(
                "nothing was saved: the disk with the platform's database is full or failing",
                hint="free space there and try again",
                code="storage_full",
            )
        if "locked" in reason or "busy" in reason:
            return ModelwayError(
                f"nothing was saved: the database stayed locked for {self._busy_seconds:g} s",
                hint="try again; if it lasts, look for another process using the state directory",
                code="overloaded",
            )
        return ModelwayError(f"the database cannot be used: {reason}", hint=f"look at {self.shown}")

    def close(self) -> None:
        self._engine.dispose()

    def _set_up_connection(self, connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's guess
        for pragma in (
            f"busy_timeout={int(self._busy_seconds * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A writer takes the write lock at once: one that starts as a reader may find on upgrading that it must start over.
    write = connection.get_execution_options().get("modelway_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
