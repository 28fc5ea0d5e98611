"""Commits that the platform was asked to write: kept before the first try, and until they are pushed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.store import schema
from modelway_platform.store.database import Database

_OPEN = (WriteState.WAITING.value, WriteState.WRITING.value)


class GitWrites:
    """Writes by their keys; one key is asked for once.

    Args:
        database: Where they are kept.
        notify: Called after every write.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, notify: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._notify = notify
        self._clock = clock

    def ask(self, wanted: GitWrite) -> GitWrite:
        """Keep a write; the one with the same key is given back instead, if there is one."""
        now = self._clock()
        with self._database.write() as connection:
            known = _find(connection, wanted.key)
            if known is not None:
                return known
            kept = replace(wanted, created_at=now, updated_at=now, due_at=now)
            done = connection.execute(insert(schema.git_writes).values(key=kept.key, **_values(kept)))
            number = done.inserted_primary_key
        self._notify()
        return replace(kept, number=int(number[0] if number else 0))

    def find(self, key: str) -> GitWrite | None:
        """One of them, or None."""
        with self._database.read() as connection:
            return _find(connection, key)

    def change(self, key: str, to: Callable[[GitWrite], GitWrite]) -> GitWrite | None:
        """Replace a write by what `to` makes of it as it is now; None if there is none."""
        table = schema.git_writes
        with self._database.write() as connection:
            before = _find(connection, key)
            after = None if before is None else to(before)
            if before is None or after is None or after == before:
                return before
            after = replace(after, updated_at=self._clock())
            connection.execute(update(table).where(table.c.key == key).values(**_values(after)))
        self._notify()
        return after

    def cancel(self, key: str) -> bool:
        """Never try it again; returns whether that is so: one that is being tried, or is pushed, goes on."""

        def cancelled(now: GitWrite) -> GitWrite:
            waits = now.state in {WriteState.WAITING, WriteState.FAILED}
            return replace(now, state=WriteState.CANCELLED) if waits else now

        after = self.change(key, cancelled)
        return after is None or after.state is WriteState.CANCELLED

    def open(self) -> Sequence[GitWrite]:
        """Those that are to be pushed, oldest first."""
        table = schema.git_writes
        wanted = select(table).where(table.c.state.in_(_OPEN)).order_by(table.c.number)
        with self._database.read() as connection:
            return [_write(row) for row in connection.execute(wanted)]

    def below(self, prefix: str) -> Sequence[GitWrite]:
        """Those whose keys begin so, oldest first."""
        table = schema.git_writes
        wanted = select(table).where(table.c.key.startswith(prefix, autoescape=True)).order_by(table.c.number)
        with self._database.read() as connection:
            return [_write(row) for row in connection.execute(wanted)]

    def of_source(self, source: str, most: int) -> Sequence[GitWrite]:
        """Those of one source, newest first."""
        table = schema.git_writes
        wanted = select(table).where(table.c.source == source).order_by(table.c.number.desc()).limit(most)
        with self._database.read() as connection:
            return [_write(row) for row in connection.execute(wanted)]


def _find(connection: Connection, key: str) -> GitWrite | None:
    table = schema.git_writes
    row = connection.execute(select(table).where(table.c.key == key)).one_or_none()
    return None if row is None else _write(row)


def _values(write: GitWrite) -> dict[str, Any]:
    return {
        "source": write.source,
        "state": write.state.value,
        "record": msgspec.json.encode(write).decode(),
    }


def _write(row: Any) -> GitWrite:
    return replace(msgspec.json.decode(row.record, type=GitWrite), number=row.number)
