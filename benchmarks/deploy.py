"""From `apply` to answers: on this machine, in containers, after a change of code, and 200 deployments at once: `make bench-deploy`.

Real platforms, a real engine and a real registry; for the 200 the cluster only remembers (through the operator port), the
store, reconciler, publisher of nothing else and API are real. Prints a table and, with --output, the same as JSON.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from journeys.docker_parts import Box, running_box
from journeys.fake_cluster import FakeOperator, FakePreparer, World
from journeys.projects import deployment, package, write_echo
from journeys.running_platform import RunningPlatform, wait_for

from benchmarks.held_deployments import held
from benchmarks.machine import describe_machine
from modelway.client import ControlClient, Server
from modelway_platform.deploy.api.application import make_app
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.parts import (
    AccessParts,
    AnomalyParts,
    ApiParts,
    DeclaredParts,
    DeployingParts,
    GitParts,
    PackageParts,
    RecordParts,
    ReplicaParts,
    Watching,
)
from modelway_platform.deploy.api.reading.inspect_package import inspect_package
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.deployments.deployment import Deployment, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
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
from modelway_platform.store.declared.phases import Phases
from modelway_platform.store.declared.replicas import Replicas
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.git_sources import GitSources

MANY = 200
SAMPLES = 20


def answered_after(platform: RunningPlatform, name: str, act: Callable[[], None], wanted: str = "") -> float:
    """Seconds from `act` until the gateway answers for `name` (with the label `wanted`)."""
    path = f"/{name}/echo"
    started = time.monotonic()
    act()

    async def ask() -> None:
        while True:
            async with platform.caller() as caller:
                with suppress(Exception):
                    reply = await caller.post(path, b'{"text": "hello"}')
                    if reply.status == 200 and json.loads(reply.body)["label"] == wanted:
                        return
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(ask(), 240))
    return time.monotonic() - started


def on_this_machine(folder: Path, archive: Path) -> dict[str, float]:
    """Apply to first answer on the process operator, its environment cached; and how soon a ready replica is routed to."""
    platform = RunningPlatform(folder)
    try:
        platform.start()
        digest = platform.upload(archive)
        answered_after(platform, "bench/echo/v0", lambda: platform.apply(deployment("bench/echo/v0", digest)))
        name = "bench/echo/v1"
        seconds = answered_after(platform, name, lambda: platform.apply(deployment(name, digest)))
        routed = [_ready_to_routed(platform, number) for number in range(SAMPLES)]
    finally:
        platform.destroy()
    p99 = statistics.quantiles(routed, n=100, method="inclusive")[98]
    return {"apply_to_answer_s_process": round(seconds, 2), "ready_to_routed_p99_ms": round(p99 * 1000, 1)}


def _ready_to_routed(platform: RunningPlatform, number: int) -> float:
    """From a replica's registration, which it makes as soon as it is ready, to the first table that has it in use."""
    with platform.admin() as admin, platform.control() as control:
        before = max((int(each["table"]) for each in control.list_all("gateways")), default=0)
        started = time.monotonic()
        admin.register(f"bench-{number}", "bench/echo/v1", 40_000 + number)
        wait_for(
            "all gateway workers use a newer table",
            lambda: all(int(each["table"]) > before for each in control.list_all("gateways")),
        )
        seconds = time.monotonic() - started
        admin.deregister(f"bench-{number}")
        wait_for("it is gone", lambda: not [e for e in platform.endpoints("bench/echo/v1") if "bench-" in e["id"]])
        return seconds


def in_containers(folder: Path, project: Path, archive: Path, box: Box) -> dict[str, float]:
    """Apply to first answer in containers with the base and dependencies cached; then a change of code only."""
    platform = RunningPlatform(folder)
    try:
        platform.start()
        platform.apply(box.cluster())

        def document(version: str, digest: str) -> str:
            return deployment(f"bench/echo/{version}", digest).replace("cluster: local", "cluster: box")

        first = platform.upload(archive)
        answered_after(platform, "bench/echo/v0", lambda: platform.apply(document("v0", first)))
        apply = answered_after(platform, "bench/echo/v1", lambda: platform.apply(document("v1", first)))
        source = (project / "handler.py").read_text(encoding="utf-8")
        changed = source.replace('os.environ.get("LABEL", "")', '"changed"')
        (project / "handler.py").write_text(changed, encoding="utf-8")
        second = package(project, folder / "changed")

        def upload_and_apply() -> None:
            platform.apply(document("v1", platform.upload(second)))

        code = answered_after(platform, "bench/echo/v1", upload_and_apply, wanted="changed")
    finally:
        platform.destroy()
    return {"apply_to_answer_s_docker": round(apply, 2), "code_change_s_docker": round(code, 2)}


class ManyDeployments:
    """A control plane in this process: real store, reconciler and API over a cluster that only remembers."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder / "modelway.db")
        self.changes = Changes()
        notify = self.changes.notify
        self.documents = Documents(self.database, notify)
        self.events = Events(self.database, notify)
        self.replicas = Replicas(self.database, notify)
        self.phases = Phases(self.database, notify)
        self.folder = folder
        registered: set[str] = set()
        operator = FakeOperator(World(load_seconds=0.05), registered, lambda _: notify())

        def never(_: Any) -> Any:
            raise AssertionError("no other cluster is declared")

        fleet = Fleet(
            store=self.replicas,
            events=self.events,
            clusters=Clusters(operator, never),
            drop_endpoint=registered.discard,
        )
        preparer = FakePreparer()
        self.reconciler = Reconciler(
            documents=self.documents,
            fleet=fleet,
            preparations=Preparations(lambda _: preparer, notify=notify),
            book=PhaseBook(self.phases),
            changes=self.changes,
            registered=lambda: set(registered),
        )

    def api_parts(self) -> ApiParts:
        for name in ("access", "replicas"):
            (self.folder / name).mkdir(exist_ok=True)
        return ApiParts(
            watching=Watching(changes=self.changes),
            declared=DeclaredParts(documents=self.documents, events=self.events),
            deploying=DeployingParts(phases=self.phases.of),
            git=GitParts(sources=GitSources(self.database)),
            packages=PackageParts(store=PackageStore(self.folder / "packages", inspect_package)),
            access=AccessParts(
                keys=Keys(self.database),
                tokens=Tokens(self.database),
                audit=Audit(self.database),
                issuers=TokenIssuers(self.database),
                replica_token="bench",
            ),
            replicas=ReplicaParts(endpoints=Leases()),
            records=RecordParts(
                logs=FileLogs(self.folder / "access", self.folder / "replicas", self.replicas.list),
                comparer=AccessComparison(self.folder / "access"),
                mirror_reports=MirrorReports(self.folder / "access"),
            ),
            anomalies=AnomalyParts(incidents=Incidents(self.database), settings=AnomalySettings(self.database)),
        )

    async def place(self, count: int) -> tuple[float, float]:
        """Seconds until all of `count` are ready, and the p99 of one caller's API requests meanwhile."""
        _, secret = Keys(self.database).create(KeySpec(name="bench", role="admin"))
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(make_app(self.api_parts()), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        tasks = [asyncio.create_task(server.serve([listening])), asyncio.create_task(self.reconciler.run())]
        latencies: list[float] = []
        stop = threading.Event()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        asking = threading.Thread(target=_ask, args=(url, secret, latencies, stop))
        asking.start()
        started = time.monotonic()
        wanted = [
            Deployment(key=VersionKey(f"p{n % 10}", f"m{n}", "v1"), package="sha256:" + f"{n:064x}")
            for n in range(count)
        ]
        await asyncio.to_thread(self.documents.apply, wanted, author="bench")
        while not await asyncio.to_thread(self._all_ready):  # noqa: ASYNC110 - it is the store that is asked
            await asyncio.sleep(0.1)
        seconds = time.monotonic() - started
        stop.set()
        await asyncio.to_thread(asking.join)
        self.reconciler.finish()
        server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)
        self.database.close()
        return seconds, statistics.quantiles(latencies or [0.0, 0.0], n=100, method="inclusive")[98]

    def _all_ready(self) -> bool:
        return all(record.status.phase is Phase.READY for record in self.documents.list_deployments())


def _ask(url: str, secret: str, latencies: list[float], stop: threading.Event) -> None:
    with ControlClient(Server(url=url, key=secret)) as client:
        while not stop.is_set():
            started = time.monotonic()
            client.list_all("deployments")
            latencies.append(time.monotonic() - started)
            time.sleep(0.05)


def main() -> int:
    """Measures what is asked for and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("process", "docker", "many", "held"), action="append", help="default: all")
    parser.add_argument("--output", type=Path, help="where the figures go as JSON")
    given = parser.parse_args()
    parts: list[str] = given.only or ["process", "docker", "many", "held"]
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-deploy-") as name:
        folder = Path(name)
        project = write_echo(folder / "project")
        archive = package(project, folder / "dist")
        for part in parts:
            (folder / part).mkdir()
        if "process" in parts:
            figures |= on_this_machine(folder / "process", archive)
        if "docker" in parts:
            with running_box() as box:
                figures |= in_containers(folder / "docker", project, archive, box)
        if "many" in parts:
            seconds, p99 = asyncio.run(ManyDeployments(folder / "many").place(MANY))
            figures |= {"place_200_s": round(seconds, 1), "place_200_api_p99_ms": round(p99 * 1000, 1)}
        if "held" in parts:
            figures |= held(folder / "held")
    figures["machine"] = describe_machine()
    print(json.dumps(figures, indent=2))
    if given.output:
        given.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
