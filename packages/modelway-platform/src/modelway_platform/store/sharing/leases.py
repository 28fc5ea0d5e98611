"""Leases between control processes that share a database: what one holds, nobody else does.

A lease has a holder, an end by the database's clock, and a term, which grows whenever it changes hands. Whoever holds it writes
through `Database.fenced`: each of its transactions is refused once somebody else has taken the lease, so that one who was
stopped for a while, and believes that nothing has happened, changes nothing.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, select, text, update

from modelway.errors import ConflictError
from modelway_platform.store import schema
from modelway_platform.store.database import Database

_NOW = {
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())::float8"),
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
}


def database_time(connection: Connection) -> float:
    """Unix time in seconds by the database's clock, which is one for all."""
    return float(connection.execute(_NOW[connection.dialect.name]).scalar_one())


def check_unused(connection: Connection, shown: str) -> None:
    """For what nobody may be at work during.

    Raises:
        ConflictError: Some control process holds a lease.
    """
    table = schema.control_leases
    held = select(table.c.name).where(table.c.holder != "", table.c.expires_at > database_time(connection))
    if connection.execute(held).first() is not None:
        raise ConflictError(
            f"a control process uses {shown}",
            hint="stop every `modelway up` on it; a killed one is forgotten within ten seconds",
        )


class LeaseLostError(ConflictError):
    """Somebody else holds the lease under which this was to be done; nothing was."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"another control process has taken over as {name}", hint="nothing to do: that one goes on with the work"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """Who holds a lease.

    Args:
        holder: The process's mark.
        term: Grows with every change of hands.
        left: Seconds until it ends, negative when it has.
    """

    holder: str
    term: int
    left: float


class Lease:
    """One lease as one process sees it.

    Args:
        database: Where it is kept.
        name: What it is for.
        holder: The mark of this process: the same after a restart, so that it gets its own lease back at once.
        seconds: For how long it holds without being renewed.
    """

    def __init__(self, database: Database, name: str, holder: str, seconds: float) -> None:
        self._database = database
        self.name = name
        self.holder = holder
        self.seconds = seconds

    def take(self) -> int | None:
        """The term, if the lease is ours from now on; None while somebody else has it.

        A lease of our own from before is taken anew, under a new term: whatever that process still does is over.
        """
        table = schema.control_leases
        with self._database.write() as connection:
            now = database_time(connection)
            row = connection.execute(select(table).where(table.c.name == self.name)).one_or_none()
            if row is None:
                values = {"holder": self.holder, "term": 1, "expires_at": now + self.seconds}
                connection.execute(insert(table).values(name=self.name, **values))
                return 1
            if row.holder not in {self.holder, ""} and row.expires_at > now:
                return None
            values = {"holder": self.holder, "term": row.term + 1, "expires_at": now + self.seconds}
            connection.execute(update(table).where(table.c.name == self.name).values(**values))
            return row.term + 1

    def renew(self, term: int) -> bool:
        """Hold it for longer; also one that has ended, if nobody has taken it. Returns whether it is still ours."""
        table = schema.control_leases
        with self._database.write(quiet=True) as connection:
            ends = database_time(connection) + self.seconds
            return connection.execute(update(table).where(*self._ours(term)).values(expires_at=ends)).rowcount == 1

    def release(self, term: int) -> None:
        """Let others take it at once."""
        table = schema.control_leases
        with self._database.write() as connection:
            connection.execute(update(table).where(*self._ours(term)).values(holder="", expires_at=0.0))

    def current(self) -> HeldLease | None:
        """Who holds it; None before the first, and when it was released."""
        table = schema.control_leases
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.name == self.name)).one_or_none()
            now = database_time(connection)
        return (
            None
            if row is None or not row.holder
            else HeldLease(holder=row.holder, term=row.term, left=row.expires_at - now)
        )

    def check(self, connection: Connection, term: int) -> None:
        """For a transaction that writes, which nobody else's can overtake: whether the lease is still ours in it.

        Raises:
            LeaseLostError: It is not.
        """
        table = schema.control_leases
        if connection.execute(select(table.c.term).where(*self._ours(term))).first() is None:
            raise LeaseLostError(self.name)

    def _ours(self, term: int) -> tuple[ColumnElement[bool], ...]:
        table = schema.control_leases
        return (table.c.name == self.name, table.c.holder == self.holder, table.c.term == term)
