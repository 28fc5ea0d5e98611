"""The audit log: a row per change, written in the transaction of the change itself, so that there is never one without the other."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select

from modelway_platform.domain.access.actor import Actor, Author, actor_of
from modelway_platform.domain.access.audit_entry import AuditEntry, AuditQuery
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.store import schema
from modelway_platform.store.database import Database


def record(
    connection: Connection,
    author: Author,
    at: float,
    *,
    action: str,
    kind: str,
    name: str,
    revision: int = 0,
    changes: Iterable[Change] = (),
) -> None:
    """Keep a change, in the transaction that makes it."""
    actor = actor_of(author)
    told = [{"path": each.path, "from": each.before, "to": each.after} for each in changes]
    connection.execute(
        insert(schema.audit).values(
            at=at,
            actor=actor.name,
            role=actor.role,
            origin=actor.origin,
            transport=actor.transport,
            request_id=actor.request_id,
            method=actor.method,
            action=action,
            kind=kind,
            name=name,
            revision=revision,
            changes=json.dumps(told),
        )
    )


def made(values: Mapping[str, Any]) -> tuple[Change, ...]:
    """The changes of something that was not there before."""
    return tuple(
        Change(path=path, before=None, after=value) for path, value in values.items() if value not in (None, "", [])
    )


class Audit:
    """Reads the log.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, author: Author, at: float, *, action: str, kind: str, name: str, changes: Iterable[Change] = ()
    ) -> None:
        """Keep a change of something that is not in the database, after it was made."""
        with self._database.write() as connection:
            record(connection, author, at, action=action, kind=kind, name=name, changes=changes)

    def newest(self, query: AuditQuery) -> list[AuditEntry]:
        """The newest entries that fit, oldest first."""
        wanted = _selected(query).order_by(schema.audit.c.number.desc()).limit(query.most)
        with self._database.read() as connection:
            return [_entry(row) for row in reversed(connection.execute(wanted).all())]

    def following(self, query: AuditQuery) -> list[AuditEntry]:
        """The first entries that fit, oldest first."""
        wanted = _selected(query).order_by(schema.audit.c.number).limit(query.most)
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(wanted)]

    def last(self) -> int:
        """The number of the newest entry; 0 before the first."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(schema.audit.c.number))).scalar() or 0


def _selected(query: AuditQuery) -> Any:
    table = schema.audit
    wanted = select(table).where(table.c.number > query.after)
    for column, value in (
        (table.c.kind, query.kind),
        (table.c.name, query.name),
        (table.c.actor, query.actor),
        (table.c.action, query.action),
        (table.c.request_id, query.request_id),
    ):
        if value:
            wanted = wanted.where(column == value)
    if query.project:
        wanted = wanted.where(table.c.name.startswith(f"{query.project}/", autoescape=True))
    if query.since:
        wanted = wanted.where(table.c.at >= query.since)
    return wanted if query.until is None else wanted.where(table.c.at < query.until)


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        actor=Actor(
            name=row.actor,
            role=row.role,
            origin=row.origin,
            transport=row.transport,
            request_id=row.request_id,
            method=row.method,
        ),
        action=row.action,
        kind=row.kind,
        name=row.name,
        revision=row.revision,
        changes=tuple(json.loads(row.changes)),
    )
