"""Declared documents: applied all or nothing, every accepted change a numbered revision, with what is observed of them."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from modelway.errors import ConflictError
from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.document_changes import Applied, changes_between
from modelway_platform.domain.documents.document_json import (
    Document,
    Kind,
    document_from_json,
    document_to_json,
    kind_of,
    name_of,
)
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import (
    ClusterRecord,
    Declared,
    DeploymentRecord,
    Record,
    Revision,
    RouteRecord,
    StageRecord,
)
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.verdicts.rollout_status import RolloutPhase, RolloutRecord, RolloutStatus
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database
from modelway_platform.store.declared import document_rows, document_statements, document_statuses
from modelway_platform.store.declared.declared_cache import DeclaredCache

Admit = Callable[[Declared], None]
NO_REVISIONS: Mapping[tuple[Kind, str], int] = MappingProxyType({})


def admit_everything(_: Declared) -> None:
    """The check of a caller that has none of its own."""


class Documents:
    """Deployments, routes, clusters and rollouts as declared, with revisions and status.

    Args:
        database: Where they are kept.
        notify: Called after every write that changed something.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, notify: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._notify = notify
        self._clock = clock
        self._declared = DeclaredCache()

    def apply(
        self,
        wanted: Sequence[Document],
        *,
        author: Author,
        dry_run: bool = False,
        cause: str = "apply",
        without: Sequence[tuple[Kind, str]] = (),
        expected_revision: int | None = None,
        expected: Mapping[tuple[Kind, str], int] = NO_REVISIONS,
        admit: Admit = admit_everything,
    ) -> tuple[Applied, ...]:
        """Declare all of `wanted` and that those of `without` go, or nothing.

        Those of `without` go as with `delete`; names that nothing has are passed over. `admit` is called, inside the transaction, with everything that would be declared afterwards; what it raises undoes
        all. With `dry_run` the outcome is told and nothing is kept.

        Raises:
            ConflictError: The first of `wanted` is not at `expected_revision`, or one of `expected` not at its; 0: there is one.
        """
        with self._database.write(keep=not dry_run) as connection:
            for (kind, name), number in expected.items():
                document_statements.check_at(connection, kind, name, number)
            if expected_revision is not None:
                document_statements.existing(connection, kind_of(wanted[0]), name_of(wanted[0]), expected_revision)
            applied = [self._apply_one(connection, item, author, cause) for item in wanted]
            for kind, name in without:
                row = document_statements.find(connection, kind, name)
                if row is not None and not row.removed and not row.deleting:
                    number = self._tombstone(connection, row, author)
                    applied.append(Applied(kind=kind, name=name, action="deleted", revision=number))
            admit(self._declared.read_within(connection))
        self._notify_if(not dry_run and any(item.action != "unchanged" for item in applied))
        return tuple(applied)

    def apply_deployment(self, deployment: Deployment, *, author: Author = "system") -> Applied:
        """Declare one deployment."""
        return self.apply([deployment], author=author)[0]

    def apply_route(self, route: Route, *, author: Author = "system") -> Applied:
        """Declare one route."""
        return self.apply([route], author=author)[0]

    def declared(self) -> Declared:
        """Everything declared, as of one moment; the same object until something is written."""
        with self._database.read() as connection:
            return self._declared.read(connection)

    def list_deployments(self) -> list[DeploymentRecord]:
        """All deployments by name, with those being deleted."""
        return list(self.declared().deployments)

    def list_routes(self) -> list[RouteRecord]:
        """All routes by name."""
        return list(self.declared().routes)

    def list_clusters(self) -> list[ClusterRecord]:
        """All clusters by name; `local`, which nobody declares, is not among them."""
        return list(self.declared().clusters)

    def list_stages(self) -> list[StageRecord]:
        """All stages by name."""
        return list(self.declared().stages)

    def list_rollouts(self) -> list[RolloutRecord]:
        """All rollouts by name."""
        return list(self.declared().rollouts)

    def get(self, kind: Kind, name: str) -> Record | None:
        """One document of any kind, or None."""
        with self._database.read() as connection:
            row = document_statements.find(connection, kind, name)
        return None if row is None or row.removed else document_rows.record(row)

    def get_rollout(self, key: ModelKey) -> RolloutRecord | None:
        """One rollout, or None."""
        return cast("RolloutRecord | None", self.get("Rollout", str(key)))

    def get_deployment(self, key: VersionKey) -> DeploymentRecord | None:
        """One deployment, or None."""
        return cast("DeploymentRecord | None", self.get("Deployment", str(key)))

    def get_route(self, key: ModelKey) -> RouteRecord | None:
        """One route, or None."""
        return cast("RouteRecord | None", self.get("Route", str(key)))

    def revisions(self, kind: Kind, name: str) -> list[Revision]:
        """The history of a document, oldest first; also of one that was removed."""
        table = schema.revisions
        query = select(table).where(table.c.kind == kind, table.c.name == name).order_by(table.c.number)
        with self._database.read() as connection:
            return [document_rows.revision(row) for row in connection.execute(query)]

    def undo(
        self,
        kind: Kind,
        name: str,
        to_revision: int | None = None,
        *,
        author: Author = "system",
        expected_revision: int | None = None,
        admit: Admit = admit_everything,
    ) -> Applied:
        """Declare again what an earlier revision declared: the newest other one, or `to_revision`. A new revision results.

        Raises:
            NotFoundError: No such document or revision.
            ConflictError: The document is not at `expected_revision`, or there is nothing to go back to.
        """
        with self._database.write() as connection:
            row = document_statements.existing(connection, kind, name, expected_revision, removed_too=True)
            target = document_statements.undo_target(connection, kind, name, row.revision, to_revision)
            document = document_from_json(msgspec.json.decode(target.document))
            applied = self._apply_one(connection, document, author, f"undo to revision {target.number}")
            admit(self._declared.read_within(connection))
        self._notify_if(applied.action != "unchanged")
        return applied

    def delete(
        self,
        kind: Kind,
        name: str,
        *,
        author: Author = "system",
        expected_revision: int | None = None,
        admit: Admit = admit_everything,
    ) -> int:
        """Declare that a document goes; its history stays.

        The replicas of a deployment leave first, then `remove_deployment` is called. A deleted rollout leaves weights as they are.

        Returns:
            The number of the revision that says so.

        Raises:
            NotFoundError: No such document.
            ConflictError: It is not at `expected_revision`.
        """
        with self._database.write() as connection:
            row = document_statements.existing(connection, kind, name, expected_revision)
            if row.deleting:
                return row.revision
            number = self._tombstone(connection, row, author)
            admit(self._declared.read_within(connection))
        self._notify()
        return number

    def remove_deployment(self, key: VersionKey) -> None:
        """Forget a deployment that is gone; its history stays. Nothing happens if it was declared anew meanwhile."""
        table = schema.documents
        with self._database.write() as connection:
            gone = connection.execute(
                update(table)
                .where(table.c.kind == "Deployment", table.c.name == str(key), table.c.deleting == 1)
                .values(deleting=0, removed=1, status=None, sequence=document_statements.next_sequence(connection))
            ).rowcount
        self._notify_if(gone > 0)

    def save_rollout(
        self, key: ModelKey, status: RolloutStatus, *, also: Callable[[Connection], None] = lambda _: None
    ) -> None:
        """Keep where a rollout stands, and in the same transaction what `also` writes.

        Args:
            key: Whose.
            status: Its `turn` is that of the status it follows; one more is kept.
            also: Writes what belongs to it.

        Raises:
            ConflictError: Somebody else has written meanwhile, or the rollout is gone.
        """
        table = schema.documents
        with self._database.write() as connection:
            row = document_statements.existing(connection, "Rollout", str(key), None)
            if cast("RolloutRecord", document_rows.record(row)).status.turn != status.turn:
                raise ConflictError(f"rollout {key} was changed by somebody else meanwhile", hint="try again")
            text = msgspec.json.encode(replace(status, turn=status.turn + 1)).decode()
            connection.execute(
                update(table)
                .where(table.c.kind == "Rollout", table.c.name == str(key))
                .values(status=text, sequence=document_statements.next_sequence(connection))
            )
            also(connection)
        self._notify()

    def save_status(self, key: VersionKey, status: DeploymentStatus) -> bool:
        """Keep what is observed of a deployment. Returns whether that was news; a removed one is left alone."""
        return bool(self.save_statuses([(key, status)]))

    def save_statuses(self, seen: Sequence[tuple[VersionKey, DeploymentStatus]]) -> int:
        """Keep what is observed of several deployments, all or nothing; each is a change of its own for who watches.

        Returns:
            Of how many it was news; those that were removed are left alone.
        """
        texts = {str(key): msgspec.json.encode(status).decode() for key, status in seen}
        with self._database.read() as connection:
            news = document_statuses.differing(connection, texts)
        if not news:
            return 0
        with self._database.write() as connection:
            document_statuses.write(connection, news, document_statements.next_sequence(connection))
        self._notify()
        return len(news)

    def changed_after(self, sequence: int, most: int) -> tuple[int, Sequence[Any]]:
        """The newest sequence number, and the rows that changed after `sequence`, in that order, at most so many."""
        table = schema.documents
        query = select(table).where(table.c.sequence > sequence).order_by(table.c.sequence).limit(most)
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(table.c.sequence))).scalar() or 0
            return newest, connection.execute(query).all()

    def under(self, database: Database) -> "Documents":
        """The same documents for one who writes through another view of the database."""
        other = copy.copy(self)
        other._database = database  # noqa: SLF001 - of our own kind
        return other

    def _notify_if(self, changed: bool) -> None:  # noqa: FBT001 - the one thing it is about
        if changed:
            self._notify()

    def _apply_one(self, connection: Connection, document: Document, author: Author, cause: str) -> Applied:
        kind, name, now = kind_of(document), name_of(document), self._clock()
        value = document_to_json(document)
        text = document_rows.to_text(value)
        row = document_statements.find(connection, kind, name)
        if row is not None and row.document == text and not row.deleting and not row.removed:
            return Applied(kind=kind, name=name, action="unchanged", revision=row.revision)
        number = 1 if row is None else row.revision + 1
        before: dict[str, Any] = {}
        fields = {"revision": number, "document": text, "updated_at": now, "deleting": 0, "removed": 0}
        fields["sequence"] = document_statements.next_sequence(connection)
        if row is None:
            connection.execute(insert(schema.documents).values(kind=kind, name=name, created_at=now, **fields))
        else:
            if row.removed:
                fields["created_at"] = now
            else:
                before = msgspec.json.decode(row.document)["spec"]
            document_statements.change(connection, kind, name, fields)
        document_statements.insert_revision(
            connection, (kind, name, number), text, (name_of_author(author), cause, now)
        )
        action = "changed" if before else "created"
        changes = changes_between(before, value["spec"], "spec")
        what = action if cause == "apply" else cause
        audit.record(connection, author, now, action=what, kind=kind, name=name, revision=number, changes=changes)
        return Applied(kind=kind, name=name, action=action, revision=number, changes=changes)

    def _tombstone(self, connection: Connection, row: Any, author: Author) -> int:
        now, number = self._clock(), row.revision + 1
        fields = {"revision": number, "updated_at": now, document_rows.going(row.kind): 1}
        fields["sequence"] = document_statements.next_sequence(connection)
        if row.kind == "Rollout" and row.status:
            fields["status"] = _ended(row.status, f"deleted by {name_of_author(author)}; the weights stay", now)
        document_statements.change(connection, row.kind, row.name, fields)
        document_statements.insert_revision(
            connection, (row.kind, row.name, number), "{}", (name_of_author(author), "delete", now)
        )
        gone = changes_between(msgspec.json.decode(row.document)["spec"], {}, "spec")
        audit.record(
            connection, author, now, action="deleted", kind=row.kind, name=row.name, revision=number, changes=gone
        )
        return number


def _ended(text: str, message: str, now: float) -> str:
    """The status of a rollout that is deleted: whatever it was about to do, it does not."""
    status = msgspec.json.decode(text, type=RolloutStatus)
    if status.under_way or status.pending:
        status = replace(status, phase=RolloutPhase.STOPPED, pending=None, message=message, ended_at=now)
    return msgspec.json.encode(replace(status, turn=status.turn + 1)).decode()
