"""What turns documents into replicas, and follows their load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.apps.wiring.placing import Placing
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.apps.wiring.trusted_packages import TrustedPackages
from modelway_platform.deploy.reconcile.autoscaler import Autoscaler
from modelway_platform.deploy.reconcile.fleet import Fleet
from modelway_platform.deploy.reconcile.load_book import LoadBook
from modelway_platform.deploy.reconcile.loop import Reconciler
from modelway_platform.deploy.reconcile.phase_book import PhaseBook
from modelway_platform.deploy.trust.package_gate import PackageGate
from modelway_platform.discovery.embedded import Leases
from modelway_platform.store.changes import Changes


@dataclass(frozen=True, slots=True)
class Reconciling:
    """The loop, and what tells it how many replicas the load asks for."""

    reconciler: Reconciler
    autoscaler: Autoscaler
    loads: LoadBook


def make_reconciling(
    led: Stores,
    packages: TrustedPackages,
    placing: Placing,
    leases: Leases,
    changes: Changes,
    *,
    gateway_folder: Path,
    require: Callable[[], None],
) -> Reconciling:
    """Those of one control process.

    Args:
        led: Stores that only the leader writes to.
        packages: What is deployed.
        placing: Where.
        leases: What has registered.
        changes: Wakes the loop.
        gateway_folder: Where workers of this machine's gateway tell their load.
        require: Raises when this process leads no more; asked before anything is started.
    """
    fleet = Fleet(
        store=led.replicas,
        events=led.events,
        clusters=placing.clusters,
        drop_endpoint=leases.drop,
        require=require,
    )
    loads = LoadBook(gateway_folder)
    autoscaler = Autoscaler(
        documents=led.documents,
        events=led.events,
        replicas=lambda key: [held.seen() for held in fleet.of(key)],
        measure=loads.measure,
        changes=changes,
        cluster=placing.clusters.of,
    )
    reconciler = Reconciler(
        documents=led.documents,
        autoscaler=autoscaler,
        fleet=fleet,
        preparations=placing.preparations,
        book=PhaseBook(led.phases),
        holds=led.holds.all,
        approved=led.phase_approvals.all,
        gate=PackageGate(packages.trust.refusal, packages.store).refusal,
        approved_clusters=led.phase_approvals.clusters,
        changes=changes,
        registered=lambda: {endpoint.id for endpoint in leases.endpoints()},
    )
    return Reconciling(reconciler, autoscaler, loads)
