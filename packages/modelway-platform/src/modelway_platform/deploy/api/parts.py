"""What the API is made of, by concern: everything is passed in by the process that serves it; each call takes the records that it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelway_platform.deploy.api.ports import (
    Comparer,
    EndpointRegistry,
    FeedbackTaker,
    ImagePruner,
    KeepsNoRecords,
    LogQueries,
    LogReader,
    MirrorReporter,
    NoExplainer,
    NoExports,
    NoFeedback,
    NoImages,
    NoLogQueries,
    RecordExports,
    RecordKeeper,
    RequestExplainer,
    TableServer,
    always_ready,
    no_facts,
    no_gateways,
    no_other_token,
    no_phases,
    no_recorder,
    no_series,
    no_traffic,
    nobody,
    nobody_listens,
    none_left_out,
    nothing_follows,
    nothing_to_retry,
)
from modelway_platform.deploy.api.reading.package_refusals import Refusal, no_refusal
from modelway_platform.domain.deployments.phases import PhaseRun
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.traffic.stretch import TrafficQuery
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What whoever watches or follows waits for.

    Args:
        changes: Notified after every write.
        closing: Set it, then notify `changes`, to end all watching and following before the server stops.
    """

    changes: Changes
    closing: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredParts:
    """What people declare, and what came of it.

    Args:
        documents: Declared deployments, routes and all other kinds.
        events: What happened to them.
        promotions: Deployments on their way into the next stage; None where nothing is deployed.
        rollouts: What runs of rollouts rest on and did; None where none is moved.
    """

    documents: Documents
    events: Events
    promotions: Promotions | None = None
    rollouts: RolloutRuns | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployingParts:
    """A revision on its way to ready replicas.

    Args:
        phases: The phases of a deployment's revision, by both; empty before the first began.
        holds: What people said of revisions under way; None where nothing is deployed.
        approvals: What people said yes to, where a stage has phases wait, or the next cluster waits; None where nothing is deployed.
        retry: Has whatever failed of a deployment tried again now.
    """

    phases: Callable[[str, int], tuple[PhaseRun, ...]] = no_phases
    holds: Holds | None = None
    approvals: ClusterApprovals | None = None
    retry: Callable[[VersionKey], Awaitable[None]] = nothing_to_retry


@dataclass(frozen=True, slots=True, kw_only=True)
class GitParts:
    """Repositories that say what is declared, and commits to them.

    Args:
        sources: Those that are followed.
        want: Has one of them looked at as soon as changes are notified.
        writes: Commits that the platform was asked for; None where it writes none.
        webhooks: What secrets of webhooks are made of; None where no source is followed.
        webhook_secret: The other half of them, this platform's own.
    """

    sources: GitSources
    want: Callable[[str], None] = nothing_follows
    writes: GitWrites | None = None
    webhooks: Webhooks | None = None
    webhook_secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageParts:
    """What is deployed.

    Args:
        store: Package archives; give it `inspect_package`, so that nothing unreadable is stored.
        signatures: Who vouches for them; None where none are kept.
        refusal: Why a project may not deploy a package, by both; empty if it may.
        images: Takes images made of them out of registries.
    """

    store: PackageStore
    signatures: PackageSignatures | None = None
    refusal: Refusal = no_refusal
    images: ImagePruner = field(default_factory=NoImages)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessParts:
    """Who may ask for what, and who did.

    Args:
        keys: API keys.
        keys_last_used: When each was used last at the gateway (Unix time in seconds by its id), to the minute.
        tokens: Tokens of this API.
        issuers: Whose tokens are taken beside them.
        audit: Who changed what.
        replica_token: The secret by which replicas register; opens nothing else.
        is_replica_token: Whether replicas of another control process of this platform register with the secret of this hash.
        records_of: Whose records the token of a replica elsewhere is for; None for another secret.
    """

    keys: Keys
    tokens: Tokens
    issuers: TokenIssuers
    audit: Audit
    replica_token: str
    keys_last_used: Callable[[], Mapping[str, float]] = nobody
    is_replica_token: Callable[[str], bool] = no_other_token
    records_of: Callable[[str], VersionKey | None] = no_recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaParts:
    """Model servers that run.

    Args:
        endpoints: Those that have registered. Its changes must notify `Watching.changes`, or watchers see them late.
        left_out: How many gateway workers leave one out at present, by its id; those that none does are not in it.
        other_controls: Where the APIs of this platform's other control processes are, which know of theirs.
    """

    endpoints: EndpointRegistry
    left_out: Callable[[], Mapping[str, int]] = none_left_out
    other_controls: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """Who sends requests to replicas.

    Args:
        said: What each gateway worker said last, as JSON objects.
        tables: The route table for gateways on other machines; None where there is none.
        heard_load: Told the load of the workers of a gateway elsewhere.
        explainer: Says what would become of a request.
    """

    said: Callable[[], Sequence[Mapping[str, Any]]] = no_gateways
    tables: TableServer | None = None
    heard_load: Callable[[str, Sequence[WorkerLoad]], None] = nobody_listens
    explainer: RequestExplainer = field(default_factory=NoExplainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordParts:
    """What is written of requests, and what is made of it.

    Args:
        logs: Access and server logs.
        queries: Answers questions of the collected records.
        exports: Makes data sets of them.
        feedback: Keeps what callers say afterwards of answers.
        keeper: Keeps access and inference records of other machines.
        comparer: Compares two versions by their requests.
        mirror_reports: Adds up what copies have shown.
        traffic: Who called what in a stretch of time; called in a thread, and told there when nobody waits any more.
    """

    logs: LogReader
    comparer: Comparer
    mirror_reports: MirrorReporter
    queries: LogQueries = field(default_factory=NoLogQueries)
    exports: RecordExports = field(default_factory=NoExports)
    feedback: FeedbackTaker = field(default_factory=NoFeedback)
    keeper: RecordKeeper = field(default_factory=KeepsNoRecords)
    traffic: Callable[[TrafficQuery, Callable[[], bool]], Mapping[str, Any]] = no_traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyParts:
    """What is unusual of models.

    Args:
        incidents: What was wrong with them.
        settings: What is watched of whom, and what nobody is told.
        series: A model's series of the last seconds.
    """

    incidents: Incidents
    settings: AnomalySettings
    series: Callable[[ModelKey, float], Mapping[str, Any]] = no_series


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """What the process says of itself.

    Args:
        ready: Whether `/readyz` says yes.
        status: More members for `/v1/status`.
        gauges: More samples for `/metrics`: value by name, labels included, as `name{label="x"}`.
    """

    ready: Callable[[], bool] = always_ready
    status: Callable[[], Mapping[str, Any]] = no_facts
    gauges: Callable[[], Mapping[str, float]] = no_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """Everything `make_app` needs."""

    watching: Watching
    declared: DeclaredParts
    git: GitParts
    packages: PackageParts
    access: AccessParts
    replicas: ReplicaParts
    records: RecordParts
    anomalies: AnomalyParts
    deploying: DeployingParts = DeployingParts()
    gateways: GatewayParts = field(default_factory=GatewayParts)
    facts: ProcessFacts = ProcessFacts()
