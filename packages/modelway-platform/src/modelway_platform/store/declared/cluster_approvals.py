"""Somebody's yes to a deployment's revision on the next of its clusters; kept beside those to its phases."""

from collections.abc import Mapping

from sqlalchemy import insert, select

from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.declared.phase_approvals import CLUSTER, PhaseApprovals


class ClusterApprovals(PhaseApprovals):
    """As `PhaseApprovals`, and at most one yes per cluster of a revision."""

    def approve_cluster(self, name: str, revision: int, cluster: str, *, author: Author = "system") -> bool:
        """Say yes; returns whether nobody had before."""
        table, now, kept = schema.phase_approvals, self._clock(), f"{CLUSTER}{cluster}"
        with self._database.write() as connection:
            same = (table.c.name == name) & (table.c.revision == revision) & (table.c.phase == kept)
            if connection.execute(select(table.c.phase).where(same)).first() is not None:
                return False
            values = {"name": name, "revision": revision, "phase": kept, "created_at": now}
            connection.execute(insert(table).values(author=name_of_author(author), **values))
            changes = [Change(path="cluster", before=None, after=cluster)]
            audit.record(
                connection,
                author,
                now,
                action="cluster approved",
                kind="Deployment",
                name=name,
                revision=revision,
                changes=changes,
            )
        self._notify()
        return True

    def clusters(self) -> Mapping[tuple[str, int], frozenset[str]]:
        """The clusters that somebody said yes to, by deployment and revision."""
        table = schema.phase_approvals
        found: dict[tuple[str, int], set[str]] = {}
        with self._database.read() as connection:
            query = select(table.c.name, table.c.revision, table.c.phase).where(table.c.phase.startswith(CLUSTER))
            for row in connection.execute(query):
                found.setdefault((row.name, row.revision), set()).add(row.phase.removeprefix(CLUSTER))
        return {key: frozenset(names) for key, names in found.items()}
