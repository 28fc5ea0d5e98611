"""The API as it is in production: a real server on a real socket over a real database, asked by a plain HTTP client."""

import asyncio
import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
import uvicorn

from modelway.packaging import Environment, Example, FileEntry, Framework, Manifest
from modelway.packaging.archive import write_archive
from modelway_platform.deploy.api.application import authentication_of, make_app, make_dispatch
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.messages.methods import api_methods
from modelway_platform.deploy.api.parts import (
    AccessParts,
    AnomalyParts,
    ApiParts,
    DeclaredParts,
    DeployingParts,
    GitParts,
    PackageParts,
    ProcessFacts,
    RecordParts,
    ReplicaParts,
    Watching,
)
from modelway_platform.deploy.api.reading.inspect_package import inspect_package
from modelway_platform.deploy.api.wire.grpc_server import GrpcServer
from modelway_platform.deploy.trust.trust import Trust
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.access.records_token import version_of_token
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.query.export import Exporter
from modelway_platform.insight.series.store import SeriesReader
from modelway_platform.insight.series.tiers import Tiers
from modelway_platform.insight.traffic.history import TrafficHistory
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.phases import Phases, Runs
from modelway_platform.store.declared.promotions import Promotions
from modelway_platform.store.declared.replicas import Replicas
from modelway_platform.store.declared.rollout_runs import RolloutRuns
from modelway_platform.store.files.feedback_segments import FeedbackSegments
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.shipped_segments import ShippedSegments
from modelway_platform.store.files.signatures import PackageSignatures
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.webhooks import Webhooks

REPLICA_TOKEN = "replica-token-of-this-test"
RECORDS_SECRET = "records-secret-of-this-test"
LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass
class Api:
    """A running API and a key to it."""

    root: Path
    port: int
    parts: ApiParts
    leases: Leases
    replicas: Replicas
    key: str
    records_secret: str = RECORDS_SECRET
    streams: list[http.client.HTTPConnection] = field(default_factory=list[http.client.HTTPConnection])

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", headers: dict[str, str] | None = None
    ) -> Reply:
        """One request; `key` None sends none. A body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.key}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def stream(self, path: str) -> Iterator[Any]:
        """The values of a newline-delimited answer, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        self.streams.append(connection)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        while line := answer.readline():
            if line.strip():
                yield json.loads(line)

    def head_of_stream(self, path: str, key: str) -> int:
        """The status a stream begins with."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def apply(self, *texts: str, query: str = "", packages: dict[str, str] | None = None) -> Reply:
        files = [{"name": f"f{number}.yaml", "text": text} for number, text in enumerate(texts)]
        return self.ask("POST", f"/v1/apply{query}", {"files": files, "packages": packages or {}})


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("migrated") / "modelway.db"
    Database.open(path).close()
    return path.read_bytes()


@contextmanager
def running_api(root: Path, migrated: bytes) -> Generator[Api]:
    (root / "modelway.db").write_bytes(migrated)
    with Database.open(root / "modelway.db") as database:
        changes = Changes()
        leases = Leases(on_change=changes.notify)
        keys = Keys(database, changes.notify)
        replicas = Replicas(database, changes.notify)
        for folder in ("access", "replicas"):
            (root / folder).mkdir()
        documents = Documents(database, changes.notify)
        parts = ApiParts(
            watching=Watching(changes=changes),
            declared=DeclaredParts(
                documents=documents,
                events=Events(database, changes.notify),
                promotions=Promotions(database, changes.notify),
                rollouts=RolloutRuns(database, documents),
            ),
            deploying=DeployingParts(
                phases=Phases(database, changes.notify).of,
                holds=Holds(database, changes.notify),
                approvals=ClusterApprovals(database, changes.notify),
            ),
            git=GitParts(
                sources=GitSources(database, changes.notify),
                writes=GitWrites(database, changes.notify),
                webhooks=Webhooks(database),
                webhook_secret="half-of-this-test",
            ),
            packages=package_parts(root),
            access=access_parts(database, changes, keys),
            replicas=ReplicaParts(endpoints=leases),
            records=record_parts(root, documents, replicas),
            anomalies=AnomalyParts(
                incidents=Incidents(database, changes.notify), settings=AnomalySettings(database, changes.notify)
            ),
            facts=ProcessFacts(
                status=lambda: {"routeTable": {"number": 3}}, gauges=lambda: {"modelway_route_table_number": 3.0}
            ),
        )
        _, secret = keys.create(KeySpec(name="tester", role="admin"))
        with serving(parts) as port:
            running = Api(root, port, parts, leases, replicas, secret)
            yield running
            for connection in running.streams:
                connection.close()


def package_parts(root: Path) -> PackageParts:
    store = PackageStore(root / "packages", inspect_package, limit=1_000_000)
    signatures = PackageSignatures(store)
    return PackageParts(store=store, signatures=signatures, refusal=Trust(root / "signing.toml", signatures).refusal)


def access_parts(database: Database, changes: Changes, keys: Keys) -> AccessParts:
    return AccessParts(
        keys=keys,
        tokens=Tokens(database, changes.notify),
        audit=Audit(database),
        issuers=TokenIssuers(database),
        replica_token=REPLICA_TOKEN,
        records_of=partial(version_of_token, RECORDS_SECRET),
    )


def record_parts(root: Path, documents: Documents, replicas: Replicas) -> RecordParts:
    desk = QueryDesk(root / "store")
    return RecordParts(
        logs=FileLogs(root / "access", root / "replicas", replicas.list),
        comparer=AccessComparison(root / "access", desk=desk),
        mirror_reports=MirrorReports(root / "access"),
        queries=desk,
        traffic=TrafficHistory(desk, SeriesReader(root / "series.db", Tiers()), documents).read,
        exports=Exporter(root / "store"),
        feedback=FeedbackSegments(root / "feedback"),
        keeper=ShippedSegments(root / "shipped"),
    )


@pytest.fixture
def api(tmp_path: Path, migrated: bytes) -> Iterator[Api]:
    with running_api(tmp_path, migrated) as running:
        yield running


@pytest.fixture
def phases(api: Api) -> Callable[[str, int, Runs], None]:
    """Keeps phases of a deployment's revision, as the reconciler does."""

    def keep(name: str, revision: int, runs: Runs) -> None:
        with Database.open(api.root / "modelway.db") as database:
            Phases(database, api.parts.watching.changes.notify).save([(name, revision, runs)])

    return keep


@pytest.fixture(scope="session")
def steady_api(tmp_path_factory: pytest.TempPathFactory, migrated: bytes) -> Iterator[Api]:
    """One for all tests whose requests are refused and so leave nothing behind; starting a server takes a while."""
    with running_api(tmp_path_factory.mktemp("steady"), migrated) as running:
        yield running


class serving:  # noqa: N801 - reads as a verb
    """A uvicorn server in a thread, stopped as the control process stops it."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        config = uvicorn.Config(make_app(parts), log_config=None, lifespan="off", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve([self._socket])))

    def __enter__(self) -> int:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.002)
        return self._socket.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self._parts.watching.closing.set()
        self._parts.watching.changes.notify()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


class GrpcSide:
    """A gRPC server over the parts of a running API, in a loop of its own."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    async def _start(self) -> int:
        parts = self._api.parts
        self._server = GrpcServer(make_dispatch(parts), authentication_of(parts.access))
        return await self._server.start("127.0.0.1", 0)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(1), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, name: str, request: Any, key: str = "", **metadata: str) -> Any:
        """One call by its full name, `modelway.v1.Routes.GetRoute`."""
        method = next(each for each in api_methods() if each.name == name)
        pairs = [("authorization", f"Bearer {key or self._api.key}"), *metadata.items()]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            make: Any = channel.unary_stream if method.streams_answers else channel.unary_unary
            call = make(
                f"/{method.service}/{method.short_name}",
                request_serializer=method.request_class.SerializeToString,
                response_deserializer=method.answer_class.FromString,
            )
            answer = call(request, metadata=pairs, timeout=30)
            return next(iter(answer)) if method.streams_answers else answer


@pytest.fixture
def side(api: Api) -> Iterator[GrpcSide]:
    with GrpcSide(api) as running:
        yield running


def write_package(folder: Path, name: str, version: str, endpoints: tuple[str, ...] = ("predict",)) -> bytes:
    """A package that says what a real one would; nothing in it is ever run here."""
    contents: dict[str, bytes] = {"code/handler.py": b"class Digits: ...\n", "environment/requirements.lock": LOCK}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    roles: Any = {"code/handler.py": "code", "environment/requirements.lock": "environment"}
    output: dict[str, Any] = {"name": "", "label": "str", "schema": {}}
    manifest = Manifest(
        format=1,
        name=name,
        version=version,
        sdk="0.1.0",
        python="3.11",
        handler="handler:Digits",
        framework=Framework(),
        signature={"endpoints": [{"name": each, "inputs": [], "output": output} for each in endpoints]},
        files=tuple(
            FileEntry(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), role=roles[path])
            for path, data in contents.items()
        ),
        environment=Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(Example(endpoint=endpoints[0], request={"a": 1}),),
    )
    path = folder / "made.mwpkg"
    write_archive(path, manifest, folder, lambda _: None)
    return path.read_bytes()


@pytest.fixture
def make_package(tmp_path: Path) -> Callable[..., bytes]:
    """Writes packages."""

    def make(name: str = "digits", version: str = "v1", endpoints: tuple[str, ...] = ("predict",)) -> bytes:
        return write_package(tmp_path / f"project-{name}-{version}", name, version, endpoints)

    return make


def deployment(name: str = "vision/digits/v1", spec: str = "") -> str:
    project, model, version = name.split("/")
    package = "" if "package:" in spec else "package: dist/a.mwpkg, "
    return (
        "apiVersion: modelway/v1\nkind: Deployment\n"
        f"metadata: {{project: {project}, model: {model}, version: {version}}}\nspec: {{{package}{spec}}}\n"
    )


def route(versions: str, name: str = "vision/digits", spec: str = "") -> str:
    project, model = name.split("/")
    return (
        "apiVersion: modelway/v1\nkind: Route\n"
        f"metadata: {{project: {project}, model: {model}}}\nspec: {{versions: {versions}, {spec}}}\n"
    )


@dataclass(frozen=True)
class Full:
    """A platform that has a little of everything, of project vision and of project hush; the same for all who only look."""

    api: Api
    side: GrpcSide
    digest: str


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, migrated: bytes) -> Iterator[Full]:
    root = tmp_path_factory.mktemp("full")
    (root / "platform").mkdir()
    with running_api(root / "platform", migrated) as api, GrpcSide(api) as side:
        digest = fill(api, root, "vision", "digits", "fleet")
        fill(api, root, "hush", "hushmodel", "hush-fleet")
        yield Full(api, side, digest)


@pytest.fixture
def filled_api(api: Api, tmp_path: Path) -> Api:
    """One of its own for a test that may spoil it, with a little of everything."""
    fill(api, tmp_path / "made", "vision", "digits", "fleet")
    return api


def fill(api: Api, folder: Path, project: str, model: str, other: str) -> str:
    """Give a project a deployment, route, stage, source, endpoint, and what these leave behind; `other` names what is of no project."""
    uploaded = api.ask("POST", "/v1/packages", write_package(folder / project, model, "v1"))
    digest = uploaded.json["digest"]
    one = f"{project}/{model}"
    stage = f"apiVersion: modelway/v1\nkind: Stage\nmetadata: {{project: {project}, stage: production}}\nspec: {{}}\n"
    texts = [deployment(f"{one}/v1"), deployment(f"{one}/v2"), route("[{version: v1, weight: 1}]", one), stage]
    applied = api.apply(*texts, packages={"dist/a.mwpkg": digest})
    assert applied.status == 200, applied.body
    assert api.ask("POST", f"/v1/deployments/{one}/v1/steer", {"action": "pause"}).status == 200
    source = {"repository": f"/srv/{project}.git", "projects": [project]}
    assert api.ask("PUT", f"/v1/sources/{other}", source).status == 200
    issuer = {"issuer": f"https://{project}.example", "audiences": ["m"], "keySetUrl": f"https://{project}.example/k"}
    assert api.ask("PUT", f"/v1/issuers/{other}", issuer).status == 200
    assert api.ask("POST", "/v1/keys", {"name": other, "limits": ["5/1s"], "quotas": ["9/1d"]}).status == 201
    key = VersionKey(project, model, "v1")
    endpoint = {
        "project": project,
        "model": model,
        "version": "v1",
        "host": "127.0.0.1",
        "port": 9 + len(project),
        "ttlSeconds": 300,
    }
    assert api.ask("PUT", f"/v1/endpoints/{project}-1", endpoint).status == 200
    api.replicas.save(
        ReplicaRecord(
            id=f"{project}-1", key=key, revision=1, package="", placement={}, state=ReplicaState.READY, restarts=0,
            started_at=1.0,
        )
    )  # fmt: skip
    (api.root / "replicas" / f"{project}-1").mkdir()
    (api.root / "replicas" / f"{project}-1" / "server.log").write_text(f"{model} is loading\n")
    record = {"time": time.time(), "project": project, "model": model, "version": "v1", "request_id": f"{project}-a"}
    with (api.root / "access" / "worker-0-1.ndjson").open("a") as file:
        file.write(json.dumps({**record, "status": 200, "duration_us": 900}) + "\n")
    return digest


@pytest.fixture
def serve() -> Any:
    """Serves parts in a `with` block, at the port that it gives."""
    return serving


@pytest.fixture
def write() -> Any:
    """Makes documents: `write.deployment(...)`, `write.route(...)`."""

    class Writer:
        deployment = staticmethod(deployment)
        route = staticmethod(route)

    return Writer


@pytest.fixture
def uploaded(api: Api, make_package: Callable[..., bytes]) -> dict[str, str]:
    """A package the platform has, by the path documents name it by."""
    reply = api.ask("POST", "/v1/packages", make_package())
    assert reply.status == 201, reply.body
    return {"dist/a.mwpkg": reply.json["digest"]}
