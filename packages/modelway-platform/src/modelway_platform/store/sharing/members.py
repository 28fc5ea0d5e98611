"""The control processes that share a database: who is there, and which endpoints each of them knows at first hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import delete, select, update

from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.sharing.leases import database_time
from modelway_platform.store.upsert import upsert

FORGOTTEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One control process.

    Args:
        id: Its mark.
        url: Where its API is.
        token_sha256: The hash of what replicas that it started register with.
        number: Grows with every change of its endpoints.
        silent: Seconds since it was heard of.
    """

    id: str
    url: str
    token_sha256: str
    number: int
    silent: float


class Members:
    """The members by their marks.

    Args:
        database: Where they are kept.
        me: The mark of this one.
    """

    def __init__(self, database: Database, me: str) -> None:
        self._database = database
        self._me = me

    def write(self, url: str, token_sha256: str, endpoints: Sequence[Endpoint]) -> None:
        """Say that this one is there, and what it knows; wakes the others."""
        table = schema.control_members
        with self._database.write() as connection:
            before = connection.execute(select(table.c.number).where(table.c.id == self._me)).scalar() or 0
            row = {
                "id": self._me,
                "url": url,
                "token_sha256": token_sha256,
                "endpoints": msgspec.json.encode(endpoints).decode(),
                "number": before + 1,
                "seen_at": database_time(connection),
            }
            upsert(connection, table, [row])
            old = database_time(connection) - FORGOTTEN_SECONDS
            connection.execute(delete(table).where(table.c.seen_at < old))

    def still_there(self) -> bool:
        """Say so without waking anybody. Returns whether it is known at all."""
        table = schema.control_members
        with self._database.write(quiet=True) as connection:
            moment = database_time(connection)
            known = connection.execute(update(table).where(table.c.id == self._me).values(seen_at=moment))
            return known.rowcount == 1

    def others(self) -> tuple[Member, ...]:
        """All but this one, by their marks."""
        table = schema.control_members
        columns = (table.c.id, table.c.url, table.c.token_sha256, table.c.number, table.c.seen_at)
        with self._database.read() as connection:
            now = database_time(connection)
            rows = connection.execute(select(*columns).where(table.c.id != self._me).order_by(table.c.id)).all()
        return tuple(
            Member(
                id=row.id,
                url=row.url,
                token_sha256=row.token_sha256,
                number=row.number,
                silent=max(now - row.seen_at, 0.0),
            )
            for row in rows
        )

    def endpoints(self, ids: Sequence[str]) -> Mapping[str, tuple[Endpoint, ...]]:
        """What these know, by their marks."""
        table = schema.control_members
        with self._database.read() as connection:
            rows = connection.execute(select(table.c.id, table.c.endpoints).where(table.c.id.in_(ids))).all()
        return {row.id: msgspec.json.decode(row.endpoints, type=tuple[Endpoint, ...]) for row in rows}
