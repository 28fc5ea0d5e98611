"""How far each phase of each revision of a deployment is; enough to show it, and to count what was begun again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import delete, func, select

from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, PhaseState
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert

KEPT_REVISIONS = 10

Runs = tuple[PhaseRun, ...]


class Phases:
    """Phases by deployment and revision; those of the newest `KEPT_REVISIONS` revisions that had any stay.

    Args:
        database: Where they are kept.
        notify: Called after every write.
    """

    def __init__(self, database: Database, notify: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._notify = notify

    def of(self, name: str, revision: int) -> Runs:
        """The phases of one revision in their order; empty when none was begun."""
        table = schema.phases
        query = select(table).where(table.c.name == name, table.c.revision == revision)
        with self._database.read() as connection:
            return _in_order(_run(row) for row in connection.execute(query))

    def newest(self) -> Mapping[str, tuple[int, Runs]]:
        """Of each deployment, the newest revision that was begun, with its phases."""
        table = schema.phases
        found: dict[str, tuple[int, list[PhaseRun]]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(table).order_by(table.c.name, table.c.revision)):
                if row.name not in found or found[row.name][0] != row.revision:
                    found[row.name] = (row.revision, [])
                found[row.name][1].append(_run(row))
        return {name: (revision, _in_order(runs)) for name, (revision, runs) in found.items()}

    def save(self, changed: Iterable[tuple[str, int, Runs]]) -> None:
        """Keeps these phases, in place of what was kept of each, all or nothing."""
        table = schema.phases
        rows = [
            {"name": name, "revision": revision, "phase": run.phase.value, **_values(run)}
            for name, revision, runs in changed
            for run in runs
        ]
        if not rows:
            return
        with self._database.write() as connection:
            upsert(connection, table, rows)
            place = func.dense_rank().over(partition_by=table.c.name, order_by=table.c.revision.desc())
            places = select(table.c.name, table.c.revision, place.label("place"))
            old = places.where(table.c.name.in_({row["name"] for row in rows})).subquery()
            for name, revision in connection.execute(
                select(old.c.name, old.c.revision).where(old.c.place > KEPT_REVISIONS).distinct()
            ).all():
                connection.execute(delete(table).where(table.c.name == name, table.c.revision == revision))
        self._notify()


def _values(run: PhaseRun) -> dict[str, Any]:
    return {
        "state": run.state.value,
        "attempts": run.attempts,
        "message": run.message,
        "done": run.done,
        "total": run.total,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "log": msgspec.json.encode(run.log).decode(),
    }


def _run(row: Any) -> PhaseRun:
    return PhaseRun(
        phase=PhaseName(row.phase),
        state=PhaseState(row.state),
        attempts=row.attempts,
        message=row.message,
        done=row.done,
        total=row.total,
        started_at=row.started_at,
        ended_at=row.ended_at,
        log=tuple(msgspec.json.decode(row.log)),
    )


def _in_order(runs: Iterable[PhaseRun]) -> Runs:
    order = list(PhaseName)
    return tuple(sorted(runs, key=lambda run: order.index(run.phase)))
