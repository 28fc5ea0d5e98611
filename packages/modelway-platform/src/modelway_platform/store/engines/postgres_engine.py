"""PostgreSQL under the repositories, for several control processes over one state (docs/decisions/0054).

What was acknowledged is on the server's disk (`synchronous_commit` at least on). Writers take turns, as with SQLite: each
transaction that writes begins by taking one lock of the database, so that whatever is read in it stays true until it ends.
"""

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError

from modelway.errors import ModelwayError
from modelway_platform.store.engines.call_deadline import check_deadline, seconds_left
from modelway_platform.store.engines.engine import DatabaseUnavailableError
from modelway_platform.store.engines.postgres_errors import translate
from modelway_platform.store.engines.statement_watch import StatementWatch

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10.0
LOCK_SECONDS = 8.0
# A writer that is stopped in the middle keeps all others waiting for so long, then the server ends it.
IDLE_WRITER_SECONDS = 5.0
CHANNEL = "modelway_changes"
_WRITERS = 7233045164  # the lock; one below is that of the jobs' tables
_CONNECTIONS = 16


class PostgresEngine:
    """One database of a server.

    Args:
        url: `postgresql://user@host/database`; what it does not say, libpq's own variables and files do.
        statement_seconds: How long the server may take over one statement.
    """

    def __init__(self, url: URL, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self.shown = f"the PostgreSQL database {url.database!r}"
        self._url = url.set(drivername="postgresql+psycopg")
        self._engine: Engine = create_engine(
            self._url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=STATEMENT_SECONDS,
            pool_use_lifo=True,
            connect_args=connection_options(statement_seconds),
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # Whoever waits for the server's lock occupies a connection, so only one of this process does.
        self._lock = threading.Lock()
        self._watch = StatementWatch(statement_seconds + 2)
        self._listen_to_engine()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        if not self._lock.acquire(timeout=seconds_left(STATEMENT_SECONDS + LOCK_SECONDS)):
            raise DatabaseUnavailableError(
                f"nothing was saved: {self.shown} does not get on with what was asked before", hint="try again"
            )
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(modelway_write=True)
        finally:
            self._lock.release()

    def has_table(self, connection: Connection, name: str) -> bool:
        return connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None

    def tell(self, connection: Connection, text: str) -> None:
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (CHANNEL, text))

    def translate(self, error: DBAPIError, *, committing: bool) -> ModelwayError | None:
        if isinstance(error, IntegrityError) or not isinstance(error.orig, psycopg.Error):
            return None
        return translate(error.orig, self.shown, committing=committing and error.connection_invalidated)

    def close(self) -> None:
        self._engine.dispose()
        self._watch.close()

    def _listen_to_engine(self) -> None:
        engine = self._engine
        event.listen(engine, "connect", _set_up_connection)
        event.listen(engine, "checkout", self._ask_whether_alive)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        for name in ("commit", "rollback"):
            event.listen(engine, name, self._transaction_ends)
        event.listen(engine, "reset", self._reset)
        for name in ("checkin", "invalidate", "close"):
            event.listen(engine, name, self._left)

    def _ask_whether_alive(self, driver: psycopg.Connection[Any], _record: Any, _proxy: Any) -> None:
        """As the pool would by itself (`pool_pre_ping`), but not for ever."""
        check_deadline(self.shown)
        self._watch.begin(driver)
        try:
            driver.autocommit = True
            driver.execute(b"")
            driver.autocommit = False
        except psycopg.Error as error:
            raise DisconnectionError(str(error)) from error
        finally:
            self._watch.end(driver)

    def _after(self, _connection: Connection, cursor: Any, *_: Any) -> None:
        self._watch.end(cursor.connection)

    def _reset(self, driver: psycopg.Connection[Any], *_: Any) -> None:
        self._watch.begin(driver)

    def _left(self, driver: psycopg.Connection[Any] | None, *_: Any) -> None:
        if driver is not None:
            self._watch.end(driver)

    def _transaction_ends(self, connection: Connection) -> None:
        if not connection.invalidated and connection.connection.dbapi_connection is not None:
            self._watch.begin(cast("psycopg.Connection[Any]", connection.connection.dbapi_connection))

    def _before(
        self,
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        executemany: bool,  # noqa: FBT001 - as above
    ) -> tuple[str, Any]:
        check_deadline(self.shown)
        self._watch.begin(cursor.connection)
        return statement, [_fit(each) for each in parameters] if executemany else _fit(parameters)


def connection_options(statement_seconds: float = STATEMENT_SECONDS) -> dict[str, Any]:
    """What every connection of ours asks of the driver and the server."""
    settings = {
        "statement_timeout": statement_seconds,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_WRITER_SECONDS,
    }
    return {
        "connect_timeout": CONNECT_SECONDS,
        "options": " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in settings.items()),
        # A machine that is gone is found out by TCP's own limit.
        "tcp_user_timeout": int(statement_seconds * 1000),
        "application_name": "modelway",
    }


def _set_up_connection(driver: psycopg.Connection[Any], _record: Any) -> None:
    # A server may be set to wait for more than its own disk; less is not taken.
    driver.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
    )
    driver.commit()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("modelway_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _fit(parameters: Any) -> Any:
    """The server's texts hold no NUL; SQLite's do, and what a model server writes as its last words may."""
    if isinstance(parameters, Mapping):
        values = cast("Mapping[str, Any]", parameters)
        if any(isinstance(value, str) and "\0" in value for value in values.values()):
            return {name: _without_nul(value) for name, value in values.items()}
    elif any(isinstance(value, str) and "\0" in value for value in cast("Sequence[Any]", parameters)):
        return tuple(_without_nul(value) for value in cast("Sequence[Any]", parameters))
    return cast("Any", parameters)


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
