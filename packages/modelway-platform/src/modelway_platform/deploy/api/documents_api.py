"""`/v1/apply`, `/v1/deployments`, `/v1/routes` and `/v1/clusters`: what is declared, its history, and changes to it."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import ConflictError, InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.apply_documents import ApplyRequest, apply_documents
from modelway_platform.deploy.api.exchange import expected_revision, flag, json_answer, read_json
from modelway_platform.deploy.api.frontier import Caller
from modelway_platform.deploy.api.object_json import (
    applied_json,
    cluster_json,
    deployment_json,
    event_json,
    revision_json,
    route_json,
)
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.streaming import watch
from modelway_platform.domain.admit_addressing import names_of
from modelway_platform.domain.admit_assignment import arms_of
from modelway_platform.domain.admit_clusters import deployments_on
from modelway_platform.domain.admit_documents import problems_with, weight_of
from modelway_platform.domain.admit_mirroring import mirrors_of
from modelway_platform.domain.document_changes import Applied
from modelway_platform.domain.document_json import Document, Kind
from modelway_platform.domain.document_node import Mark
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.mass_deletion import MassDeletion
from modelway_platform.domain.read_document import Written
from modelway_platform.domain.records import Declared

MAX_APPLY_BYTES = 32 * 1024 * 1024


class UndoRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST …/undo`; without a number, the revision before."""

    to_revision: int | None = msgspec.field(default=None, name="toRevision")


class DocumentsApi:
    """Handlers around `Documents`, each one database transaction in a thread."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._documents = parts.documents

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        found = [Path("/v1/apply", self.apply, methods=["POST"])]
        for plural, kind, name in (
            ("deployments", "Deployment", "{project}/{model}/{version}"),
            ("routes", "Route", "{project}/{model}"),
            ("clusters", "Cluster", "{name}"),
        ):
            one = f"/v1/{plural}/{name}"
            api = _OneKind(self._parts, cast("Kind", kind))
            found += [
                Path(f"/v1/{plural}", api.list_all, methods=["GET"]),
                Path(one, api.get, methods=["GET"]),
                Path(one, api.delete, methods=["DELETE"]),
                Path(f"{one}/revisions", api.revisions, methods=["GET"]),
                Path(f"{one}/events", api.events, methods=["GET"]),
                Path(f"{one}/undo", api.undo, methods=["POST"]),
            ]
        return found

    async def apply(self, request: Request) -> Response:
        """All documents of the body, or none."""
        dry_run = flag(request, "dryRun")
        body = await read_json(request, ApplyRequest, MAX_APPLY_BYTES)
        author = caller_of(request).name

        def apply() -> tuple[Applied, ...]:
            applied = apply_documents(body, self._documents, self._parts.packages, author=author, dry_run=dry_run)
            if not dry_run:
                self._tell(applied, author)
            return applied

        return json_answer({"results": [applied_json(item) for item in await asyncio.to_thread(apply)]})

    def _tell(self, applied: tuple[Applied, ...], author: str) -> None:
        for item in applied:
            if item.action != "unchanged":
                message = f"revision {item.revision} {item.action} by {author}"
                self._parts.events.add(item.kind, item.name, "Normal", "Applied", message)


class _OneKind:
    """The handlers that deployments and routes have in common."""

    def __init__(self, parts: ApiParts, kind: Kind) -> None:
        self._parts = parts
        self._documents = parts.documents
        self._kind: Kind = kind
        self._mass = MassDeletion(time.monotonic)

    async def list_all(self, request: Request) -> Response:
        render = self._render
        if flag(request, "watch"):
            return watch(self._parts, render)
        return json_answer(await asyncio.to_thread(render))

    async def get(self, request: Request) -> Response:
        value = await asyncio.to_thread(self._find, _name(request))
        return json_answer(value, headers={"ETag": f'"{value["metadata"]["revision"]}"'})

    async def delete(self, request: Request) -> Response:
        name, author = _name(request), caller_of(request).name
        expected, force = expected_revision(request), flag(request, "force")
        return json_answer(await asyncio.to_thread(self._delete, name, author, expected, force))

    async def revisions(self, request: Request) -> Response:
        name = _name(request)
        found = await asyncio.to_thread(self._documents.revisions, self._kind, name)
        if not found:
            raise _missing(self._kind, name)
        return json_answer({"items": [revision_json(item) for item in found]})

    async def events(self, request: Request) -> Response:
        name = _name(request)
        found = await asyncio.to_thread(self._parts.events.list, self._kind, name)
        if not found and not await asyncio.to_thread(self._documents.revisions, self._kind, name):
            raise _missing(self._kind, name)
        return json_answer({"items": [event_json(item) for item in found]})

    async def undo(self, request: Request) -> Response:
        name, author, expected = _name(request), caller_of(request).name, expected_revision(request)
        body = await read_json(request, UndoRequest)
        value = await asyncio.to_thread(self._undo, name, body.to_revision, author, expected)
        return json_answer(value, headers={"ETag": f'"{value["metadata"]["revision"]}"'})

    def _render(self) -> dict[str, Any]:
        if self._kind == "Deployment":
            return {"items": [deployment_json(record) for record in self._documents.list_deployments()]}
        if self._kind == "Route":
            return {"items": [route_json(record) for record in self._documents.list_routes()]}
        return {"items": [cluster_json(record) for record in self._documents.list_clusters()]}

    def _find(self, name: str) -> dict[str, Any]:
        if self._kind == "Deployment":
            deployment = self._documents.get_deployment(_version_key(name))
            found = None if deployment is None else deployment_json(deployment)
        elif self._kind == "Cluster":
            clusters = (each for each in self._documents.list_clusters() if each.key == name)
            found = next((cluster_json(each) for each in clusters), None)
        else:
            route = self._documents.get_route(_model_key(name))
            found = None if route is None else route_json(route)
        if found is None:
            raise _missing(self._kind, name)
        return found

    def _delete(self, name: str, author: str, expected: int | None, force: bool) -> dict[str, Any]:  # noqa: FBT001 - the request's own flag
        if self._kind == "Route":
            number = self._documents.delete_route(_model_key(name), author=author, expected_revision=expected)
        elif self._kind == "Cluster":
            admit = partial(_carries_nothing, name)
            number = self._documents.delete_cluster(name, author=author, expected_revision=expected, admit=admit)
        else:
            key = _version_key(name)

            def admit(after: Declared) -> None:
                _no_traffic(key, after, force=force)
                if not force:
                    self._check_mass(key, after)

            number = self._documents.mark_deleting(key, author=author, expected_revision=expected, admit=admit)
            if not force:
                self._mass.note(key.project)
        self._parts.events.add(self._kind, name, "Normal", "Deleted", f"revision {number}: deleted by {author}")
        return {"kind": self._kind, "name": name, "revision": number}

    def _check_mass(self, key: VersionKey, after: Declared) -> None:
        left = sum(record.key.project == key.project and not record.deleting for record in after.deployments) + 1
        if self._mass.is_one(key.project, left):
            raise ConflictError(
                f"this would be more than half of project {key.project}'s deployments deleted within ten minutes",
                hint="`?force=true` says that it is meant",
            )

    def _undo(self, name: str, to_revision: int | None, author: str, expected: int | None) -> dict[str, Any]:
        def admit(after: Declared) -> None:
            self._admit(_declared(self._kind, name, after), after)

        applied = self._documents.undo(
            self._kind, name, to_revision, author=author, expected_revision=expected, admit=admit
        )
        if applied.action != "unchanged":
            message = f"revision {applied.revision}: an earlier one declared again by {author}"
            self._parts.events.add(self._kind, name, "Normal", "Undone", message)
        return self._find(name)

    def _admit(self, document: Document, after: Declared) -> None:
        packages = self._parts.packages
        digests = {record.deployment.package for record in after.deployments}
        known = {digest: packages.get(digest) for digest in digests if packages.has(digest)}
        written = Written(document=document, file="the earlier revision", marks={"": Mark(1, 1)})
        for problem in problems_with([written], after, known):
            raise ConflictError(f"that revision cannot be declared again: {problem.message}", hint=problem.hint)


def caller_of(request: Request) -> Caller:
    """Who asks, as the frontier found."""
    return cast("Caller", request.scope["modelway.caller"])


def _declared(kind: Kind, name: str, after: Declared) -> Document:
    if kind == "Deployment":
        return next(record.deployment for record in after.deployments if str(record.key) == name)
    if kind == "Cluster":
        return next(record.cluster for record in after.clusters if record.key == name)
    return next(record.route for record in after.routes if str(record.key) == name)


def _carries_nothing(name: str, after: Declared) -> None:
    carried = deployments_on(name, after)
    if carried:
        raise ConflictError(
            f"cluster {name} still has {len(carried)} deployment(s), such as {carried[0]}",
            hint="delete them or move them to another cluster first",
        )


def _no_traffic(key: VersionKey, after: Declared, *, force: bool) -> None:
    weight = weight_of(key, after)
    if weight and not force:
        raise ConflictError(
            f"route {key.model_key} gives version {key.version} a weight of {weight}",
            hint="apply the route without it first; `?force=true` deletes it all the same",
        )
    names = names_of(key, after)
    if names and not force:
        raise ConflictError(
            f"route {key.model_key} has {names[0]} mean version {key.version}",
            hint="let it mean another version first; `?force=true` deletes it all the same",
        )
    uses = [*arms_of(key, after), *mirrors_of(key, after)]
    if uses and not force:
        raise ConflictError(
            f"version {key.version} is {uses[0]} of route {key.model_key}",
            hint="apply the route without that first; `?force=true` deletes it all the same",
        )


def _name(request: Request) -> str:
    parts: Callable[[str], str | None] = request.path_params.get
    return "/".join(
        part for part in (parts("project"), parts("model"), parts("version"), parts("name")) if part is not None
    )


def _version_key(name: str) -> VersionKey:
    return VersionKey(*_split(name, 3))


def _model_key(name: str) -> ModelKey:
    return ModelKey(*_split(name, 2))


def _split(name: str, count: int) -> list[str]:
    parts = name.split("/")
    if len(parts) != count:  # a `%2F` inside a part
        raise InvalidRequestError("the name in the path has an encoded slash", hint="names hold none")
    return parts


def _missing(kind: Kind, name: str) -> NotFoundError:
    return NotFoundError(f"no {kind.lower()} {name[:200]}", hint=f"modelway get {kind.lower()}s")
