"""Replicas as their operator last saw them: enough to find and adopt them after a restart of control."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, select

from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert


class Replicas:
    """The replicas' records, by id.

    Args:
        database: Where they are kept.
        notify: Called after every write.
    """

    def __init__(self, database: Database, notify: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._notify = notify

    def list(self) -> list[ReplicaRecord]:
        """All, by name of their version and start."""
        table = schema.replicas
        query = select(table).order_by(table.c.project, table.c.model, table.c.version, table.c.started_at, table.c.id)
        with self._database.read() as connection:
            return [
                ReplicaRecord(
                    id=row.id,
                    key=VersionKey(row.project, row.model, row.version),
                    revision=row.revision,
                    package=row.package,
                    state=ReplicaState(row.state),
                    placement=msgspec.json.decode(row.placement),
                    restarts=row.restarts,
                    started_at=row.started_at,
                    message=row.message,
                )
                for row in connection.execute(query)
            ]

    def save(self, record: ReplicaRecord) -> None:
        """Keep `record`, in place of an older one with its id."""
        self.save_all([record])

    def save_all(self, records: Sequence[ReplicaRecord]) -> None:
        """Keep these, each in place of an older one with its id, all or nothing."""
        with self._database.write() as connection:
            upsert(connection, schema.replicas, [row_of(record) for record in records])
        self._notify()

    def delete(self, replica_id: str) -> None:
        """Forget one; nothing happens if it is unknown."""
        with self._database.write() as connection:
            connection.execute(delete(schema.replicas).where(schema.replicas.c.id == replica_id))
        self._notify()


def row_of(record: ReplicaRecord) -> dict[str, Any]:
    """A record as a row of `replicas`."""
    return {
        "id": record.id,
        "project": record.key.project,
        "model": record.key.model,
        "version": record.key.version,
        "revision": record.revision,
        "package": record.package,
        "state": record.state.value,
        "placement": msgspec.json.encode(record.placement).decode(),
        "restarts": record.restarts,
        "started_at": record.started_at,
        "message": record.message,
    }
