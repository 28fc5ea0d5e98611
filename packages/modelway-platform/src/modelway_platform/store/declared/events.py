"""What happened to documents, newest kept, equal ones in a row counted."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, or_, select, update

from modelway.errors import ModelwayError
from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.records import Event
from modelway_platform.store import schema
from modelway_platform.store.database import Database

KEPT_PER_DOCUMENT = 200
log = logging.getLogger(__name__)

Level = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What shall be kept of something that happened to a document.

    Args:
        kind: The document's.
        name: Its name.
        type: Whether somebody should look at it.
        reason: One word for it.
        message: What happened, for people.
        at: When, Unix time in seconds.
    """

    kind: Kind
    name: str
    type: Level
    reason: str
    message: str
    at: float


class Events:
    """A short history per document for people; the newest `KEPT_PER_DOCUMENT` stay.

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

    def add(self, kind: Kind, name: str, type: Level, reason: str, message: str) -> None:  # noqa: A002 - the field's name
        """Keep one; if the newest of the document says the same, that one is counted again instead."""
        self.add_all([Happened(kind=kind, name=name, type=type, reason=reason, message=message, at=self._clock())])

    def add_all(self, happened: Sequence[Happened]) -> None:
        """Keep these, in their order, all or nothing; each as with `add`."""
        if not happened:
            return
        with self._database.write() as connection:
            of_these = _of_documents((each.kind, each.name) for each in happened)
            last = _newest(connection, of_these)
            new: list[_Row] = []
            again: dict[int, _Row] = {}
            for each in happened:
                row = last.get((each.kind, each.name))
                if row is not None and row.says(each):
                    row.count, row.last_at = row.count + 1, each.at
                    if row.id:
                        again[row.id] = row
                    continue
                last[each.kind, each.name] = row = _Row(each)
                new.append(row)
            _count_again(connection, again)
            _insert(connection, new, of_these)
        self._notify()

    def note(self, kind: Kind, name: str, type: Level, reason: str, message: str) -> None:  # noqa: A002 - the field's name
        """As `add`, of what is done already and stays done: a database that is away now must not make it look refused."""
        self.note_all([Happened(kind=kind, name=name, type=type, reason=reason, message=message, at=self._clock())])

    def note_all(self, happened: Sequence[Happened]) -> None:
        """As `add_all`, of what is done already; what cannot be kept is said in the log."""
        try:
            self.add_all(happened)
        except ModelwayError as error:
            for each in happened:
                log.warning("not kept: %s %s: %s: %s (%s)", each.kind, each.name, each.reason, each.message, error)

    def list(self, kind: Kind, name: str) -> list[Event]:
        """Those of one document, oldest first."""
        table = schema.events
        query = select(table).where(table.c.kind == kind, table.c.name == name).order_by(table.c.id)
        with self._database.read() as connection:
            return [
                Event(
                    kind=row["kind"],
                    name=row["name"],
                    type=row["type"],
                    reason=row["reason"],
                    message=row["message"],
                    count=row["count"],
                    first_at=row["first_at"],
                    last_at=row["last_at"],
                )
                for row in connection.execute(query).mappings()
            ]


class _Row:
    """An event in the making: one that is kept already, or one to come."""

    def __init__(self, happened: Happened, id: int = 0, count: int = 1) -> None:  # noqa: A002 - the column's name
        self.happened = happened
        self.id = id
        self.count = count
        self.last_at = happened.at

    def says(self, other: Happened) -> bool:
        mine = self.happened
        return (mine.type, mine.reason, mine.message) == (other.type, other.reason, other.message)

    def values(self) -> dict[str, Any]:
        mine = self.happened
        return {
            "kind": mine.kind,
            "name": mine.name,
            "type": mine.type,
            "reason": mine.reason,
            "message": mine.message,
            "count": self.count,
            "first_at": mine.at,
            "last_at": self.last_at,
        }


def _of_documents(named: Iterable[tuple[Kind, str]]) -> ColumnElement[bool]:
    """Rows of these documents, said so that the index is of use."""
    table = schema.events
    names: dict[Kind, set[str]] = {}
    for kind, name in named:
        names.setdefault(kind, set()).add(name)
    return or_(*((table.c.kind == kind) & table.c.name.in_(among) for kind, among in names.items()))


def _newest(connection: Connection, of_these: ColumnElement[bool]) -> dict[tuple[Kind, str], _Row]:
    """The newest event of each of these documents."""
    table = schema.events
    ids = select(func.max(table.c.id)).where(of_these).group_by(table.c.kind, table.c.name)
    found: dict[tuple[Kind, str], _Row] = {}
    for row in connection.execute(select(table).where(table.c.id.in_(ids))).mappings():
        happened = Happened(
            kind=row["kind"],
            name=row["name"],
            type=row["type"],
            reason=row["reason"],
            message=row["message"],
            at=row["first_at"],
        )
        found[happened.kind, happened.name] = _Row(happened, row["id"], row["count"])
    return found


def _count_again(connection: Connection, rows: Mapping[int, _Row]) -> None:
    table = schema.events
    if rows:
        change = (
            update(table).where(table.c.id == bindparam("of")).values(count=bindparam("n"), last_at=bindparam("at"))
        )
        connection.execute(change, [{"of": row.id, "n": row.count, "at": row.last_at} for row in rows.values()])


def _insert(connection: Connection, rows: Sequence[_Row], of_these: ColumnElement[bool]) -> None:
    """Keep new ones, and of their documents the newest only."""
    table = schema.events
    if rows:
        connection.execute(insert(table), [row.values() for row in rows])
        place = func.row_number().over(partition_by=(table.c.kind, table.c.name), order_by=table.c.id.desc())
        places = select(table.c.id, place.label("place")).where(of_these).subquery()
        old = select(places.c.id).where(places.c.place > KEPT_PER_DOCUMENT)
        connection.execute(delete(table).where(table.c.id.in_(old)))
