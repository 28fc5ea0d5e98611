"""Documents, deployments, routes and clusters: what is declared, its history, and changes to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

from modelway.errors import ConflictError, InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.authorize import check_project
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.objects.object_json import (
    applied_json,
    event_json,
    revision_json,
)
from modelway_platform.deploy.api.objects.record_json import record_json
from modelway_platform.deploy.api.objects.watch_documents import document_changes
from modelway_platform.deploy.api.parts import DeclaredParts, GitParts, PackageParts, Watching
from modelway_platform.deploy.api.reading.apply_documents import ApplyFile, ApplyRequest, apply_documents
from modelway_platform.deploy.api.reading.undo_in_git import GitUndo
from modelway_platform.deploy.api.schema import documents_pb2
from modelway_platform.deploy.api.streaming import changing
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.admit_entries import entry_problems
from modelway_platform.domain.documents.admit_removals import needs_of
from modelway_platform.domain.documents.document_changes import Applied
from modelway_platform.domain.documents.document_json import Document, Kind
from modelway_platform.domain.documents.mass_deletion import MassDeletion
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.documents.records_by_kind import document_of, records_of
from modelway_platform.domain.parsing.document_node import Mark
from modelway_platform.domain.records import Declared
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.store.declared.events import Happened


class DocumentsService:
    """What is declared, whatever its kind; each call is one database transaction in a thread."""

    def __init__(self, declared: DeclaredParts, git: GitParts, packages: PackageParts, watching: Watching) -> None:
        self._documents, self._events = declared.documents, declared.events
        self._packages = packages
        self._watching = watching
        self._one_kind = partial(_OneKind, declared, git, packages, watching)

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        one_kind = self._one_kind
        return {
            "modelway.v1.Documents": {"Apply": self.apply, "WatchDocuments": self.watch},
            "modelway.v1.Deployments": one_kind("Deployment").answers("Deployment", "Deployments"),
            "modelway.v1.Routes": one_kind("Route").answers("Route", "Routes"),
            "modelway.v1.Clusters": one_kind("Cluster").answers("Cluster", "Clusters"),
            "modelway.v1.Rollouts": _rest_of_rollouts(one_kind("Rollout").answers("Rollout", "Rollouts")),
            "modelway.v1.Stages": one_kind("Stage").answers("Stage", "Stages"),
        }

    async def apply(self, request: documents_pb2.ApplyRequest, call: Call) -> dict[str, Any]:
        """All documents of the request, or none."""
        author = call.actor("Documents.Apply")
        wanted = ApplyRequest(
            files=tuple(ApplyFile(name=each.name, text=each.text) for each in request.files),
            packages=dict(request.packages),
            expected=dict(request.expected_revisions),
        )

        def may_change(projects: Iterable[str]) -> None:
            for project in projects:
                check_project(call.caller, project)

        def apply() -> tuple[Applied, ...]:
            applied = apply_documents(
                wanted,
                self._documents,
                self._packages.store,
                author=author,
                dry_run=request.dry_run,
                may_change=may_change,
                refusal=self._packages.refusal,
            )
            if not request.dry_run:
                self._tell(applied, author)
            return applied

        return {"results": [applied_json(item) for item in await asyncio.to_thread(apply)]}

    def watch(self, request: documents_pb2.WatchDocumentsRequest, call: Call) -> AsyncIterator[dict[str, Any] | None]:
        """Changes from a number on."""
        return document_changes(self._documents, self._watching, request.since, request.kind, request.project)

    def _tell(self, applied: tuple[Applied, ...], author: Actor) -> None:
        self._events.note_all(
            [
                Happened(
                    kind=item.kind,
                    name=item.name,
                    type="Normal",
                    reason="Applied",
                    message=f"revision {item.revision} {item.action} by {author.name}",
                    at=time.time(),
                )
                for item in applied
                if item.action != "unchanged"
            ]
        )


class _OneKind:
    """What documents of all kinds have in common."""

    def __init__(
        self, declared: DeclaredParts, git: GitParts, packages: PackageParts, watching: Watching, kind: Kind
    ) -> None:
        self._documents, self._events = declared.documents, declared.events
        self._promotions = declared.promotions
        self._git = git
        self._packages = packages
        self._watching = watching
        self._kind: Kind = kind
        self._mass = MassDeletion(time.monotonic)

    def answers(self, one: str, many: str) -> Implementation:
        """What answers the methods about this kind."""
        return {
            f"List{many}": self.list_all,
            f"Watch{many}": self.watch,
            f"Get{one}": self.get,
            f"Delete{one}": self.delete,
            f"List{one}Revisions": self.revisions,
            f"List{one}Events": self.events,
            f"Undo{one}": self.undo,
        }

    async def list_all(self, request: Any, call: Call) -> dict[str, Any]:
        return await asyncio.to_thread(self._items)

    def watch(self, request: Any, call: Call) -> AsyncIterator[bytes | None]:
        return changing(self._watching, self._items)

    async def get(self, request: Any, call: Call) -> dict[str, Any]:
        return await asyncio.to_thread(self._find, _name(request))

    async def delete(self, request: Any, call: Call) -> dict[str, Any]:
        name, author = _name(request), call.actor(f"{self._kind}s.Delete{self._kind}")
        return await asyncio.to_thread(
            self._delete, name, author, _optional(request, "expected_revision"), request.force
        )

    async def revisions(self, request: Any, call: Call) -> dict[str, Any]:
        name = _name(request)
        found = await asyncio.to_thread(self._documents.revisions, self._kind, name)
        if not found:
            raise _missing(self._kind, name)
        return {"items": [revision_json(item) for item in found]}

    async def events(self, request: Any, call: Call) -> dict[str, Any]:
        name = _name(request)
        found = await asyncio.to_thread(self._events.list, self._kind, name)
        if not found and not await asyncio.to_thread(self._documents.revisions, self._kind, name):
            raise _missing(self._kind, name)
        return {"items": [event_json(item) for item in found]}

    async def undo(self, request: Any, call: Call) -> dict[str, Any]:
        name, expected = _name(request), _optional(request, "expected_revision")
        author = call.actor(f"{self._kind}s.Undo{self._kind}")
        return await asyncio.to_thread(self._undo, name, _optional(request, "to_revision"), author, expected)

    def _items(self) -> dict[str, Any]:
        return {"items": [record_json(each) for each in records_of(self._documents.declared(), self._kind)]}

    def _find(self, name: str) -> dict[str, Any]:
        found = self._documents.get(self._kind, name)
        if found is None:
            raise _missing(self._kind, name)
        return record_json(found)

    def _delete(self, name: str, author: Actor, expected: int | None, force: bool) -> dict[str, Any]:  # noqa: FBT001 - the request's own flag
        of_many, project = self._kind == "Deployment", name.partition("/")[0]

        def admit(after: Declared) -> None:
            if force and of_many:
                return
            _not_needed(self._kind, name, after)
            if of_many:
                self._check_mass(project, after)

        number = self._documents.delete(self._kind, name, author=author, expected_revision=expected, admit=admit)
        if of_many and not force:
            self._mass.note(project)
        self._events.note(self._kind, name, "Normal", "Deleted", f"revision {number}: deleted by {author.name}")
        return {"kind": self._kind, "name": name, "revision": number}

    def _check_mass(self, project: str, after: Declared) -> None:
        left = sum(record.key.project == project and not record.deleting for record in after.deployments) + 1
        if self._mass.is_one(project, left):
            raise ConflictError(
                f"this would be more than half of project {project}'s deployments deleted within ten minutes",
                hint="`?force=true` says that it is meant",
            )

    def _undo(self, name: str, to_revision: int | None, author: Actor, expected: int | None) -> dict[str, Any]:
        write = self._ask_for_commit(name, to_revision, author, expected)
        if write is not None:
            found = self._find(name)
            return {**found, "metadata": {**found["metadata"], "leftTo": write.source}}
        before = self._documents.declared()

        def admit(after: Declared) -> None:
            found = next(each for each in records_of(after, self._kind) if str(each.key) == name)
            self._admit(document_of(found), before, after)

        applied = self._documents.undo(
            self._kind, name, to_revision, author=author, expected_revision=expected, admit=admit
        )
        if applied.action != "unchanged":
            message = f"revision {applied.revision}: an earlier one declared again by {author.name}"
            self._events.note(self._kind, name, "Normal", "Undone", message)
        return self._find(name)

    def _ask_for_commit(
        self, name: str, to_revision: int | None, author: Actor, expected: int | None
    ) -> GitWrite | None:
        """What Git declares is changed in Git, where its source lets the platform write."""
        git = self._git
        if git.writes is None or self._promotions is None:
            return None
        undo = GitUndo(self._documents, git.sources, git.writes, self._promotions)
        write = undo.ask(self._kind, name, to_revision, author=author.name, expected=expected)
        if write is not None:
            message = f"{write.subject}: a commit to branch {write.branch} of source {write.source} asked for by {author.name}"
            self._events.note(self._kind, name, "Normal", "UndoAskedFor", message)
        return write

    def _admit(self, document: Document, before: Declared, after: Declared) -> None:
        packages = self._packages.store
        digests = {record.deployment.package for record in after.deployments}
        known = {digest: packages.get(digest) for digest in digests if packages.has(digest)}
        written = Written(document=document, file="the earlier revision", marks={"": Mark(1, 1)})
        for problem in (*problems_with([written], after, known), *entry_problems([written], before, after)):
            raise ConflictError(f"that revision cannot be declared again: {problem.message}", hint=problem.hint)


def _rest_of_rollouts(answers: Implementation) -> Implementation:
    """One rollout is shown by `rollouts_api`, with its evidence."""
    return {name: each for name, each in answers.items() if name != "GetRollout"}


def _not_needed(kind: Kind, name: str, after: Declared) -> None:
    for needed in needs_of(kind, name, after):
        forced = "; `?force=true` deletes it all the same" if kind == "Deployment" else ""
        raise ConflictError(needed.message, hint=needed.hint + forced)


def _name(request: Any) -> str:
    parts = [
        getattr(request, name) for name in ("project", "model", "version", "stage", "name") if hasattr(request, name)
    ]
    if any("/" in part for part in parts):
        raise InvalidRequestError("the name has a slash in one of its parts", hint="names hold none")
    return "/".join(parts)


def _optional(request: Any, name: str) -> int | None:
    return getattr(request, name) if request.HasField(name) else None


def _missing(kind: Kind, name: str) -> NotFoundError:
    return NotFoundError(f"no {kind.lower()} {name[:200]}", hint=f"modelway get {kind.lower()}s")
