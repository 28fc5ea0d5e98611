"""Somebody's yes to a phase of a deployment's revision, where its stage has it wait for one."""

import time
from collections.abc import Callable, Mapping

from sqlalchemy import insert, select

from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database

# Before the name of a cluster, where a yes is to the next of those (`cluster_approvals.py`).
CLUSTER = "cluster "


class PhaseApprovals:
    """At most one per phase of a revision; kept as long as its history.

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

    def approve(self, name: str, revision: int, phase: PhaseName, *, author: Author = "system") -> bool:
        """Say yes; returns whether nobody had before."""
        table, now = schema.phase_approvals, self._clock()
        with self._database.write() as connection:
            same = (table.c.name == name) & (table.c.revision == revision) & (table.c.phase == phase.value)
            if connection.execute(select(table.c.phase).where(same)).first() is not None:
                return False
            values = {"name": name, "revision": revision, "phase": phase.value, "created_at": now}
            connection.execute(insert(table).values(author=name_of_author(author), **values))
            changes = [Change(path="phase", before=None, after=phase.value)]
            audit.record(
                connection,
                author,
                now,
                action="phase approved",
                kind="Deployment",
                name=name,
                revision=revision,
                changes=changes,
            )
        self._notify()
        return True

    def all(self) -> Mapping[tuple[str, int], frozenset[PhaseName]]:
        """By deployment and revision."""
        table = schema.phase_approvals
        found: dict[tuple[str, int], set[PhaseName]] = {}
        with self._database.read() as connection:
            query = select(table.c.name, table.c.revision, table.c.phase).where(~table.c.phase.startswith(CLUSTER))
            for row in connection.execute(query):
                found.setdefault((row.name, row.revision), set()).add(PhaseName(row.phase))
        return {key: frozenset(phases) for key, phases in found.items()}
