"""What secrets of webhooks are made of, by source; made anew they are rotated."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select, update

from modelway.errors import NotFoundError
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.sources.webhook import GRACE_SECONDS, Webhook
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database


class Webhooks:
    """At most one per source.

    Args:
        database: Where they are kept.
        clock: Unix time in seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def rotate(self, source: str, *, author: Author = "system") -> Webhook:
        """Make one, or another; the one before stays valid for a day."""
        table, now, nonce = schema.webhooks, self._clock(), secrets.token_urlsafe(24)
        with self._database.write() as connection:
            before = connection.execute(select(table).where(table.c.source == source)).one_or_none()
            values: dict[str, Any] = {"nonce": nonce, "previous": "", "previous_until": 0.0}
            if before is None:
                connection.execute(insert(table).values(source=source, **values))
            else:
                values |= {"previous": before.nonce, "previous_until": now + GRACE_SECONDS}
                connection.execute(update(table).where(table.c.source == source).values(**values))
            action = "created" if before is None else "rotated"
            audit.record(connection, author, now, action=action, kind="Webhook", name=source)
        return Webhook(source=source, **values)

    def find(self, source: str) -> Webhook | None:
        """That of a source, or None."""
        table = schema.webhooks
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.source == source)).one_or_none()
        if row is None:
            return None
        return Webhook(source=source, nonce=row.nonce, previous=row.previous, previous_until=row.previous_until)

    def remove(self, source: str, *, author: Author = "system") -> None:
        """Listen to nobody for this source any more.

        Raises:
            NotFoundError: There is none.
        """
        table = schema.webhooks
        with self._database.write() as connection:
            if connection.execute(delete(table).where(table.c.source == source)).rowcount == 0:
                raise NotFoundError(f"source {source[:100]} has no webhook", hint="modelway source webhook NAME")
            audit.record(connection, author, self._clock(), action="deleted", kind="Webhook", name=source)
