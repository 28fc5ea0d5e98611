"""The platform's REST API as Python calls: what the command line uses, and anybody's scripts may."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, TypeVar

import msgspec

from modelway.client.addresses import path_of
from modelway.client.connection import Server, find_connection
from modelway.client.http_client import Answer, AnswerStream, HttpClient, Timeouts
from modelway.client.key_text import hint_for_unknown
from modelway.errors import InvalidRequestError, NotFoundError, UnavailableError

DocumentKind = Literal["deployments", "routes", "clusters", "stages"]
ListKind = Literal[
    "deployments",
    "routes",
    "clusters",
    "stages",
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
}
_UPLOAD_SILENCE = 300.0  # the server verifies a whole archive before it answers
_COMPARISON_SILENCE = 300.0  # much of the access log is read for it
_QUERY_SILENCE = 30.0  # a query may wait for its turn
Value = TypeVar("Value")


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


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; `secret` is shown this once and kept nowhere."""

    id: str
    name: str
    role: str
    secret: str

    def __repr__(self) -> str:
        return f"CreatedKey(id={self.id!r}, name={self.name!r}, role={self.role!r})"


class UploadedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package the platform now has."""

    digest: str
    name: str = ""
    version: str = ""
    size: int = 0


class _Results(msgspec.Struct, frozen=True):
    results: tuple[ApplyResult, ...]


class _Items(msgspec.Struct, frozen=True):
    items: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file of documents as read: its name is what problems are reported under."""

    name: str
    text: str


class _Progress:
    """A file that says how much of it has been read."""

    def __init__(self, file: BinaryIO, size: int, report: Callable[[int, int], None]) -> None:
        self._file = file
        self._size = size
        self._report = report
        self._done = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._done += len(data)
        self._report(self._done, self._size)
        return data


class ControlClient:
    """The control API of one platform.

    Objects (deployments, routes, …) are the JSON objects the API answers with.

    Args:
        server: Address and admin key; found as the command line finds them when not given.
        timeouts: For single requests; watching and following wait as long as they are told.
    """

    def __init__(self, server: Server | None = None, *, timeouts: Timeouts | None = None) -> None:
        self.server = server or find_connection().control
        self._http = HttpClient(
            self.server.url,
            headers=self.server.headers,
            timeouts=timeouts,
            ca_file=self.server.ca_file,
            hints={
                "unreachable": "start it with `modelway up`, or say where it runs with --url or MODELWAY_URL",
                "unauthenticated": hint_for_unknown(
                    self.server.key,
                    "give an admin key with MODELWAY_KEY or --key; `modelway up` keeps one in context.json",
                ),
            },
        )

    # Documents

    def apply(
        self, files: Sequence[DocumentFile], packages: Mapping[str, str] | None = None, *, dry_run: bool = False
    ) -> tuple[ApplyResult, ...]:
        """Makes the documents the declared state: all of them, or none.

        Args:
            files: Every file with its documents.
            packages: Digest by the path a document names its package by.
            dry_run: Only says what would change.

        Raises:
            InvalidDocumentError: Problems with their positions in `details`.
            ConflictError: Code `package_needed`: `details` names files and paths to upload first.
        """
        body = {
            "files": [{"name": file.name, "text": file.text} for file in files],
            "packages": dict(packages or {}),
        }
        query = {"dryRun": "true"} if dry_run else None
        return _convert(self._post("/v1/apply", body, query=query).json(), _Results).results

    def list_all(self, kind: ListKind) -> list[dict[str, Any]]:
        """All objects of a kind."""
        return _convert(self._http.request("GET", f"/v1/{kind}").json(), _Items).items

    def watch(self, kind: ListKind, *, silence: float | None = None) -> Iterator[list[dict[str, Any]]]:
        """The whole list now and again after each change, until the server ends it.

        Args:
            kind: What to watch.
            silence: Seconds without a change after which it is given up with `DeadlineExceededError`.
        """
        with self._http.stream("GET", f"/v1/{kind}", query={"watch": "true"}, silence=silence) as stream:
            for line in stream.lines():
                yield _decode(line, _Items).items

    def get(self, kind: DocumentKind, name: str) -> dict[str, Any]:
        """One deployment (`project/model/version`) route (`project/model`), stage (`project/stage`) or cluster."""
        return self._object(self._http.request("GET", object_path(kind, name)))

    def delete(self, kind: DocumentKind, name: str, *, force: bool = False) -> None:
        """Declares it gone; the replicas of a deployment finish their requests first.

        Args:
            kind: Of what.
            name: Its name.
            force: A deployment that a route still gives traffic to, too.

        Raises:
            ConflictError: A route gives it traffic.
        """
        self._http.request("DELETE", object_path(kind, name), query={"force": "true"} if force else None)

    def revisions(self, kind: DocumentKind, name: str) -> list[dict[str, Any]]:
        """Every accepted change of it, oldest first."""
        answer = self._http.request("GET", object_path(kind, name) + "/revisions")
        return _convert(answer.json(), _Items).items

    def phases(self, name: str, *, revision: int = 0) -> dict[str, Any]:
        """How far each phase of a deployment's revision is, the newest unless given: `revision`, `items`."""
        query = {"revision": str(revision)} if revision else None
        path = object_path("deployments", name) + "/phases"
        return self._object(self._http.request("GET", path, query=query))

    def steer(self, name: str, action: str, *, phase: str = "") -> dict[str, Any]:
        """Says of a deployment's newest revision: `pause`, `resume`, `approve` (of the phase that waits, or `phase`), `abort` or `retry`."""
        body = {"action": action, **({"phase": phase} if phase else {})}
        return self._object(self._post(object_path("deployments", name) + "/steer", body))

    def promote(self, name: str, *, to: str = "", reason: str = "") -> dict[str, Any]:
        """Asks for a deployment to move into the next stage of its project; `to` says which that should be."""
        body = {"to": to, "reason": reason}
        return self._object(self._post(object_path("deployments", name) + "/promote", body))

    def promotions(self, below: str = "", *, under_way: bool = False, most: int = 100) -> list[dict[str, Any]]:
        """The newest promotions, newest first; `below` is `project[/model[/version]]`."""
        scope = dict(zip(("project", "model", "version"), below.split("/") if below else (), strict=False))
        query = {**scope, "most": str(most), **({"open": "true"} if under_way else {})}
        return _convert(self._http.request("GET", "/v1/promotions", query=query).json(), _Items).items

    def promotion(self, number: int) -> dict[str, Any]:
        """One promotion with what its gates said."""
        return self._object(self._http.request("GET", f"/v1/promotions/{number}"))

    def steer_promotion(self, number: int, action: str, *, comment: str = "") -> dict[str, Any]:
        """Says of a promotion: `approve`, `reject`, `pause`, `resume`, `abort` or `retry`."""
        return self._object(self._post(f"/v1/promotions/{number}/steer", {"action": action, "comment": comment}))

    def events(self, kind: DocumentKind, name: str) -> list[dict[str, Any]]:
        """What happened to it, oldest first."""
        answer = self._http.request("GET", object_path(kind, name) + "/events")
        return _convert(answer.json(), _Items).items

    def undo(self, kind: DocumentKind, name: str, *, to_revision: int | None = None) -> dict[str, Any]:
        """Declares an earlier revision again, as a new one: the one before unless `to_revision` says which."""
        return self._object(self._post(object_path(kind, name) + "/undo", {"toRevision": to_revision}))

    def compare(
        self,
        model: str,
        baseline: str,
        candidate: str,
        *,
        since: str = "",
        pinned: bool = False,
        experiment: str = "",
    ) -> dict[str, Any]:
        """What the requests answered so far say of two versions of a model.

        Args:
            model: `project/model`.
            baseline: The version that is judged by.
            candidate: The version that is judged.
            since: `90m`, `2h`, `7d` or a time with its zone (RFC 3339); the last change of either deployment unless given.
            pinned: Whether requests to a version's own URL count, too.
            experiment: Only those of this experiment of the route.
        """
        query = {"baseline": baseline, "candidate": candidate}
        if since:
            query["since"] = since
        if pinned:
            query["pinned"] = "true"
        if experiment:
            query["experiment"] = experiment
        # Much of the access log is read for it.
        path = object_path("routes", model) + "/comparison"
        return self._object(self._http.request("GET", path, query=query, silence=_COMPARISON_SILENCE))

    def mirror_report(self, model: str, *, since: str = "", examples: int = 5) -> dict[str, Any]:
        """How often the answers to copies of a model's requests agree with those that callers got.

        Args:
            model: `project/model`.
            since: `90m`, `2h`, `7d` or a time with its zone (RFC 3339); the last day unless given.
            examples: How many of the worst to show of each pair of versions.
        """
        query = {"examples": str(examples)} | ({"since": since} if since else {})
        path = object_path("routes", model) + "/mirrors"
        return self._object(self._http.request("GET", path, query=query, silence=_COMPARISON_SILENCE))

    # Packages

    def package(self, digest: str) -> dict[str, Any]:
        """One package the platform has."""
        return self._object(self._http.request("GET", "/v1/packages" + path_of(digest)))

    def has_package(self, digest: str) -> bool:
        """Whether it need not be uploaded."""
        try:
            self._http.request("HEAD", "/v1/packages" + path_of(digest))
        except NotFoundError:
            return False
        return True

    def upload_package(self, path: Path, *, report: Callable[[int, int], None] | None = None) -> UploadedPackage:
        """Sends a package archive unless the platform has it already.

        Args:
            path: The archive.
            report: Called with octets sent and octets in all.

        Raises:
            InvalidRequestError: There is no such file.
            InvalidPackageError: The platform refuses it; the message says which entry and why.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
                if self.has_package(digest):
                    return UploadedPackage(digest=digest, size=size)
                file.seek(0)
                body = _Progress(file, size, report or (lambda _done, _size: None))
                headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                answer = self._http.request("POST", "/v1/packages", body=body, headers=headers, silence=_UPLOAD_SILENCE)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise InvalidRequestError(f"cannot read the package {path}: {error.strerror}") from error
        return _convert(answer.json(), UploadedPackage)

    def add_signature(self, digest: str, bundle: bytes) -> None:
        """Hands over a signature of a package that the platform has, as `modelway sign` writes it.

        Raises:
            InvalidPackageError: It is none.
            ConflictError: It is of another package.
        """
        self._post(f"/v1/packages/{digest}/signatures", {"bundle": bundle.decode()})

    # Keys

    def create_key(
        self,
        name: str,
        *,
        role: str = "caller",
        consumer: str = "",
        scopes: Sequence[str] = (),
        expires: str = "",
        limits: Sequence[str] = (),
        quotas: Sequence[str] = (),
    ) -> CreatedKey:
        """A new key; its secret is in this answer and nowhere else.

        Args:
            name: Who or what it is for.
            role: `caller` or `admin`.
            consumer: Whom it belongs to; the key's own name unless given.
            scopes: `project/model`, either half may be `*`; everything unless given.
            expires: `90d`, `12h`; never unless given.
            limits: `100/1s`, `100/1s:200` with a burst.
            quotas: `100000/1d`.
        """
        body: dict[str, Any] = {"name": name, "role": role}
        more = {"consumer": consumer, "scopes": scopes, "expires": expires, "limits": limits, "quotas": quotas}
        body |= {member: value for member, value in more.items() if value}
        return _convert(self._post("/v1/keys", body).json(), CreatedKey)

    def rotate_key(self, key_id: str, *, grace: str = "1d") -> CreatedKey:
        """A new secret for a key; the present one stays valid for `grace` (`1d`, `12h`, `0` for not at all)."""
        return _convert(self._post("/v1/keys" + path_of(key_id, "rotate"), {"grace": grace}).json(), CreatedKey)

    def revoke_key(self, key_id: str) -> None:
        """From now on the key opens nothing."""
        self._http.request("DELETE", "/v1/keys" + path_of(key_id))

    def set_source(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Follows a Git repository; members of `spec` as `PUT /v1/sources/{name}` has them."""
        body = msgspec.json.encode(spec)
        headers = {"content-type": "application/json"}
        return self._object(self._http.request("PUT", "/v1/sources" + path_of(name), body=body, headers=headers))

    def get_source(self, name: str) -> dict[str, Any]:
        """A source with its last commits and what has drifted."""
        return self._object(self._http.request("GET", "/v1/sources" + path_of(name)))

    def sync_source(self, name: str) -> None:
        """Looks at a source's branch now."""
        self._http.request("POST", f"/v1/sources{path_of(name)}/sync")

    def remove_source(self, name: str) -> None:
        """Follows a source no more; what it declared stays declared."""
        self._http.request("DELETE", "/v1/sources" + path_of(name))

    def create_token(
        self, name: str, *, role: str = "reader", projects: Sequence[str] = (), expires: str = ""
    ) -> dict[str, Any]:
        """A new token of this API; its `secret` is in this answer and nowhere else.

        Args:
            name: Who or what it is for.
            role: `reader`, `deployer` or `admin`.
            projects: What a deployer may change.
            expires: `90d`, `12h`; never unless given.
        """
        body = {"name": name, "role": role, "projects": list(projects), "expires": expires}
        return self._object(self._post("/v1/tokens", body))

    def revoke_token(self, token_id: str) -> None:
        """From now on the token opens nothing."""
        self._http.request("DELETE", "/v1/tokens" + path_of(token_id))

    def audit(
        self, *, kind: str = "", name: str = "", actor: str = "", after: int = 0, most: int = 100
    ) -> list[dict[str, Any]]:
        """The newest changes that fit, oldest first: `sequence`, `at`, `actor`, `action`, `kind`, `name`, `changes`.

        Args:
            kind: Only of a Deployment, Route, Cluster, Key, Token, Issuer or Package.
            name: Only of this one.
            actor: Only by this key or token, by its name.
            after: Only with a larger number.
            most: How many.
        """
        wanted = {"kind": kind, "name": name, "actor": actor, "after": str(after) if after else "", "most": str(most)}
        query = {member: value for member, value in wanted.items() if value}
        return _convert(self._http.request("GET", "/v1/audit", query=query).json(), _Items).items

    def watch_audit(self, *, since: int = 0) -> Iterator[dict[str, Any]]:
        """Every change after a number, and those to come, until the server ends it."""
        with self._http.stream("GET", "/v1/audit:watch", query={"since": str(since)}, silence=None) as stream:
            for line in stream.lines():
                yield _decode(line, dict[str, Any])

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
                yield _decode(line, dict[str, Any])

    def set_issuer(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Declares whose tokens are taken beside keys; members of `spec` as `PUT /v1/issuers/{name}` has them."""
        body = msgspec.json.encode(dict(spec))
        headers = {"Content-Type": "application/json"}
        return self._object(self._http.request("PUT", "/v1/issuers" + path_of(name), body=body, headers=headers))

    def remove_issuer(self, name: str) -> None:
        """From now on its tokens open nothing."""
        self._http.request("DELETE", "/v1/issuers" + path_of(name))

    # Logs and state

    def logs(
        self,
        *,
        source: Literal["access", "server", "inference"] = "access",
        project: str = "",
        model: str = "",
        version: str = "",
        replica: str = "",
        request_id: str = "",
        experiment: str = "",
        mirrored: bool | None = None,
        status: str = "",
        slower: str = "",
        consumer: str = "",
        tail: int = 100,
        follow: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Log records, oldest first; with `follow` also those to come, until the server ends it.

        `mirrored` true: only copies, false: none of them. `status` is like `404`, `5xx` or `429,5xx`, `slower` like `200ms`.

        Raises:
            InvalidRequestError: A filter says nothing, or the source has nothing of the kind.
        """
        scope = {"source": source, "project": project, "model": model, "version": version, "replica": replica}
        scope["requestId"] = request_id
        scope |= {"experiment": experiment, "mirrored": "" if mirrored is None else str(mirrored).lower()}
        scope |= {"status": status, "slower": slower, "consumer": consumer}
        query = {name: value for name, value in scope.items() if value} | {"tail": str(tail)}
        if follow:
            query["follow"] = "true"
        with self._logs_stream(query, follow=follow) as stream:
            for line in stream.lines():
                yield _decode(line, dict[str, Any])

    def export_logs(self, asked: Mapping[str, Any], *, silence: float = 900.0) -> Iterator[bytes]:
        """A data set as the octets of one Parquet file.

        Args:
            asked: Any of `project`, `model`, `version`, `since`, `until` (as for `query_logs`), `labelled`, `mirrored`.
            silence: Seconds to wait for it to be made.
        """
        body = msgspec.json.encode(asked)
        headers = {"Content-Type": "application/json"}
        with self._http.stream("POST", "/v1/logs/export", body=body, headers=headers, silence=silence) as stream:
            yield from stream.blocks()

    def feed_back(self, items: Sequence[Mapping[str, Any]]) -> int:
        """Tells what is true of answers, at most 1,000: `requestId` with `label` (any JSON), `reward`, or both. Returns how many; they are kept.

        Raises:
            InvalidRequestError: One of them says nothing; none is kept.
        """
        return int(self._object(self._post("/v1/feedback", {"items": items}))["accepted"])

    def query_logs(self, sql: str, *, since: str = "", rows: int = 1000, seconds: float = 30.0) -> dict[str, Any]:
        """The answer to one SELECT over the collected records: `columns` (name, type), `rows`, `truncated`.

        Args:
            sql: One SELECT, or EXPLAIN of one, over the view `access`.
            since: Only records of the last `90m`, `2h`, `7d`, or from a time with its zone on; all unless given.
            rows: The answer is cut after so many.
            seconds: After which it is given up.

        Raises:
            ModelwayError: Codes `invalid_query` and `query_too_costly`.
            DeadlineExceededError: It took too long.
        """
        body = {"sql": sql, "since": since, "rows": rows, "seconds": seconds}
        return self._object(self._post("/v1/logs/query", body, silence=seconds + _QUERY_SILENCE))

    def ask_logs(
        self, question: str, *, model: str = "", since: str = "1h", rows: int = 20, seconds: float = 30.0
    ) -> dict[str, Any]:
        """A question that need not be written: its `sql`, and its `answer` as `query_logs` gives it.

        Args:
            question: One that `log_questions` lists.
            model: `project[/model[/version]]`; everything unless given.
            since: As for `query_logs`.
            rows: As for `query_logs`.
            seconds: As for `query_logs`.
        """
        scope = dict(zip(("project", "model", "version"), model.split("/") if model else (), strict=False))
        body = {"question": question, "since": since, "rows": rows, "seconds": seconds} | scope
        return self._object(self._post("/v1/logs/ask", body, silence=seconds + _QUERY_SILENCE))

    def log_questions(self) -> list[dict[str, Any]]:
        """Questions that `ask_logs` knows: `name` and `about`."""
        return _convert(self._http.request("GET", "/v1/logs/questions").json(), _Items).items

    def explain(
        self,
        target: str,
        *,
        method: str = "POST",
        headers: Sequence[tuple[str, str]] = (),
        as_key: str = "",
        body_bytes: int = 0,
    ) -> dict[str, Any]:
        """What the gateway would do with a request, and why; nothing is sent.

        Args:
            target: Its path and query.
            method: Its method.
            headers: (name, value); a key may be among them.
            as_key: Instead, the id, name or consumer of a key.
            body_bytes: Length of the body it would have.
        """
        question = {"target": target, "method": method, "headers": list(headers), "asKey": as_key}
        return self._object(self._post("/v1/explain", question | {"bodyBytes": body_bytes}))

    def status(self) -> dict[str, Any]:
        """The platform's own state."""
        return self._object(self._http.request("GET", "/v1/status"))

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _logs_stream(self, query: Mapping[str, str], *, follow: bool) -> AnswerStream:
        return self._http.stream("GET", "/v1/logs", query=query, silence=None if follow else 60.0)

    def _post(
        self, path: str, value: Any, *, query: Mapping[str, str] | None = None, silence: float | None = None
    ) -> Answer:
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(value)
        return self._http.request("POST", path, query=query, body=body, headers=headers, silence=silence)

    def _object(self, answer: Answer) -> dict[str, Any]:
        return _convert(answer.json(), dict[str, Any])


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


def _convert(value: Any, into: type[Value]) -> Value:
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise UnavailableError(
            f"the platform's answer is not what this version expects: {error}",
            code="unreachable",
            hint="check that both are of the same version: `modelway --version`",
        ) from error


def _decode(line: bytes, into: type[Value]) -> Value:
    try:
        value: Any = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise UnavailableError("the platform sent a line that is not JSON", code="unreachable") from error
    return _convert(value, into)
