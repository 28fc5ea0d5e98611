"""The database under all repositories: opens it safely, keeps its shape current, lends transactions.

SQLite settings follow one promise: what was acknowledged survives a kill and a power cut (WAL with `synchronous=FULL`).
"""

import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, OperationalError

from modelway.errors import ModelwayError

# The newest migration, repeated here so that an up-to-date database opens without loading Alembic (0.6 s).
NEWEST_MIGRATION = "access"
_BUSY_SECONDS = 5.0


class Database:
    """A database with its connections; `migrate` once before use, `close` at the end.

    Reads run side by side. Writes queue: one at a time per process by a lock, between processes by SQLite's own.

    Args:
        url: An SQLAlchemy URL; `sqlite:////var/lib/modelway/modelway.db`.
        busy_seconds: How long a write waits for another process to finish its own.
    """

    def __init__(self, url: str, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            raise ModelwayError(
                f"database URL: cannot use {parsed.get_backend_name()!r}; this version keeps its state in an SQLite file",
                hint="sqlite:////path/to/modelway.db",
            )
        self.path = Path(parsed.database)
        self._engine: Engine = create_engine(parsed)
        self._writing = threading.Lock()
        self._busy_seconds = busy_seconds
        event.listen(self._engine, "connect", self._set_up_connection)
        event.listen(self._engine, "begin", _begin)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The database file at `path`, made readable for its owner only where new, with its shape current."""
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = cls(f"sqlite:///{path.absolute()}")
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return database

    def migrate(self) -> None:
        """Bring the tables to this version's shape; refuses a file that a newer version wrote."""
        with self.read() as connection:
            current = _current_migration(connection)
        if current == NEWEST_MIGRATION:
            return
        from modelway_platform.store import migrate  # noqa: PLC0415 - Alembic takes 0.6 s to import

        with self.write() as connection:
            migrate.upgrade(connection, self.path)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection that sees one consistent state and writes nothing."""
        with _translated(self.path, self._busy_seconds), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, keep: bool = True) -> Generator[Connection]:
        """A transaction, committed and on disk when the block ends without an exception; undone if not to `keep`."""
        with _translated(self.path, self._busy_seconds), self._writing, self._engine.connect() as plain:
            connection = plain.execution_options(modelway_write=True)
            with connection.begin() as transaction:
                yield connection
                if not keep:
                    transaction.rollback()

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _begin(connection: Connection) -> None:
    # A writer takes the write lock at once: one that starts as a reader may find on upgrading that it must start over.
    write = connection.get_execution_options().get("modelway_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _current_migration(connection: Connection) -> str | None:
    known = connection.execute(text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"))
    if known.first() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@contextmanager
def _translated(path: Path, busy_seconds: float) -> Generator[None]:
    """The driver's errors in words a person can act on; the path stays in the log, not in answers."""
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig)
        if "full" in reason or "disk I/O" in reason:
            raise ModelwayError(
                "nothing was saved: the disk with the platform's database is full or failing",
                hint="free space there and try again",
                code="storage_full",
            ) from error
        if "locked" in reason or "busy" in reason:
            raise ModelwayError(
                f"nothing was saved: the database stayed locked for {busy_seconds:g} s",
                hint="try again; if it lasts, look for another process using the state directory",
                code="overloaded",
            ) from error
        raise ModelwayError(f"the database cannot be used: {reason}", hint=f"look at {path.name}") from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.IntegrityError):
            raise
        raise ModelwayError(
            f"{path.name} is not a usable database: {error.orig}",
            hint="restore it from a backup, or move it away to start empty",
        ) from error
