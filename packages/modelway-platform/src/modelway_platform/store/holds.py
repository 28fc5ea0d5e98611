"""What people said about the revision of a deployment that is under way: to wait, to be given up."""

import time
from collections.abc import Callable, Mapping

from sqlalchemy import delete, select

from modelway_platform.domain.hold import Hold, HoldKind
from modelway_platform.store import schema
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

    def put(self, name: str, revision: int, kind: HoldKind, author: str) -> None:
        """Hold a revision, in place of what was said before."""
        row = {"name": name, "revision": revision, "kind": kind.value, "author": author, "created_at": self._clock()}
        with self._database.write() as connection:
            upsert(connection, schema.holds, [row])
        self._notify()

    def lift(self, name: str) -> bool:
        """Let it go on. Returns whether it was held."""
        table = schema.holds
        with self._database.write() as connection:
            lifted = connection.execute(delete(table).where(table.c.name == name)).rowcount > 0
        self._notify()
        return lifted

    def all(self) -> Mapping[str, Hold]:
        """By deployment."""
        with self._database.read() as connection:
            return {
                row.name: Hold(kind=HoldKind(row.kind), revision=row.revision, author=row.author, since=row.created_at)
                for row in connection.execute(select(schema.holds))
            }
