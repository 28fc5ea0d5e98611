"""What the runs of rollouts rest on: the evidence at present, and every move with its numbers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutStatus
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents


@dataclass(frozen=True, slots=True)
class RunKept:
    """What is kept of a run: `evidence` to go on with, `report` to be shown, both JSON values."""

    evidence: dict[str, Any]
    report: dict[str, Any]
    updated_at: float


class RolloutRuns:
    """Evidence and moves by rollout and run.

    Args:
        database: Where they are kept.
        documents: Where rollouts are declared, and stand.
        clock: Unix time in seconds.
    """

    def __init__(self, database: Database, documents: Documents, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._documents = documents
        self._clock = clock

    def keep(self, key: ModelKey, run: int, evidence: dict[str, Any], report: dict[str, Any]) -> None:
        """Keep what a run rests on now, in place of what it did."""
        with self._database.write() as connection:
            self._keep(connection, str(key), run, RunKept(evidence, report, self._clock()))

    def of(self, key: ModelKey, run: int) -> RunKept | None:
        """What a run rests on; None before anything was kept."""
        table = schema.rollout_runs
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.name == str(key), table.c.run == run)).one_or_none()
        if row is None:
            return None
        return RunKept(msgspec.json.decode(row.evidence), msgspec.json.decode(row.report), row.updated_at)

    def move(
        self,
        key: ModelKey,
        status: RolloutStatus,
        move: RolloutMove,
        *,
        kept: RunKept | None = None,
        told_by: Actor | None = None,
    ) -> None:
        """Keep where the rollout stands with the move that led there, both or none.

        Args:
            key: Whose.
            status: Where it stands now; its `turn` is that of the status it follows.
            move: What was done.
            kept: What the run rests on from now on, where that changes too.
            told_by: Who ordered it, for the audit log.

        Raises:
            ConflictError: Somebody else has written meanwhile, or the rollout is gone.
        """
        text = msgspec.json.encode(move).decode()

        def also(connection: Connection) -> None:
            values = {"name": str(key), "run": move.run, "number": move.number, "move": text}
            connection.execute(insert(schema.rollout_moves).values(values))
            if kept is not None:
                self._keep(connection, str(key), status.run, kept)
            if told_by is not None:
                audit.record(connection, told_by, move.at, action=move.kind, kind="Rollout", name=str(key))

        self._documents.save_rollout(key, status, also=also)

    def order(self, key: ModelKey, status: RolloutStatus, order: str, told_by: Actor) -> None:
        """Keep what a person wants of a rollout, for it to carry out; raises as `move` does."""
        now = self._clock()
        self._documents.save_rollout(
            key,
            status,
            also=lambda connection: audit.record(connection, told_by, now, action=order, kind="Rollout", name=str(key)),
        )

    def moves(self, key: ModelKey, run: int | None = None) -> Sequence[RolloutMove]:
        """What was done, oldest first; in one run, or in all."""
        table = schema.rollout_moves
        query = select(table).where(table.c.name == str(key)).order_by(table.c.run, table.c.number)
        if run is not None:
            query = query.where(table.c.run == run)
        with self._database.read() as connection:
            return [msgspec.json.decode(row.move, type=RolloutMove) for row in connection.execute(query)]

    def _keep(self, connection: Connection, name: str, run: int, kept: RunKept) -> None:
        table = schema.rollout_runs
        connection.execute(delete(table).where(table.c.name == name, table.c.run == run))
        connection.execute(
            insert(table).values(
                name=name,
                run=run,
                evidence=msgspec.json.encode(kept.evidence).decode(),
                report=msgspec.json.encode(kept.report).decode(),
                updated_at=kept.updated_at,
            )
        )
