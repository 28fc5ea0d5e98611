"""The database under all repositories: opens it safely, keeps its shape current, lends transactions.

An SQLite file unless a URL says PostgreSQL; what differs between the two is in `sqlite_engine` and `postgres_engine`.
"""

import copy
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.store.engines.engine import DatabaseEngine, DatabaseUnavailableError
from modelway_platform.store.engines.sqlite_engine import SqliteEngine

# The newest migration, repeated here so that an up-to-date database opens without loading Alembic (0.6 s).
NEWEST_MIGRATION = "webhooks"
_BUSY_SECONDS = 5.0


class Database:
    """A database with its connections; `migrate` once before use, `close` at the end.

    Reads run side by side. Writes queue: one at a time, over all processes that use the database.

    Args:
        url: An SQLAlchemy URL; `sqlite:////var/lib/modelway/modelway.db` or `postgresql://user@host/database`.
        busy_seconds: How long a write waits for another process to finish its own (SQLite).

    Raises:
        InvalidRequestError: The URL is not one of these; without its text, which may hold a password.
    """

    def __init__(self, url: str, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        parsed = read_url(url)
        self.shared = parsed.get_backend_name() == "postgresql"
        self.path = Path() if self.shared else Path(parsed.database or "")
        self.me = secrets.token_hex(8)  # whose changes need not be told to this process
        self._engine = _postgres(parsed) if self.shared else SqliteEngine(parsed, busy_seconds)
        self._fence: Callable[[Connection], None] | None = None

    @classmethod
    def open(cls, place: Path | str) -> Self:
        """The database at a URL, or the file at a path, with its shape current.

        A new file is readable for its owner only.
        """
        database = cls.at(place)
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def at(cls, place: Path | str) -> Self:
        """The database at a URL, or the file at a path, as it is; a new file is readable for its owner only."""
        if isinstance(place, Path):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(place, os.O_CREAT | os.O_RDWR, 0o600))
            place = f"sqlite:///{place.absolute()}"
        return cls(place)

    @property
    def shown(self) -> str:
        """What it is called in messages."""
        return self._engine.shown

    def migrate(self) -> None:
        """Bring the tables to this version's shape; refuses a database that a newer version wrote."""
        if self.migration() == NEWEST_MIGRATION:
            return
        from modelway_platform.store import migrate  # noqa: PLC0415 - Alembic takes 0.6 s to import

        with self.write(quiet=True) as connection:
            migrate.upgrade(connection, self.shown)

    def migration(self) -> str | None:
        """The name of the shape its tables have; None for an empty one."""
        with self.read() as connection:
            if not self._engine.has_table(connection, "alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection that sees one consistent state and writes nothing."""
        with self._translated(), self._engine.reading() as connection:
            yield connection

    @contextmanager
    def write(self, *, keep: bool = True, quiet: bool = False) -> Generator[Connection]:
        """A transaction, committed and on disk when the block ends without an exception; undone if not to `keep`.

        Other processes on the database are told that something changed, unless it is `quiet`.
        """
        committing: list[bool] = []
        with self._translated(committing), self._engine.writing() as connection, connection.begin() as transaction:
            if self._fence is not None:
                self._fence(connection)
            yield connection
            if not keep:
                transaction.rollback()
                return
            if not quiet:
                self._engine.tell(connection, self.me)
            committing.append(True)

    def fenced(self, fence: Callable[[Connection], None]) -> "Database":
        """The same database for one who may write only while `fence`, asked in each transaction, raises nothing."""
        fenced = copy.copy(self)
        fenced._fence = fence  # noqa: SLF001 - of our own kind
        return fenced

    def tell(self, order: str) -> None:
        """Say something to the other processes on the database, for those of them that listen just now."""
        with self.write(quiet=True) as connection:
            self._engine.tell(connection, f"{self.me} {order}")

    def close(self) -> None:
        self._engine.close()

    @contextmanager
    def _translated(self, committing: list[bool] | None = None) -> Generator[None]:
        """The driver's errors in words a person can act on; what it is about stays in the log, not in answers."""
        try:
            yield
        except DBAPIError as error:
            said = self._engine.translate(error, committing=bool(committing))
            if said is None:
                raise
            raise said from error
        except PoolTimeoutError as error:
            raise DatabaseUnavailableError(f"{self.shown} has no connection left", hint="try again") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_url(url: str) -> URL:
    """The parts of a database's URL.

    Raises:
        InvalidRequestError: It is none, or of a database that cannot be used.
    """
    hint = "sqlite:////path/to/modelway.db or postgresql://user@host/database"
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise InvalidRequestError("database URL: cannot be read", hint=hint) from None
    if name not in {"sqlite", "postgresql"}:
        raise InvalidRequestError(f"database URL: state cannot be kept in {name[:50]!r}", hint=hint)
    if not parsed.database:
        raise InvalidRequestError("database URL: names no database", hint=hint)
    return parsed


def _postgres(url: URL) -> DatabaseEngine:
    try:
        from modelway_platform.store.engines.postgres_engine import PostgresEngine  # noqa: PLC0415 - a driver that most do not need
    except ImportError as error:
        raise ModelwayError(
            "PostgreSQL needs a driver that is not installed", hint="pip install 'modelway-platform[postgres]'"
        ) from error
    return PostgresEngine(url)
