"""Everything the control process consists of, wired; nothing runs yet."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from modelway_platform.apps.sharing import Orders, OwnOrders, SharedOrders, Sharing, make_sharing
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.wiring.git import Git, make_git
from modelway_platform.apps.wiring.placing import Placing, Registration, make_placing
from modelway_platform.apps.wiring.promoting import make_promoter
from modelway_platform.apps.wiring.reconciling import Reconciling, make_reconciling
from modelway_platform.apps.wiring.settings import ControlSettings
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.apps.wiring.trusted_packages import TrustedPackages, make_trusted_packages
from modelway_platform.deploy.api.reading.inspect_package import inspect_package
from modelway_platform.deploy.promote.promoter import Promoter
from modelway_platform.discovery.embedded import GRACE_SECONDS, Leases
from modelway_platform.discovery.follower import Follower
from modelway_platform.discovery.providers import ProviderSettings, make_followers, read_providers
from modelway_platform.gateway.control.publish import Publisher, Sources
from modelway_platform.gateway.control.rollout_commits import RolloutCommits
from modelway_platform.gateway.control.rollout_engine import RolloutEngine
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.rollout_evidence import RolloutEvidenceSource
from modelway_platform.store.changes import Changes
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.sources.rollout_writes import RolloutWrites

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlParts:
    """The parts that are asked or run by name.

    Args:
        changes: Notified after every write.
        stores: The database, for whoever asks.
        led: The same, for what only the leader writes.
        packages: What is deployed.
        leases: What has registered.
        followers: Providers of endpoints outside.
        publisher: Makes the route table.
        placing: Where replicas run.
        reconciling: Turns documents into replicas.
        git: Follows repositories, and writes to them.
        promoter: Carries promotions on.
        rollout_engine: Moves rollouts.
        replica_token: The secret by which replicas register.
        records_secret: What tokens for records are made of.
        sharing: Who leads, where several have the database.
        orders: What the leader is asked for.
    """

    changes: Changes
    stores: Stores
    led: Stores
    packages: TrustedPackages
    leases: Leases
    followers: tuple[Follower, ...]
    publisher: Publisher
    placing: Placing
    reconciling: Reconciling
    git: Git
    promoter: Promoter
    rollout_engine: RolloutEngine
    replica_token: str
    records_secret: str
    sharing: Sharing
    orders: Orders


@contextmanager
def open_parts(settings: ControlSettings) -> Generator[ControlParts]:
    """Opens the database and wires everything over it; closes what has to be closed.

    Raises:
        ModelwayError: The state directory cannot be used.
    """
    changes = Changes()
    with Database.open(settings.database or settings.directory.database) as database:
        stores = Stores.over(database, Documents(database, changes.notify), changes.notify)
        parts = _wire(settings, changes, stores)
        try:
            yield parts
        finally:
            parts.placing.clusters.close()


def _wire(settings: ControlSettings, changes: Changes, stores: Stores) -> ControlParts:
    directory, database = settings.directory, stores.database
    token = directory.kept_secret("replica-token")
    providers = read_providers(os.environ)
    leases = Leases(on_change=changes.notify)
    publisher = _publisher(directory, stores, leases)
    # Whoever is known by a provider outside stays until that one has been heard.
    leases.seed(publisher.table, inf if providers.any else GRACE_SECONDS)
    sharing = make_sharing(
        database, changes, leases, instance=directory.instance(), url=settings.control_url, replica_token=token
    )
    fenced = database.fenced(sharing.leadership.fence)
    led = Stores.over(fenced, stores.documents.under(fenced), changes.notify)
    archives = PackageStore(settings.packages or directory.packages, inspect_package)
    packages = make_trusted_packages(directory, archives, stores.documents, os.environ)
    registration = _registration(providers, settings.control_url, token)
    placing = make_placing(directory, packages, registration, leases, changes, control_url=settings.control_url)
    reconciling = make_reconciling(
        led,
        packages,
        placing,
        leases,
        changes,
        gateway_folder=directory.gateway,
        require=sharing.leadership.require,
    )
    git = make_git(directory, led, packages, changes)
    orders = OwnOrders(reconciling.reconciler.retry, git.follower.want)
    return ControlParts(
        changes=changes,
        stores=stores,
        led=led,
        packages=packages,
        leases=leases,
        followers=make_followers(providers, leases),
        publisher=publisher,
        placing=placing,
        reconciling=reconciling,
        git=git,
        promoter=make_promoter(directory, led, archives, leases.endpoints),
        rollout_engine=_rollout_engine(directory, led, leases),
        replica_token=token,
        records_secret=placing.records_secret,
        sharing=sharing,
        orders=SharedOrders(orders, database) if database.shared else orders,
    )


def _publisher(directory: StateDirectory, stores: Stores, leases: Leases) -> Publisher:
    return Publisher(
        directory.table,
        Sources(
            declared=stores.documents.declared,
            endpoints=leases.view,
            keys=stores.keys.list,
            next_number=Counters(stores.database).next_table_number,
            issuers=stores.issuers.list,
        ),
        on_refusal=lambda reason: log.error("route table refused: %s", reason),
    )


def _registration(providers: ProviderSettings, control_url: str, replica_token: str) -> Registration:
    if providers.consul:
        return Registration(providers.consul, providers.register_token)
    return Registration(control_url, replica_token)


def _rollout_engine(directory: StateDirectory, led: Stores, leases: Leases) -> RolloutEngine:
    return RolloutEngine(
        documents=led.documents,
        runs=led.rollouts,
        events=led.events,
        source=RolloutEvidenceSource(directory.access_logs, QueryDesk(directory.log_store), shipped=directory.shipped),
        endpoints=leases.endpoints,
        commits=RolloutCommits(led.documents, led.sources, RolloutWrites(led.git_writes)),
    )
