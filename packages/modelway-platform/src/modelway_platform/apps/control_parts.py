"""Everything the control process consists of, wired; nothing runs yet."""

import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import uv

from modelway_platform.apps.cluster_operators import ClusterSurroundings, MadeClusters
from modelway_platform.apps.promoting import make_promoter
from modelway_platform.apps.sharing import Orders, OwnOrders, SharedOrders, Sharing, make_sharing
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.api.inspect_package import inspect_package
from modelway_platform.deploy.builder.environment import EnvironmentBuilder
from modelway_platform.deploy.builder.local_phases import LocalPhases
from modelway_platform.deploy.builder.preparation import PackagePreparer
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand, uv_environment
from modelway_platform.deploy.fetch.fetch_package import PackageFetcher
from modelway_platform.deploy.fetch.store_access import FILE_NAME as STORES_FILE
from modelway_platform.deploy.fetch.store_access import StoreAccess
from modelway_platform.deploy.fetch.wanted import Wanted
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.kept_secrets import KeptSecrets
from modelway_platform.deploy.operators.process import ProcessOperator
from modelway_platform.deploy.operators.process_table import INSTANCE_VARIABLE
from modelway_platform.deploy.operators.serve_command import ServeCommand
from modelway_platform.deploy.promote.promoter import Promoter
from modelway_platform.deploy.reconcile.autoscaler import Autoscaler
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.load_book import LoadBook
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.deploy.source.child import SourceChild
from modelway_platform.deploy.source.follower import SourceFollower
from modelway_platform.deploy.source.looking import Looker
from modelway_platform.deploy.source.writer import SourceWriter
from modelway_platform.deploy.trust.package_gate import PackageGate
from modelway_platform.deploy.trust.policy import FILE_NAME as POLICY_FILE
from modelway_platform.deploy.trust.trust import Trust
from modelway_platform.deploy.trust.trusted_preparer import TrustedPreparer
from modelway_platform.discovery.embedded import GRACE_SECONDS, Leases
from modelway_platform.discovery.follower import Follower
from modelway_platform.discovery.providers import ProviderSettings, make_followers, read_providers
from modelway_platform.gateway.control.publish import Publisher, Sources
from modelway_platform.gateway.control.rollout_engine import RolloutEngine
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.rollout_evidence import RolloutEvidenceSource
from modelway_platform.store.changes import Changes
from modelway_platform.store.cluster_approvals import ClusterApprovals
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.documents import Documents
from modelway_platform.store.events import Events
from modelway_platform.store.git_sources import GitSources
from modelway_platform.store.git_writes import GitWrites
from modelway_platform.store.holds import Holds
from modelway_platform.store.keys import Keys
from modelway_platform.store.packages import PackageStore
from modelway_platform.store.phases import Phases
from modelway_platform.store.promotions import Promotions
from modelway_platform.store.replicas import Replicas
from modelway_platform.store.rollout_runs import RolloutRuns
from modelway_platform.store.signatures import PackageSignatures
from modelway_platform.store.token_issuers import TokenIssuers
from modelway_platform.store.tokens import Tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What the control process was told."""

    directory: StateDirectory
    host: str
    port: int
    control_url: str
    gateway_url: str
    console_url: str = ""
    grpc_port: int = 0
    lifeline: int
    database: str = field(default="", repr=False)  # with a password, perhaps
    packages: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlParts:
    """The parts that are asked or run by name."""

    changes: Changes
    database: Database
    documents: Documents
    events: Events
    keys: Keys
    tokens: Tokens
    issuers: TokenIssuers
    sources: GitSources
    source_follower: SourceFollower
    git_writes: GitWrites
    source_writer: SourceWriter
    replicas: Replicas
    packages: PackageStore
    signatures: PackageSignatures
    trust: Trust
    leases: Leases
    followers: tuple[Follower, ...]
    publisher: Publisher
    clusters: Clusters
    preparer: PackagePreparer
    preparations: Preparations
    phases: Phases
    holds: Holds
    promotions: Promotions
    phase_approvals: ClusterApprovals
    promoter: Promoter
    rollouts: RolloutRuns
    rollout_engine: RolloutEngine
    reconciler: Reconciler
    autoscaler: Autoscaler
    loads: LoadBook
    replica_token: str
    sharing: Sharing
    orders: Orders
    led_issuers: TokenIssuers


@contextmanager
def open_parts(settings: ControlSettings) -> Generator[ControlParts]:
    """Opens the database and wires everything over it; closes what has to be closed.

    Raises:
        ModelwayError: The state directory cannot be used.
    """
    directory, changes = settings.directory, Changes()
    with Database.open(settings.database or directory.database) as database:
        documents = Documents(database, changes.notify)
        keys = Keys(database, changes.notify)
        issuers = TokenIssuers(database, changes.notify)
        leases = Leases(on_change=changes.notify)
        providers = read_providers(os.environ)
        publisher = Publisher(
            directory.table,
            Sources(
                declared=documents.declared,
                endpoints=leases.view,
                keys=keys.list,
                next_number=Counters(database).next_table_number,
                issuers=issuers.list,
            ),
            on_refusal=lambda reason: log.error("route table refused: %s", reason),
        )
        # Whoever is known by a provider outside stays until that one has been heard.
        leases.seed(publisher.table, inf if providers.any else GRACE_SECONDS)
        packages = PackageStore(settings.packages or directory.packages, inspect_package)
        token = directory.kept_secret("replica-token")
        sharing = make_sharing(
            database, changes, leases, instance=directory.instance(), url=settings.control_url, replica_token=token
        )
        parts = _deploying(
            settings,
            _Basis(database, changes, documents, keys, issuers, leases, publisher, packages, providers, token, sharing),
        )
        try:
            yield parts
        finally:
            parts.clusters.close()


@dataclass(frozen=True, slots=True)
class _Basis:
    database: Database
    changes: Changes
    documents: Documents
    keys: Keys
    issuers: TokenIssuers
    leases: Leases
    publisher: Publisher
    packages: PackageStore
    providers: ProviderSettings
    replica_token: str
    sharing: Sharing

    @property
    def led(self) -> Database:
        """The database for what only the leader does."""
        return self.database.fenced(self.sharing.leadership.fence)


def _deploying(settings: ControlSettings, basis: _Basis) -> ControlParts:
    """Adds what turns documents into replicas."""
    directory, changes, leases = settings.directory, basis.changes, basis.leases
    replica_token, led = basis.replica_token, basis.led
    events = Events(led, changes.notify)
    preparer = _preparer(directory, basis.packages, os.environ)
    signatures = PackageSignatures(basis.packages)
    trust = Trust(directory.root / POLICY_FILE, signatures)
    wanted = Wanted(basis.documents)
    fetcher = PackageFetcher(
        basis.packages,
        StoreAccess(directory.root / STORES_FILE),
        wanted.origins,
        signatures,
        refused=lambda package: trust.refused_by_all(wanted.projects(package), package),
    )
    holds = Holds(basis.database, changes.notify)
    promotions = Promotions(basis.database, changes.notify)
    phase_approvals = ClusterApprovals(basis.database, changes.notify)
    rollouts = RolloutRuns(basis.database, basis.documents)

    def ended(replica_id: str) -> None:
        leases.drop(replica_id)
        changes.notify()

    register_url = basis.providers.consul or settings.control_url
    register_token = basis.providers.register_token if basis.providers.consul else replica_token
    local = ProcessOperator(
        directory.replicas,
        instance=directory.instance(),
        launch=ServeCommand(
            packages=directory.unpacked,
            environments=directory.environments,
            replicas=directory.replicas,
            register_url=register_url,
            register_token=register_token,
            variables=os.environ,
            secrets=KeptSecrets(folder=directory.secrets),
        ),
        on_change=ended,
    )
    made = MadeClusters(
        local,
        LocalPhases(preparer, fetcher.fetch),
        ClusterSurroundings(
            directory=directory,
            packages=basis.packages,
            fetch=fetcher.fetch,
            leases=leases,
            environment=_installer_environment(directory, os.environ),
            register_url=register_url,
            register_token=register_token,
            on_change=ended,
        ),
    )
    preparations = Preparations(
        lambda cluster: TrustedPreparer(made.preparer_of(cluster), trust, wanted.projects), notify=changes.notify
    )
    clusters = made.operators
    fleet = Fleet(
        store=Replicas(led, changes.notify),
        events=events,
        clusters=clusters,
        drop_endpoint=leases.drop,
        require=basis.sharing.leadership.require,
    )
    loads = LoadBook(directory.gateway)
    led_documents, led_sources = basis.documents.under(led), GitSources(led, changes.notify)
    autoscaler = Autoscaler(
        documents=led_documents,
        events=events,
        replicas=lambda key: [held.seen() for held in fleet.of(key)],
        measure=loads.measure,
        changes=changes,
    )
    reconciler = Reconciler(
        documents=led_documents,
        autoscaler=autoscaler,
        events=events,
        fleet=fleet,
        preparations=preparations,
        book=PhaseBook(Phases(led, changes.notify)),
        holds=holds.all,
        approved=phase_approvals.all,
        gate=PackageGate(trust.refusal, basis.packages).refusal,
        approved_clusters=phase_approvals.clusters,
        changes=changes,
        registered=lambda: {endpoint.id for endpoint in leases.endpoints()},
    )
    applier = CommitApplier(led_documents, basis.packages, events, refusal=trust.refusal)
    follower = _source_follower(directory, led_sources, led_documents, applier)
    writes = GitWrites(led, changes.notify)
    orders = OwnOrders(reconciler.retry, follower.want)
    return ControlParts(
        changes=changes,
        database=basis.database,
        documents=basis.documents,
        events=Events(basis.database, changes.notify),
        keys=basis.keys,
        tokens=Tokens(basis.database, changes.notify),
        issuers=basis.issuers,
        sources=GitSources(basis.database, changes.notify),
        source_follower=follower,
        replicas=Replicas(basis.database, changes.notify),
        git_writes=GitWrites(basis.database, changes.notify),
        source_writer=_source_writer(directory, writes, led_sources, follower, changes),
        packages=basis.packages,
        signatures=signatures,
        trust=trust,
        leases=leases,
        followers=make_followers(basis.providers, leases),
        publisher=basis.publisher,
        clusters=clusters,
        preparer=preparer,
        preparations=preparations,
        phases=Phases(basis.database, changes.notify),
        holds=holds,
        promotions=promotions,
        phase_approvals=phase_approvals,
        promoter=make_promoter(
            directory=directory,
            promotions=Promotions(led, changes.notify),
            documents=led_documents,
            packages=basis.packages,
            events=events,
            endpoints=leases.endpoints,
            sources=led_sources,
            writes=writes,
        ),
        rollouts=rollouts,
        rollout_engine=RolloutEngine(
            documents=led_documents,
            runs=RolloutRuns(led, led_documents),
            events=events,
            source=RolloutEvidenceSource(
                directory.access_logs, QueryDesk(directory.log_store), shipped=directory.shipped
            ),
            endpoints=leases.endpoints,
        ),
        reconciler=reconciler,
        autoscaler=autoscaler,
        loads=loads,
        replica_token=replica_token,
        sharing=basis.sharing,
        orders=SharedOrders(orders, basis.database) if basis.database.shared else orders,
        led_issuers=TokenIssuers(led, changes.notify),
    )


def _source_follower(
    directory: StateDirectory, sources: GitSources, documents: Documents, applier: CommitApplier
) -> SourceFollower:
    looker = Looker(directory.sources, os.environ, {INSTANCE_VARIABLE: directory.instance()})
    return SourceFollower(sources, documents, looker, applier)


def _source_writer(
    directory: StateDirectory, writes: GitWrites, sources: GitSources, follower: SourceFollower, changes: Changes
) -> SourceWriter:
    child = SourceChild(directory.sources, os.environ, {INSTANCE_VARIABLE: directory.instance()})

    def pushed(source: str) -> None:
        follower.want(source)
        changes.notify()

    return SourceWriter(writes, sources, child, pushed)


def _preparer(directory: StateDirectory, packages: PackageStore, variables: Mapping[str, str]) -> PackagePreparer:
    command = UvCommand(path=uv.find_uv_bin(), environment=_installer_environment(directory, variables))
    environments = EnvironmentBuilder(directory.environments, uv=command, sdk=SdkCopy.of_this_process())
    return PackagePreparer(directory.unpacked, archive=packages.path, environments=environments)


def _installer_environment(directory: StateDirectory, variables: Mapping[str, str]) -> dict[str, str]:
    """The mark lets the next control process end a build that this one was killed in."""
    return dict(uv_environment(variables)) | {INSTANCE_VARIABLE: directory.instance()}
