"""What happened to documents, newest kept, equal ones in a row counted."""

import time
from collections.abc import Callable
from typing import Literal

from sqlalchemy import delete, insert, select, update

from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.records import Event
from modelway_platform.store import schema
from modelway_platform.store.database import Database

KEPT_PER_DOCUMENT = 200


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

    def add(self, kind: Kind, name: str, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:  # noqa: A002 - the field's name
        """Keep one; if the newest of the document says the same, that one is counted again instead."""
        table, now = schema.events, self._clock()
        of_document = (table.c.kind == kind) & (table.c.name == name)
        with self._database.write() as connection:
            newest = select(table).where(of_document).order_by(table.c.id.desc()).limit(1)
            last = connection.execute(newest).mappings().one_or_none()
            if last is not None and (last["type"], last["reason"], last["message"]) == (type, reason, message):
                again = update(table).where(table.c.id == last["id"])
                connection.execute(again.values(count=last["count"] + 1, last_at=now))
            else:
                connection.execute(
                    insert(table).values(
                        kind=kind,
                        name=name,
                        type=type,
                        reason=reason,
                        message=message,
                        count=1,
                        first_at=now,
                        last_at=now,
                    )
                )
                kept = select(table.c.id).where(of_document).order_by(table.c.id.desc()).limit(KEPT_PER_DOCUMENT)
                connection.execute(delete(table).where(of_document, table.c.id.not_in(kept)))
        self._notify()

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
