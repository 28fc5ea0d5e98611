"""Copies all that one database holds into another, empty one: all or nothing, compared row by row before it counts."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, insert, select, text

from modelway.errors import ConflictError, ModelwayError
from modelway_platform.store import schema
from modelway_platform.store.database import NEWEST_MIGRATION, Database
from modelway_platform.store.sharing.leases import check_unused

BATCH = 500
# In place of what PostgreSQL's texts cannot hold, as when it is written to by the platform itself.
_NO_NUL = "\N{REPLACEMENT CHARACTER}"

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """What was copied of one table.

    Args:
        name: Its name.
        rows: How many there are.
        sha256: Over all rows in the order of their keys; the same in both databases.
    """

    name: str
    rows: int
    sha256: str


def copy_database(source: Database, target: Database, told: Told = lambda _, __, ___: None) -> tuple[CopiedTable, ...]:
    """Copy every table; both databases are of the same shape, and nobody writes to either meanwhile.

    Args:
        source: Stays as it is; nobody can write to it until the copy is done.
        target: Without tables, which it then gets, or with empty ones. It has everything at the end, or, whatever
            happens, nothing.
        told: Told of a table's name, how many rows of it are copied, and how many there are.

    Raises:
        ConflictError: A control process uses the source, the target is not empty, or one of them has another shape.
        ModelwayError: What the target holds is not what was read.
    """
    _check_shape(source, "copied from")
    if target.migration() is None:
        target.migrate()
    _check_shape(target, "copied to")
    with source.write(keep=False, quiet=True) as reading, target.write(quiet=True) as writing:
        check_unused(reading, source.shown)  # what it wrote meanwhile would be lost
        _check_empty(target, writing)
        return tuple(_copy(table, reading, writing, told) for table in schema.metadata.sorted_tables)


def rows_by_table(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    with database.read() as connection:
        return {table.name: _count(connection, table) for table in schema.metadata.sorted_tables}


def _check_shape(database: Database, what: str) -> None:
    shape = database.migration()
    if shape != NEWEST_MIGRATION:
        raise ConflictError(
            f"{database.shown}, which is to be {what}, has the shape {shape or 'of nothing'!r}, "
            f"and this version of Modelway copies {NEWEST_MIGRATION!r}",
            hint="`modelway database migrate` brings it to that shape; for a newer one take the version that made it",
        )


def _check_empty(target: Database, connection: Connection) -> None:
    for table in schema.metadata.sorted_tables:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise ConflictError(
                f"{target.shown}, which is to be copied to, is not empty: there are {table.name} in it",
                hint="copy before `modelway up` is started on it, or take another database",
            )


def _copy(table: Table, reading: Connection, writing: Connection, told: Told) -> CopiedTable:
    total, done = _count(reading, table), 0
    told(table.name, done, total)
    digest = hashlib.sha256()
    for rows in _batches(reading, table):
        writing.execute(insert(table), [dict(zip(table.columns.keys(), row, strict=True)) for row in rows])
        _add(digest, rows)
        done += len(rows)
        told(table.name, done, total)
    _go_on_counting(table, writing)
    there, count = hashlib.sha256(), 0
    for rows in _batches(writing, table):
        _add(there, rows)
        count += len(rows)
    if (count, there.digest()) != (done, digest.digest()):
        raise ModelwayError(
            f"{table.name}: the copy is not what was read; nothing was copied",
            hint="please report it, with both servers' versions",
        )
    return CopiedTable(name=table.name, rows=done, sha256=digest.hexdigest())


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[tuple[Any, ...]]]:
    """All rows in the order of their keys, a few at a time."""
    query = select(table).order_by(*table.primary_key)
    result = connection.execute(query, execution_options={"stream_results": True, "yield_per": BATCH})
    for rows in result.partitions():
        yield [tuple(_said(value) for value in row) for row in rows]


def _said(value: Any) -> Any:
    return value.replace("\0", _NO_NUL) if isinstance(value, str) else value


def _add(digest: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    for row in rows:
        digest.update(msgspec.json.encode(row) + b"\n")


def _go_on_counting(table: Table, connection: Connection) -> None:
    """Numbers that the server gives to new rows come after those that were copied."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    newest = connection.execute(select(func.max(column))).scalar()
    if newest is not None:
        order = text("SELECT setval(pg_get_serial_sequence(:of, :column), :newest)")
        connection.execute(order, {"of": table.name, "column": column.name, "newest": newest})
