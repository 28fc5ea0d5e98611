"""What the API is made of: everything is passed in by the process that serves it, siblings through small protocols."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from modelway.errors import UnavailableError
from modelway_platform.deploy.api.reading.package_refusals import Refusal, no_refusal
from modelway_platform.deploy.api.reading.record_filter import EVERY_RECORD, RecordFilter
from modelway_platform.deploy.images.registries.prune_registry import PrunedImage
from modelway_platform.domain.agreement.mirror_report import MirrorQuery, MirrorReport
from modelway_platform.domain.deployments.image_needs import KeepRules
from modelway_platform.domain.deployments.phases import PhaseRun
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.explanation import ExplainQuery, Explanation
from modelway_platform.domain.traffic.stretch import TrafficQuery
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery
from modelway_platform.domain.verdicts.record_query import Asked, Exported, ReadyQuestion, RecordQuery
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.access.token_issuers import TokenIssuers
from modelway_platform.store.access.tokens import Tokens
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.cluster_approvals import ClusterApprovals
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.holds import Holds
from modelway_platform.store.declared.promotions import Promotions
from modelway_platform.store.declared.rollout_runs import RolloutRuns
from modelway_platform.store.files.load_reports import WorkerLoad
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.signatures import PackageSignatures
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites
from modelway_platform.store.sources.webhooks import Webhooks


class EndpointRegistry(Protocol):
    """Where replicas are known; `discovery.embedded.Leases` is one."""

    def register(self, endpoint: Endpoint, ttl: float) -> float:
        """Note or renew; returns the lease's length."""
        ...

    def deregister(self, endpoint_id: str) -> bool:
        """Forget; returns whether it was known."""
        ...

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All that are known now."""
        ...


class TableServer(Protocol):
    """Where gateways on other machines get the route table, and leave their word on it."""

    async def newer(self, than: int, seconds: float) -> bytes | None:
        """The table's file once its number is larger; None after `seconds`."""
        ...

    def part(self, digest: str) -> bytes:
        """One part of it; NotFoundError if there is none."""
        ...

    def said(self, gateway: str, words: Sequence[Mapping[str, Any]]) -> None:
        """What a gateway's workers said last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which records to read; an empty text stands for any."""

    source: Literal["access", "server", "inference"] = "access"
    project: str = ""
    model: str = ""
    version: str = ""
    replica: str = ""
    request_id: str = ""
    experiment: str = ""
    mirrored: bool | None = None
    only: RecordFilter = EVERY_RECORD
    tail: int = 100
    follow: bool = False


class LogReader(Protocol):
    """Where log records come from; `deploy.api.log_files.FileLogs` is one."""

    def read(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any] | None]:
        """The last `tail` records, oldest first; with `follow` then those to come, None now and then while there are none."""
        ...


class LogQueries(Protocol):
    """Who answers questions of the collected records; `insight.query.desk.QueryDesk` is one."""

    def questions(self) -> Sequence[ReadyQuestion]:
        """Those that need not be written."""
        ...

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        """The answer as JSON; called in a thread, and told there when nobody waits any more."""
        ...

    def ask(self, asked: Asked, *, abandoned: Callable[[], bool]) -> tuple[str, bytes]:
        """The SQL of a ready question, and its answer."""
        ...


class NoLogQueries:
    """For a process without collected records."""

    def questions(self) -> Sequence[ReadyQuestion]:
        return ()

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")

    def ask(self, asked: Asked, *, abandoned: Callable[[], bool]) -> tuple[str, bytes]:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


class RecordExports(Protocol):
    """Who makes data sets; `insight.query.export.Exporter` is one."""

    def export(self, wanted: Exported, *, abandoned: Callable[[], bool]) -> AbstractContextManager[Path]:
        """The file, while the context lasts; entered in a thread."""
        ...


class NoExports:
    """For a process without collected records."""

    def export(self, wanted: Exported, *, abandoned: Callable[[], bool]) -> AbstractContextManager[Path]:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


class ImagePruner(Protocol):
    """Who takes images out of registries; `apps.wiring.registry_pruner.RegistryPruner` is one."""

    def prune(
        self, cluster: str, rules: KeepRules, *, dry_run: bool, abandoned: Callable[[], bool]
    ) -> Iterator[PrunedImage]:
        """What becomes of each image; taken from in a thread, and told there when nobody waits any more."""
        ...


class NoImages:
    """For a process that deploys nothing."""

    def prune(
        self, cluster: str, rules: KeepRules, *, dry_run: bool, abandoned: Callable[[], bool]
    ) -> Iterator[PrunedImage]:
        raise UnavailableError("no images are made here", hint="ask the platform that `modelway up` runs")


class FeedbackTaker(Protocol):
    """Who keeps feedback; `store.files.feedback_segments.FeedbackSegments` is one."""

    def take(self, lines: bytes) -> None:
        """Keeps whole lines durably, all or none."""
        ...


class NoFeedback:
    """For a process that keeps none."""

    def take(self, lines: bytes) -> None:
        raise UnavailableError("no feedback is kept here", hint="send it to the platform that `modelway up` runs")


class RecordKeeper(Protocol):
    """Who keeps records of other machines; `store.files.shipped_segments.ShippedSegments` is one."""

    def take(self, origin: str, kind: str, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        """Keeps a piece of a segment durably; how many octets of the segment are here. Called in a thread.

        Raises:
            ModelwayError: It was not kept.
        """
        ...


class KeepsNoRecords:
    """For a process that keeps none."""

    def take(self, origin: str, kind: str, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        raise UnavailableError("no records are kept here", hint="send them to the platform that `modelway up` runs")


class MirrorReporter(Protocol):
    """Who adds up what copies have shown; `insight.mirror_report.MirrorReports` is one."""

    def report(self, query: MirrorQuery, *, abandoned: Callable[[], bool]) -> MirrorReport:
        """As `Comparer.compare`."""
        ...


class Comparer(Protocol):
    """Who compares versions; `insight.compare_versions.AccessComparison` is one."""

    def compare(self, query: ComparisonQuery, *, abandoned: Callable[[], bool]) -> Comparison:
        """Reads what it needs; called in a thread, and told there when nobody waits any more.

        Raises:
            UnavailableError: It was abandoned.
        """
        ...


class RequestExplainer(Protocol):
    """Who knows what would become of a request; `gateway.proxy.explain.Explainer` is one."""

    def explain(self, query: ExplainQuery) -> Explanation:
        """Called in a thread.

        Raises:
            LookupError: It names a key there is not.
        """
        ...


class NoExplainer:
    """For a process without a gateway: knows no route."""

    def explain(self, query: ExplainQuery) -> Explanation:
        return Explanation(table=0)


def no_facts() -> Mapping[str, Any]:
    """For a process that has nothing to add."""
    return {}


def nobody_listens(gateway: str, words: Sequence[WorkerLoad]) -> None:
    """For a process that scales nothing."""


def no_gateways() -> Sequence[Mapping[str, Any]]:
    """For a process without gateway workers."""
    return ()


async def nothing_to_retry(key: VersionKey) -> None:
    """For a process that deploys nothing."""


def no_series(model: ModelKey, seconds: float) -> Mapping[str, Any]:
    """For a process that keeps none."""
    return {"step": 60, "times": [], "model": {}, "versions": [], "usual": {}, "judgements": []}


def no_traffic(query: TrafficQuery, abandoned: Callable[[], bool]) -> Mapping[str, Any]:
    """For a process without collected records."""
    raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


def no_phases(name: str, revision: int) -> tuple[PhaseRun, ...]:
    """For a process that deploys nothing."""
    return ()


def nobody() -> Mapping[str, float]:
    """For a process that does not know when keys were used."""
    return {}


def none_left_out() -> Mapping[str, int]:
    """For a process that knows of no gateway."""
    return {}


def nothing_follows(_: str) -> None:
    """For a process that follows no Git source."""


def no_recorder(secret: str) -> VersionKey | None:
    """Where no replica elsewhere sends records."""
    return None


def no_other_token(_: str) -> bool:
    """For a platform of one control process."""
    return False


def always_ready() -> bool:
    """For a process that serves only once it is ready."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """Everything `make_app` needs.

    Args:
        documents: Declared deployments and routes.
        events: What happened to them.
        keys: API keys.
        tokens: Tokens of this API.
        audit: Who changed what.
        issuers: Whose tokens are taken beside them.
        sources: Git repositories that are followed.
        packages: Package archives; give it `inspect_package`, so that nothing unreadable is stored.
        endpoints: Registered replicas. Its changes must notify `changes`, or watchers see them late.
        changes: Notified after every write; watchers wait for it.
        logs: Access and server logs.
        comparer: Compares two versions by their requests.
        mirror_reports: Adds up what copies have shown.
        explainer: Says what would become of a request.
        replica_token: The secret by which replicas register; opens nothing else.
        records_of: Whose records the token of a replica elsewhere is for; None for another secret.
        is_replica_token: Whether replicas of another control process of this platform register with the secret of this hash.
        other_controls: Where the APIs of those are.
        status: More members for `/v1/status`.
        gauges: More samples for `/metrics`: value by name, labels included, as `name{label="x"}`.
        gateways: What each gateway worker said last, as JSON objects.
        replicas_left_out: How many gateway workers leave a replica out at present, by its id; those that none does are not in it.
        phases: The phases of a deployment's revision, by both; empty before the first began.
        holds: What people said of revisions under way; None where nothing is deployed.
        promotions: Deployments on their way into the next stage; None where nothing is deployed.
        phase_approvals: What people said yes to, where a stage has phases wait, or the next cluster waits; None where nothing is deployed.
        incidents: What was wrong with models.
        anomaly_settings: What is watched of whom, and what nobody is told.
        series: A model's series of the last seconds.
        traffic: Who called what in a stretch of time; called in a thread, and told there when nobody waits any more.
        rollouts: What runs of rollouts rest on and did; None where none is moved.
        webhooks: What secrets of webhooks are made of; None where no source is followed.
        webhook_secret: The other half of them, this platform's own.
        git_writes: Commits that the platform was asked for; None where it writes none.
        retry: Has whatever failed of a deployment tried again now.
        tables: The route table for gateways on other machines.
        heard_load: Told the load of the workers of a gateway elsewhere.
        ready: Whether `/readyz` says yes.
        keys_last_used: When each key was used last at the gateway (Unix time in seconds by key id), to the minute.
        signatures: Who vouches for packages; None where none are kept.
        package_refusal: Why a project may not deploy a package, by both; empty if it may.
        log_queries: Answers questions of the collected records.
        exports: Makes data sets of them.
        feedback: Keeps what callers say afterwards of answers.
        records: Keeps access and inference records of other machines.
        images: Takes images out of registries.
        want_source: Has a Git source looked at as soon as `changes` is notified.
        closing: Set it, then notify `changes`, to end all watching and following before the server stops.
    """

    documents: Documents
    events: Events
    keys: Keys
    tokens: Tokens
    audit: Audit
    issuers: TokenIssuers
    sources: GitSources
    incidents: Incidents
    anomaly_settings: AnomalySettings
    packages: PackageStore
    endpoints: EndpointRegistry
    changes: Changes
    logs: LogReader
    comparer: Comparer
    mirror_reports: MirrorReporter
    replica_token: str
    explainer: RequestExplainer = field(default_factory=NoExplainer)
    status: Callable[[], Mapping[str, Any]] = no_facts
    gauges: Callable[[], Mapping[str, float]] = no_facts
    gateways: Callable[[], Sequence[Mapping[str, Any]]] = no_gateways
    replicas_left_out: Callable[[], Mapping[str, int]] = none_left_out
    phases: Callable[[str, int], tuple[PhaseRun, ...]] = no_phases
    holds: Holds | None = None
    series: Callable[[ModelKey, float], Mapping[str, Any]] = no_series
    traffic: Callable[[TrafficQuery, Callable[[], bool]], Mapping[str, Any]] = no_traffic
    promotions: Promotions | None = None
    phase_approvals: ClusterApprovals | None = None
    rollouts: RolloutRuns | None = None
    git_writes: GitWrites | None = None
    webhooks: Webhooks | None = None
    webhook_secret: str = ""
    retry: Callable[[VersionKey], Awaitable[None]] = nothing_to_retry
    tables: TableServer | None = None
    heard_load: Callable[[str, Sequence[WorkerLoad]], None] = nobody_listens
    ready: Callable[[], bool] = always_ready
    records_of: Callable[[str], VersionKey | None] = no_recorder
    is_replica_token: Callable[[str], bool] = no_other_token
    other_controls: Callable[[], Sequence[str]] = tuple
    keys_last_used: Callable[[], Mapping[str, float]] = nobody
    want_source: Callable[[str], None] = nothing_follows
    signatures: PackageSignatures | None = None
    package_refusal: Refusal = no_refusal
    log_queries: LogQueries = field(default_factory=NoLogQueries)
    exports: RecordExports = field(default_factory=NoExports)
    images: ImagePruner = field(default_factory=NoImages)
    feedback: FeedbackTaker = field(default_factory=NoFeedback)
    records: RecordKeeper = field(default_factory=KeepsNoRecords)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
