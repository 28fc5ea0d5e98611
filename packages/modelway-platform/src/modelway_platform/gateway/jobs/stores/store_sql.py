"""Jobs in SQLite (one machine, nothing to install) or PostgreSQL (several gateway machines): `JobStore` over SQL.

SQLite commits with `synchronous=FULL`, PostgreSQL with `synchronous_commit=on` at least: acknowledged means on disk.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from modelway_platform.gateway.jobs.job import CallbackState, Counted, Due, Durability, Finished, Job, Query, QueueDepth
from modelway_platform.gateway.jobs.stores import job_statements as say
from modelway_platform.gateway.jobs.stores.group_commit import GroupCommit
from modelway_platform.gateway.jobs.stores.job_table import SHAPE, metadata, shape
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError

BUSY_SECONDS = 5.0
CONNECT_SECONDS = 5
Value = TypeVar("Value")


class SqlJobStore:
    """Jobs in one table.

    Args:
        url: `sqlite:////path/jobs.db` or `postgresql://user@host/database`.
    """

    def __init__(self, url: str) -> None:
        self.durability: Durability = "synced"
        self._url = make_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(self._url) if self._sqlite else _postgres_engine(self._url)
        self._writer: GroupCommit | None = None

    async def open(self) -> None:
        if self._sqlite and self._url.database:
            _make_private(Path(self._url.database))
        await asyncio.to_thread(self._make_tables)
        if self._writer is None:
            self._writer = GroupCommit(self._transaction)

    async def close(self) -> None:
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
            self._writer = None
        self._engine.dispose()

    async def submit(self, job: Job) -> Job:
        return await self._write(lambda connection: say.submit(connection, job))

    async def claim(self, capacity: Mapping[str, int], owner: str, until: float, now: float) -> list[Job]:
        if not capacity:
            return []
        return await self._write(lambda connection: say.claim(connection, capacity, owner, until, now))

    async def renew(self, leases: Sequence[tuple[str, str]], until: float) -> set[str]:
        return await self._write(lambda connection: say.renew(connection, leases, until)) if leases else set()

    async def finish(self, job_id: str, lease: str, finished: Finished, now: float) -> bool:
        return await self._write(lambda connection: say.finish(connection, job_id, lease, finished, now))

    async def put_back(self, job_id: str, lease: str, not_before: float, counted: Counted) -> bool:
        return await self._write(lambda connection: say.put_back(connection, job_id, lease, not_before, counted))

    async def look_at_clock(self, now: float, dead_owner: str = "") -> Due:
        return await self._write(lambda connection: say.look_at_clock(connection, now, dead_owner))

    async def cancel(self, job_id: str, now: float) -> Job | None:
        return await self._write(lambda connection: say.cancel(connection, job_id, now))

    async def replay(self, job_id: str, now: float, expires_at: float) -> Job | None:
        return await self._write(lambda connection: say.replay(connection, job_id, now, expires_at))

    async def get(self, job_id: str) -> Job | None:
        return await self._read(lambda connection: say.get(connection, job_id))

    async def position(self, job: Job) -> int:
        return await self._read(lambda connection: say.position(connection, job))

    async def find(self, query: Query) -> list[Job]:
        return await self._read(lambda connection: say.find(connection, query))

    async def waiting_models(self) -> list[str]:
        return await self._read(say.waiting_models)

    async def depths(self) -> list[QueueDepth]:
        return await self._read(say.depths)

    async def due_callbacks(self, now: float, again_at: float, limit: int) -> list[Job]:
        return await self._write(lambda connection: say.due_callbacks(connection, now, again_at, limit))

    async def callback_done(self, job_id: str, state: CallbackState, at: float) -> None:
        await self._write(lambda connection: say.callback_done(connection, job_id, state, at))

    async def blobs(self) -> set[str]:
        return await self._read(say.blobs)

    async def _write(self, function: Callable[[Connection], Value]) -> Value:
        if self._writer is None:
            raise JobsUnavailableError("not open")
        return await self._writer.run(function)

    async def _read(self, function: Callable[[Connection], Value]) -> Value:
        return await asyncio.to_thread(self._read_now, function)

    def _read_now(self, function: Callable[[Connection], Value]) -> Value:
        with _translated(), self._engine.connect() as connection:
            return function(connection)

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with _translated(), self._engine.connect() as plain:
            connection = plain.execution_options(modelway_write=True)
            with connection.begin():
                yield connection

    def _make_tables(self) -> None:
        with self._transaction() as connection:
            if not self._sqlite:
                # Two that start together: the second waits, and finds the tables.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7233045163)")
                # A server that was told never to sync acknowledges what a power cut takes back.
                syncs = connection.exec_driver_sql("SHOW fsync").scalar() == "on"
                self.durability = "synced" if syncs else "relaxed"
            metadata.create_all(connection)
            number = connection.execute(shape.select()).scalar()
            if number is None:
                connection.execute(shape.insert().values(number=SHAPE))
            elif number != SHAPE:
                raise JobsUnavailableError(f"the jobs database has shape {number}, this version knows {SHAPE}")


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            # A server that is gone is found out by TCP's own limit.
            "options": "-c synchronous_commit=on -c statement_timeout=30000 -c lock_timeout=10000",
            "tcp_user_timeout": 10_000,
        },
    )


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("modelway_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        full = "disk is full" in reason or "No space left" in reason
        raise JobsUnavailableError(reason, full=full) from error
    except OSError as error:
        raise JobsUnavailableError(str(error)) from error


def _make_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise JobsUnavailableError(f"the jobs database cannot be opened: {error.strerror}") from error
