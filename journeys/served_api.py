"""The control API as `modelway up` serves it, in a thread of a test's process, over a real database."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn

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
