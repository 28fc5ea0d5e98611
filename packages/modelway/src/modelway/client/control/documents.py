"""What is declared: documents applied, listed, watched, undone, and how their phases go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls, Items, converted, decoded
from modelway.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file of documents as read: its name is what problems are reported under."""

    name: str
    text: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field that an apply changes; absent values are None."""

    path: str
    before: Any = msgspec.field(name="from", default=None)
    after: Any = msgspec.field(name="to", default=None)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that follows from an apply: a rolling restart, a share of traffic."""

    kind: str
    text: str


class ApplyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document: created, changed or unchanged."""

    kind: str
    name: str
    action: str
    revision: int = 0
    changes: tuple[Change, ...] = ()
    effects: tuple[Effect, ...] = ()


class _Results(msgspec.Struct, frozen=True):
    results: tuple[ApplyResult, ...]


DocumentKind = Literal["deployments", "routes", "clusters", "stages", "rollouts"]


ListKind = Literal[
    "deployments",
    "routes",
    "clusters",
    "stages",
    "rollouts",
    "endpoints",
    "packages",
    "gateways",
    "keys",
    "issuers",
    "sources",
    "tokens",
]


_SEGMENTS: Mapping[DocumentKind, tuple[str, ...]] = {
    "deployments": ("project", "model", "version"),
    "routes": ("project", "model"),
    "clusters": ("name",),
    "stages": ("project", "stage"),
    "rollouts": ("project", "model"),
}


class DocumentsClient(ControlCalls):
    """Deployments, routes, clusters, stages and rollouts."""

    def apply(
        self,
        files: Sequence[DocumentFile],
        packages: Mapping[str, str] | None = None,
        *,
        dry_run: bool = False,
        expected: Mapping[str, int] | None = None,
    ) -> tuple[ApplyResult, ...]:
        """Makes the documents the declared state: all of them, or none.

        Args:
            files: Every file with its documents.
            packages: Digest by the path a document names its package by.
            dry_run: Only says what would change.
            expected: Revision by `Kind/name` (`Deployment/vision/digits/v1`) that a document has to be at; 0: it must not be there.

        Raises:
            InvalidDocumentError: Problems with their positions in `details`.
            ConflictError: Somebody changed what was expected; or, with code `package_needed`, `details` names files and paths
                to upload first.
        """
        body: dict[str, Any] = {
            "files": [{"name": file.name, "text": file.text} for file in files],
            "packages": dict(packages or {}),
        }
        if expected:
            body["expectedRevisions"] = dict(expected)
        query = {"dryRun": "true"} if dry_run else None
        return converted(self._post("/v1/apply", body, query=query).json(), _Results).results

    def list_all(self, kind: ListKind) -> list[dict[str, Any]]:
        """All objects of a kind."""
        return converted(self._http.request("GET", f"/v1/{kind}").json(), Items).items

    def watch(self, kind: ListKind, *, silence: float | None = None) -> Iterator[list[dict[str, Any]]]:
        """The whole list now and again after each change, until the server ends it.

        Args:
            kind: What to watch.
            silence: Seconds without a change after which it is given up with `DeadlineExceededError`.
        """
        with self._http.stream("GET", f"/v1/{kind}", query={"watch": "true"}, silence=silence) as stream:
            for line in stream.lines():
                yield decoded(line, Items).items

    def get(self, kind: DocumentKind, name: str) -> dict[str, Any]:
        """One deployment (`project/model/version`) route (`project/model`), stage (`project/stage`) or cluster."""
        return self._object(self._http.request("GET", object_path(kind, name)))

    def delete(
        self, kind: DocumentKind, name: str, *, force: bool = False, expected_revision: int | None = None
    ) -> None:
        """Declares it gone; the replicas of a deployment finish their requests first.

        Args:
            kind: Of what.
            name: Its name.
            force: A deployment that a route still gives traffic to, too.
            expected_revision: Refuse unless it is at this revision.

        Raises:
            ConflictError: A route gives it traffic, or somebody changed it.
        """
        query = {"force": "true"} if force else {}
        if expected_revision is not None:
            query["expectedRevision"] = str(expected_revision)
        self._http.request("DELETE", object_path(kind, name), query=query or None)

    def revisions(self, kind: DocumentKind, name: str) -> list[dict[str, Any]]:
        """Every accepted change of it, oldest first."""
        answer = self._http.request("GET", object_path(kind, name) + "/revisions")
        return converted(answer.json(), Items).items

    def events(self, kind: DocumentKind, name: str) -> list[dict[str, Any]]:
        """What happened to it, oldest first."""
        answer = self._http.request("GET", object_path(kind, name) + "/events")
        return converted(answer.json(), Items).items

    def undo(
        self, kind: DocumentKind, name: str, *, to_revision: int | None = None, expected_revision: int | None = None
    ) -> dict[str, Any]:
        """Declares an earlier revision again, as a new one: the one before unless `to_revision` says which.

        Raises:
            ConflictError: It is not at `expected_revision`, where one is given, or there is nothing to go back to.
        """
        body = {"toRevision": to_revision, "expectedRevision": expected_revision}
        given = {member: value for member, value in body.items() if value is not None}
        return self._object(self._post(object_path(kind, name) + "/undo", given))

    def phases(self, name: str, *, revision: int = 0) -> dict[str, Any]:
        """How far each phase of a deployment's revision is, the newest unless given: `revision`, `items`."""
        query = {"revision": str(revision)} if revision else None
        path = object_path("deployments", name) + "/phases"
        return self._object(self._http.request("GET", path, query=query))

    def steer(self, name: str, action: str, *, phase: str = "") -> dict[str, Any]:
        """Says of a deployment's newest revision: `pause`, `resume`, `approve` (of the phase that waits, or `phase`), `abort` or `retry`."""
        body = {"action": action, **({"phase": phase} if phase else {})}
        return self._object(self._post(object_path("deployments", name) + "/steer", body))

    def watch_documents(self, *, since: int = 0, kind: str = "", project: str = "") -> Iterator[dict[str, Any]]:
        """Each document that changed after a number, as it is now, and the changes to come, until the server ends it.

        Args:
            since: The `sequence` of the last change that is known.
            kind: Only documents of this kind.
            project: Only what belongs to this project.
        """
        query = {"since": str(since)} | ({"kind": kind} if kind else {}) | ({"project": project} if project else {})
        with self._http.stream("GET", "/v1/documents:watch", query=query, silence=None) as stream:
            for line in stream.lines():
                yield decoded(line, dict[str, Any])


def object_path(kind: DocumentKind, name: str) -> str:
    """`/v1/deployments/vision/digits/v1` for `vision/digits/v1`.

    Raises:
        InvalidRequestError: The name has too many or too few parts.
    """
    wanted = _SEGMENTS[kind]
    parts = name.split("/")
    if len(parts) != len(wanted) or not all(parts):
        raise InvalidRequestError(
            f"{name!r} is not the name of a {kind.removesuffix('s')}",
            hint=f"a {kind.removesuffix('s')} is named {'/'.join(wanted).upper()}",
        )
    return f"/v1/{kind}" + path_of(*parts)
