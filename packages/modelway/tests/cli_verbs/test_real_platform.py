"""The same commands against the platform's own REST API, served as `modelway up` serves it."""

import asyncio
import hashlib
import json
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import uvicorn
import yaml
from moto.server import ThreadedMotoServer

from modelway.cli.showing.log_lines import access_line
from modelway.packaging import Environment, Example, FileEntry, Framework, Manifest
from modelway.packaging.archive import write_archive
from modelway.packaging.store.open_store import Store, open_store
from modelway.signature import EndpointSignature, Field, Signature
from modelway_platform.deploy.api.application import make_app
from modelway_platform.deploy.api.parts import (
    AccessParts,
    AnomalyParts,
    ApiParts,
    DeclaredParts,
    GitParts,
    PackageParts,
    RecordParts,
    ReplicaParts,
    Watching,
)
from modelway_platform.deploy.api.ports import LogQuery
from modelway_platform.deploy.api.reading.inspect_package import inspect_package
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.deployments.deployment import Condition, DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS, FEEDBACK, INFERENCE
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.query.export import Exporter
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.files.feedback_segments import FeedbackSegments
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.git_sources import GitSources

Run = Callable[..., CompletedProcess[str]]
LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
DOCUMENTS = """\
apiVersion: modelway/v1
kind: Deployment
metadata: {project: vision, model: digits, version: v1}
spec:
  package: dist/digits.mwpkg
  replicas: 2
---
apiVersion: modelway/v1
kind: Route
metadata: {project: vision, model: digits}
spec: {versions: [{version: v1, weight: 1}]}
"""


class FewLogs:
    """Two records, and a third for whoever follows."""

    async def read(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any] | None]:
        for number in range(2):
            yield {"time": 1.5, "replica": "r", "line": f"{query.source} {query.model} {number}"}
        if query.follow:
            yield None
            yield {"time": 1.5, "replica": "r", "line": "later"}
            while True:
                await asyncio.sleep(0.05)
                yield None


class Served:
    """The API on a free port, in a thread of its own, over a real database."""

    def __init__(self, folder: Path) -> None:
        self.changes = Changes()
        self._database = Database.open(folder / "modelway.db")
        self.documents = Documents(self._database, self.changes.notify)
        self.leases = Leases(on_change=self.changes.notify)
        keys = Keys(self._database, self.changes.notify)
        self.secret = keys.create(KeySpec(name="admin", role="admin"))[1]
        self._parts = ApiParts(
            watching=Watching(changes=self.changes),
            declared=DeclaredParts(documents=self.documents, events=Events(self._database, self.changes.notify)),
            git=GitParts(sources=GitSources(self._database, self.changes.notify)),
            packages=PackageParts(store=PackageStore(folder / "packages", inspect_package)),
            access=AccessParts(
                keys=keys,
                tokens=Tokens(self._database, self.changes.notify),
                audit=Audit(self._database),
                issuers=TokenIssuers(self._database),
                replica_token="r" * 40,
            ),
            replicas=ReplicaParts(endpoints=self.leases),
            records=RecordParts(
                logs=FewLogs(),
                comparer=AccessComparison(folder / "access"),
                mirror_reports=MirrorReports(folder / "access"),
                queries=QueryDesk(folder / "store"),
                exports=Exporter(folder / "store"),
                feedback=FeedbackSegments(folder / "feedback"),
            ),
            anomalies=AnomalyParts(
                incidents=Incidents(self._database, self.changes.notify),
                settings=AnomalySettings(self._database, self.changes.notify),
            ),
        )
        config = uvicorn.Config(make_app(self._parts), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def make_ready(self, name: str) -> None:
        """What the reconciler would do."""
        key = VersionKey(*name.split("/"))
        until = time.monotonic() + 20
        while (record := self.documents.get_deployment(key)) is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        for number in range(record.deployment.replicas):
            package = record.deployment.package
            self.leases.register(
                Endpoint(id=f"r-{number}", key=key, host="127.0.0.1", port=9000 + number, package=package), 30
            )
        met = Condition(type="ReplicasReady", status=True, reason="AllReady", message="all ready", since=1.0)
        count = record.deployment.replicas
        status = DeploymentStatus(
            phase=Phase.READY,
            observed_revision=record.revision,
            ready_replicas=count,
            updated_replicas=count,
            conditions=(met,),
        )
        self.documents.save_status(key, status)

    def close(self) -> None:
        self._parts.watching.closing.set()
        self.changes.notify()
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()
        self._database.close()


@pytest.fixture
def served(tmp_path: Path, environment: dict[str, str]) -> Iterator[Served]:
    found = Served(tmp_path)
    environment.update(MODELWAY_URL=found.url, MODELWAY_KEY=found.secret, MODELWAY_GATEWAY_URL="http://127.0.0.1:1")
    yield found
    found.close()


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A folder of documents with the package they name."""
    folder, stage = tmp_path / "deploy", tmp_path / "stage"
    (folder / "dist").mkdir(parents=True)
    files: list[FileEntry] = []
    for path, data, role in (
        ("code/handler.py", b"# code", "code"),
        ("environment/requirements.lock", LOCK, "environment"),
    ):
        (stage / path).parent.mkdir(parents=True)
        (stage / path).write_bytes(data)
        files.append(FileEntry(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), role=role))  # pyright: ignore[reportArgumentType] - the loop loses the literals
    number = {"type": "number"}
    inputs, output = (Field(name="x", label="number", schema=number),), Field(name="", label="number", schema=number)
    signature = Signature(endpoints=(EndpointSignature(name="predict", inputs=inputs, output=output),))
    manifest = Manifest(
        format=1,
        name="digits",
        version="1.0",
        sdk="0.1.0",
        python="3.11",
        handler="handler:Digits",
        framework=Framework(),
        signature=signature.to_json(),
        files=tuple(files),
        environment=Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(Example(endpoint="predict", request={"x": 1}),),
    )
    write_archive(folder / "dist" / "digits.mwpkg", manifest, stage, lambda _: None)
    (folder / "digits.yaml").write_text(DOCUMENTS)
    return folder


def test_from_a_document_to_ready_and_back(modelway: Run, served: Served, deploy: Path) -> None:
    dry = modelway("apply", "-f", "deploy", "--dry-run")
    assert (dry.returncode, dry.stdout.count("created")) == (0, 2), dry.stderr
    assert modelway("get", "packages", "-o", "name").stdout == ""

    threading.Timer(0.0, served.make_ready, ["vision/digits/v1"]).start()
    applied = modelway("apply", "-f", "deploy", "--wait")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines() == [
        "deployment vision/digits/v1  created  revision 1",
        "route vision/digits          created  revision 1",
    ]
    assert "uploaded digits.mwpkg" in applied.stderr
    assert applied.stderr.splitlines()[-1].split()[:3] == ["vision/digits/v1", "Ready", "2/2"]

    row = modelway("get", "deployments").stdout.splitlines()[1].split()
    assert row[:4] == ["vision/digits/v1", "Ready", "2/2", "1"]
    assert modelway("get", "routes").stdout.splitlines()[1].split()[:4] == ["vision/digits", "v1", "100%", "key"]
    assert len(modelway("get", "endpoints", "vision/digits/v1").stdout.splitlines()) == 3
    listed = json.loads(modelway("get", "deployments", "-o", "json").stdout)
    assert yaml.safe_load(modelway("get", "deployments", "-o", "yaml").stdout) == listed

    for arguments in (["deployment", "vision/digits/v1"], ["routes"]):
        for form in ("yaml", "json"):
            got = modelway("get", *arguments, "-o", form).stdout
            again = modelway("apply", "-f", "-", stdin=got)
            assert again.stdout.split()[2:] == ["unchanged", "revision", "1"], (got, again.stderr)

    shown = modelway("describe", "deployment", "vision/digits/v1").stdout
    assert "modelway call vision/digits/v1 predict -d '{\"x\":1}'" in shown
    assert "Applied" in shown
    assert "v1       1       Ready  2/2" in modelway("describe", "route", "vision/digits").stdout

    (deploy / "digits.yaml").write_text(DOCUMENTS.replace("replicas: 2", "replicas: 3"))
    assert "    spec.replicas: 2 → 3" in modelway("apply", "-f", "deploy").stdout
    undone = modelway("rollout", "undo", "deployment", "vision/digits/v1")
    assert undone.stdout == "deployment vision/digits/v1  revision 3: undo to revision 1\n"
    history = modelway("rollout", "history", "deployment", "vision/digits/v1").stdout.splitlines()
    assert [line.split()[0] for line in history] == ["REVISION", "1", "2", "3"]
    assert history[-1].endswith("replicas 3 → 2")

    refused = modelway("delete", "deployment", "vision/digits/v1")
    assert refused.returncode == 1
    assert (
        "hint: apply the route without it first; `modelway delete deployment vision/digits/v1 --force` deletes it all the same"
        in refused.stderr
    )
    assert modelway("delete", "route", "vision/digits").stdout == "route vision/digits  removed\n"
    assert modelway("delete", "deployment/vision/digits/v1").returncode == 0
    assert modelway("get", "deployments").stdout.splitlines()[1].split()[1] == "Deleting"


def test_mistakes_in_documents(modelway: Run, served: Served, deploy: Path) -> None:
    (deploy / "digits.yaml").write_text(
        DOCUMENTS.replace("replicas: 2", "replica: 2").replace("weight: 1", "weight: -1")
    )
    done = modelway("apply", "-f", "deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "deploy/digits.yaml:6:3: " in done.stderr
    assert "    6 |   replica: 2\n      |   ^^^^^^^\n" in done.stderr
    assert 'hint: did you mean "replicas"?' in done.stderr
    assert "deploy/digits.yaml:11:" in done.stderr
    assert done.stderr.endswith("error[invalid_document]: 2 problems in deploy/digits.yaml; nothing was applied\n")


def test_a_file_that_is_no_package_is_refused(modelway: Run, served: Served, deploy: Path) -> None:
    (deploy / "dist" / "digits.mwpkg").write_bytes(b"x" * 3_000_000)
    done = modelway("apply", "-f", "deploy")
    assert done.returncode == 1
    assert "error[invalid_package]" in done.stderr


def test_watching_sees_what_others_do(start_modelway: Any, modelway: Run, served: Served, deploy: Path) -> None:
    watching: subprocess.Popen[str] = start_modelway("get", "deployments", "--watch", "-o", "json")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline()) == {"items": []}
    modelway("apply", "-f", "deploy")
    assert json.loads(watching.stdout.readline())["items"][0]["status"]["phase"] == "Pending"
    served.make_ready("vision/digits/v1")
    assert json.loads(watching.stdout.readline())["items"][0]["status"]["phase"] == "Ready"


def test_issuers(modelway: Run, served: Served, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    keys.write_text(json.dumps({"keys": [key]}))
    words = ("issuer", "set", "corp", "--issuer", "https://login", "--audience", "models", "--key-set", str(keys))
    done = modelway(*words, "--scope", "vision/*", "--require", "tenant=acme", "--algorithm", "EdDSA")
    assert done.stdout == "issuer corp set\n", done.stderr
    (shown,) = json.loads(modelway("issuer", "list", "-o", "json").stdout)["items"]
    assert (shown["keys"], shown["required"], shown["problem"]) == (
        [{"kid": "a", "kty": "OKP", "crv": "Ed25519"}],
        {"tenant": "acme"},
        "",
    )
    assert modelway("issuer", "list").stdout.splitlines()[1].split()[:4] == ["corp", "https://login", "models", "1"]
    keys.write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    assert "a private or shared key" in modelway(*words).stderr
    assert "algorithms: expected" in modelway(*words, "--algorithm", "HS256").stderr
    assert "CLAIM=VALUE" in modelway(*words, "--require", "tenant").stderr
    keys.write_text("{")
    assert "is not JSON" in modelway(*words).stderr
    assert "cannot read" in modelway(*words[:-1], str(tmp_path / "none.json")).stderr
    assert modelway("issuer", "remove", "corp").stdout == "issuer corp removed\n"
    assert "no issuer corp" in modelway("issuer", "remove", "corp").stderr


def test_keys_and_logs(modelway: Run, start_modelway: Any, served: Served) -> None:
    secret = modelway("key", "create", "nightly").stdout.strip()
    refused = modelway("get", "routes", MODELWAY_KEY=secret)
    assert (refused.returncode, "error[forbidden]" in refused.stderr, secret in refused.stderr) == (1, True, False)
    key_id = modelway("key", "list").stdout.splitlines()[-1].split()[0]
    assert modelway("key", "revoke", key_id).returncode == 0
    unknown = modelway("get", "routes", MODELWAY_KEY=secret)
    assert "hint: give an admin key with MODELWAY_KEY" in unknown.stderr
    mistyped = modelway("get", "routes", MODELWAY_KEY=secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert "hint: the key is mistyped" in mistyped.stderr
    assert secret[:-1] not in mistyped.stderr

    asked = ("--consumer", "batch", "--scope", "vision/*", "--expires", "90d", "--limit", "9/1s:20", "--quota", "50/1d")
    first = json.loads(modelway("key", "create", "robot", *asked, "-o", "json").stdout)
    (shown,) = [
        each for each in json.loads(modelway("key", "list", "-o", "json").stdout)["items"] if each["id"] == first["id"]
    ]
    assert (shown["consumer"], shown["scopes"], shown["lastUsedAt"]) == ("batch", ["vision/*"], None)
    assert shown["limits"] == [{"per": "key", "requests": 9, "window": "1s", "burst": 20}]
    assert shown["quotas"] == [{"per": "key", "requests": 50, "window": "1d"}]
    assert not [each for each in shown if "secret" in each or "sha256" in each]
    second = modelway("key", "rotate", first["id"], "--grace", "12h").stdout.strip()
    assert second != first["secret"]
    assert "valid until" in modelway("key", "list").stdout.splitlines()[-1]
    assert "expected" in modelway("key", "rotate", first["id"], "--grace", "soon").stderr
    assert "scope 'vision'" in modelway("key", "create", "robot", "--scope", "vision").stderr

    lines = modelway("logs", "vision/digits", "--source", "server").stdout.splitlines()
    assert [line.partition("| ")[2] for line in lines] == ["server digits 0", "server digits 1"]
    refused = modelway("logs", "--status", "9xx")
    assert (refused.returncode, "429,5xx" in refused.stderr) == (1, True)
    assert modelway("logs", "--status", "5xx", "--slower", "200ms", "--consumer", "shop").returncode == 0
    following: subprocess.Popen[str] = start_modelway("logs", "-f", "-o", "json")
    assert following.stdout is not None
    assert [json.loads(following.stdout.readline())["line"] for _ in range(3)][-1] == "later"


def test_copies_are_reported(modelway: Run, served: Served, tmp_path: Path) -> None:
    del served
    nothing = modelway("mirror", "report", "vision/digits")
    assert "no copies of vision/digits" in nothing.stderr
    common = {"time": time.time() - 9, "project": "vision", "model": "digits", "endpoint": "predict", "status": 200}
    copy = {**common, "version": "v2", "request_id": "r1", "mirrored": True, "primary": "v1", "duration_us": 3000}
    copies = [copy | {"agree": True, "score": 1.0}, copy | {"agree": False, "score": 0.5, "why": "$.a differs\x1b[2J"}]
    records = [{**common, "version": "v1", "request_id": "r1"}, *copies]
    path = tmp_path / "access" / f"worker-7-{int((time.time() - 60) * 1e9)}.ndjson"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    shown = modelway("mirror", "report", "vision/digits", "--since", "5m").stdout
    assert "50.00 %" in shown
    assert "r1" in shown
    assert "$.a differs" in shown
    assert "\x1b" not in shown
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        found = load(modelway("mirror", "report", "vision/digits", "-o", output).stdout)
        assert found["pairs"][0]["agreementRate"] == 0.5
    assert "copy of v1 agrees" in access_line(copies[0])
    assert "copy of v1 differs" in access_line(copies[1])
    assert "copy of" not in access_line(records[0])


def test_collected_records_are_asked(modelway: Run, served: Served, tmp_path: Path) -> None:
    (tmp_path / "access").mkdir(exist_ok=True)
    now = time.time()
    records = [
        {"time": now - 60 + n, "request_id": f"r{n}", "project": "vision", "model": "digits", "version": f"v{1 + n % 2}",
         "status": 200, "duration_us": 1000 * (1 + n), "path": '/a,"b"'}
        for n in range(4)
    ]  # fmt: skip
    (tmp_path / "access" / "worker-0-1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    keeping = Keeping(seconds=1e9, octets=1 << 40)
    collector = Collector(StoreFolder(tmp_path / "store"), [Source(ACCESS, tmp_path / "access")], keeping)
    collector.collect()
    collector.close()

    sql = "SELECT request_id, path, score FROM access ORDER BY time"
    assert modelway("logs", "query", sql, "--limit", "2").stdout.splitlines() == [
        "REQUEST_ID  PATH    SCORE",
        'r0          /a,"b"  -',
        'r1          /a,"b"  -',
    ]
    assert "--limit" in modelway("logs", "query", "--limit", "2", sql).stderr
    assert modelway("logs", "query", "-", "-o", "csv", stdin=sql).stdout.splitlines()[:2] == [
        "request_id,path,score",
        'r0,"/a,""b""",',
    ]
    (row,) = modelway(
        "logs", "query", "SELECT count(*) AS n, max(time) AS last FROM access", "-o", "json"
    ).stdout.splitlines()
    assert json.loads(row)["n"] == 4
    refused = modelway("logs", "query", "COPY access TO 'x'")
    assert (refused.returncode, "error[invalid_query]" in refused.stderr) == (1, True)
    assert "no rows" in modelway("logs", "query", "FROM access WHERE false").stdout
    assert "physical_plan" not in modelway("logs", "query", "EXPLAIN FROM access").stdout

    assert "latency per version" in modelway("logs", "ask").stdout
    lines = modelway("logs", "ask", "p99", "vision/digits").stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["vision", "digits", "v2", "2"],
        ["vision", "digits", "v1", "2"],
    ]
    assert len(modelway("logs", "ask", "p99", "vision/digits/v1").stdout.splitlines()) == 2
    assert "quantile" in modelway("logs", "ask", "p99", "--sql").stdout
    assert modelway("logs", "ask", "p99", "a//b").returncode == 2
    assert "there are: traffic" in modelway("logs", "ask", "everything").stderr


def test_from_answers_back_into_training(modelway: Run, served: Served, tmp_path: Path) -> None:
    assert served.url
    inferences = tmp_path / "replicas" / "r1" / "inference"
    inferences.mkdir(parents=True)
    records = [
        {"time": time.time(), "request_id": f"r{n}", "project": "vision", "model": "digits", "version": "v1", "status": 200,
         "request": {"pixels": [n]}, "answer": {"label": n % 2}}
        for n in range(4)
    ]  # fmt: skip
    (inferences / "worker-0-1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    assert modelway("logs", "feedback", "r0", "--label", "0").returncode == 0
    more = '{"requestId": "r1", "label": "7"}\n{"requestId": "r3", "reward": 0.5}\n'
    assert "2 accepted" in modelway("logs", "feedback", "--file", "-", stdin=more).stderr
    assert modelway("logs", "feedback", "r9").returncode == 1, "neither label nor reward"
    assert modelway("logs", "feedback").returncode == 2
    sources = [Source(INFERENCE, tmp_path / "replicas", "inference"), Source(FEEDBACK, tmp_path / "feedback")]
    collector = Collector(StoreFolder(tmp_path / "store"), sources, Keeping(seconds=1e9, octets=1 << 40))
    collector.collect()
    collector.close()
    (row,) = modelway("logs", "ask", "accuracy", "vision/digits", "-o", "json").stdout.splitlines()
    assert (json.loads(row)["accuracy_percent"], json.loads(row)["mean_reward"]) == (50.0, 0.5)

    into = tmp_path / "sets"
    export = ("logs", "export", "vision/digits", "--into", str(into))
    assert modelway(*export).stdout.strip() == str(into / "v1")
    assert "nothing has changed" in modelway(*export).stderr
    assert modelway(*export, "--labelled").stdout.strip() == str(into / "v2")
    assert sorted(path.name for path in into.iterdir()) == ["v1", "v2"]
    about = json.loads((into / "v2" / "dataset.json").read_bytes())
    data = (into / "v2" / "data.parquet").read_bytes()
    assert (about["version"], about["bytes"], about["sha256"]) == (2, len(data), hashlib.sha256(data).hexdigest())
    assert modelway("logs", "export", "a//b", "--into", str(into)).returncode == 2

    with bucket() as (address, store, variables):
        export = ("logs", "export", "vision/digits", "--into", address)
        assert modelway(*export, **variables).stdout.strip() == f"{address}/v1"
        assert "nothing has changed since v1" in modelway(*export, **variables).stderr
        store.create("v2/claim", b"")  # somebody else is at it, or was killed
        assert modelway(*export, "--labelled", **variables).stdout.strip() == f"{address}/v3"
        assert store.get("v3/data.parquet") == data
        assert json.loads(store.get("v3/dataset.json")).items() >= {"version": 3, "sha256": about["sha256"]}.items()


@contextmanager
def bucket() -> Generator[tuple[str, Store, dict[str, str]]]:
    """An S3 server's bucket, and the environment that leads there."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        name = f"b{uuid.uuid4().hex}"
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT"), timeout=30):
            pass
        found = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
        yield f"s3://{name}/sets", open_store(f"s3://{name}/sets", found), found
    finally:
        server.stop()


def test_two_versions_are_compared(modelway: Run, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "access"
    folder.mkdir()
    start = time.time() - 60
    lines: list[str] = []
    for number in range(2400):
        version = ("v1", "v2")[number % 2]
        status = 500 if version == "v2" and number % 14 == 1 else 200
        record = {"time": start + number / 50, "project": "vision", "model": "digits", "version": version}
        lines.append(json.dumps({**record, "status": status, "duration_us": 900 + number % 7, "path": "/p"}) + "\n")
    (folder / f"worker-0-{int(start * 1e9)}.ndjson").write_text("".join(lines))
    shown = modelway("rollout", "compare", "vision/digits", "v1", "v2", "--since", "5m")
    assert shown.returncode == 0, shown.stderr
    words = [line.split() for line in shown.stdout.splitlines()]
    baseline = next(line for line in words if line[:1] == ["v1"])
    assert baseline[1:6] == ["1200", "0", "0.00", "%", "0"]
    assert float(baseline[6]) == pytest.approx(0.903, rel=0.03)
    assert any(line[:2] == ["errors", "worse"] for line in words)
    assert shown.stdout.splitlines()[-1].startswith("v2 is worse: error rate of v2 is higher: between +")
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        found = load(modelway("rollout", "compare", "vision/digits", "v1", "v2", "-o", output).stdout)
        assert (found["verdict"], found["versions"][1]["requests"]) == ("worse", 1200)
    refused = modelway("rollout", "compare", "vision/digits", "v1", "v9")
    assert refused.returncode == 1
    assert "version_not_found" in refused.stderr
    assert modelway("rollout", "compare", "vision/digits", "v1").returncode == 2


@pytest.mark.usefixtures("served")
def test_tokens_and_the_audit_log(modelway: Run) -> None:
    made = modelway("token", "create", "ci", "--role", "deployer", "--project", "vision", "-o", "json")
    assert made.returncode == 0, made.stderr
    token = json.loads(made.stdout)
    assert (token["role"], token["projects"]) == ("deployer", ["vision"])
    listed = modelway("token", "list").stdout
    assert "deployer" in listed
    assert token["secret"] not in listed
    assert "revoked" in modelway("token", "revoke", token["id"]).stdout
    assert "revoked" in modelway("token", "list").stdout
    log = modelway("audit", "--kind", "Token").stdout.splitlines()
    assert log[0].split()[:3] == ["NUMBER", "TIME", "WHO"]
    assert "created" in log[1]
    assert "revoked: false → true" in log[2]
    (entry,) = map(json.loads, modelway("audit", "--kind", "Token", "--tail", "1", "-o", "json").stdout.splitlines())
    assert (entry["action"], entry["actor"]["name"]) == ("revoked", "admin")
    assert modelway("token", "create", "x", "--role", "deployer").returncode == 1
