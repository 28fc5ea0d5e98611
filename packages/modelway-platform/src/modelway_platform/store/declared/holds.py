"""What people said about the revision of a deployment that is under way: to wait, to be given up."""

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, delete, select

from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert


class Holds:
    """At most one hold per deployment; it counts for the revision it was put on only.

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

    def put(self, name: str, revision: int, kind: HoldKind, author: Author, action: str = "") -> None:
        """Hold a revision, in place of what was said before; `action` is what the audit log calls it."""
        now = self._clock()
        row = {
            "name": name,
            "revision": revision,
            "kind": kind.value,
            "author": name_of_author(author),
            "created_at": now,
        }
        with self._database.write() as connection:
            changes = _changes(connection, name, kind.value)
            upsert(connection, schema.holds, [row])
            audit.record(
                connection,
                author,
                now,
                action=action or kind.value.lower(),
                kind="Deployment",
                name=name,
                revision=revision,
                changes=changes,
            )
        self._notify()

    def lift(self, name: str, *, revision: int = 0, author: Author = "system", action: str = "resumed") -> bool:
        """Let it go on. Returns whether it was held; the audit log keeps that somebody said so either way."""
        table = schema.holds
        with self._database.write() as connection:
            changes, now = _changes(connection, name, None), self._clock()
            lifted = connection.execute(delete(table).where(table.c.name == name)).rowcount > 0
            audit.record(
                connection,
                author,
                now,
                action=action,
                kind="Deployment",
                name=name,
                revision=revision,
                changes=changes,
            )
        self._notify()
        return lifted

    def all(self) -> Mapping[str, Hold]:
        """By deployment."""
        with self._database.read() as connection:
            return {
                row.name: Hold(kind=HoldKind(row.kind), revision=row.revision, author=row.author, since=row.created_at)
                for row in connection.execute(select(schema.holds))
            }


def _changes(connection: Connection, name: str, after: str | None) -> tuple[Change, ...]:
    query = select(schema.holds.c.kind).where(schema.holds.c.name == name)
    before = connection.execute(query).scalar_one_or_none()
    return () if before == after else (Change(path="hold", before=before, after=after),)
