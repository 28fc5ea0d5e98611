"""Where replicas run: this machine and the declared clusters, each with what makes packages startable there."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from modelway_platform.apps.clusters.cluster_operators import ClusterSurroundings, MadeClusters
from modelway_platform.apps.records_ways import RecordsWays
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.wiring.trusted_packages import TrustedPackages
from modelway_platform.deploy.builder.local_phases import LocalPhases
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.host_folders import HostFolders
from modelway_platform.deploy.operators.kept_secrets import KeptSecrets
from modelway_platform.deploy.operators.processes.process import ProcessOperator
from modelway_platform.deploy.operators.processes.serve_command import ServeCommand
from modelway_platform.deploy.reconcile.preparations import Preparations
from modelway_platform.deploy.trust.trusted_preparer import TrustedPreparer
from modelway_platform.discovery.embedded import Leases
from modelway_platform.store.changes import Changes


@dataclass(frozen=True, slots=True)
class Registration:
    """Where replicas that register themselves do so, and with what; the token opens nothing else."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Placing:
    """The operators, and what is made ready for them; `records_secret` is what tokens for records are made of."""

    clusters: Clusters
    preparations: Preparations
    records_secret: str


def make_placing(
    directory: StateDirectory,
    packages: TrustedPackages,
    registration: Registration,
    leases: Leases,
    changes: Changes,
    *,
    control_url: str,
) -> Placing:
    """Those of the control process that has `directory`."""

    def ended(replica_id: str) -> None:
        leases.drop(replica_id)
        changes.notify()

    records = RecordsWays(control_url=control_url, secret=directory.kept_secret("records-secret"))
    made = MadeClusters(
        _this_machine(directory, registration, ended),
        LocalPhases(packages.preparer, packages.fetcher.fetch),
        ClusterSurroundings(
            directory=directory,
            packages=packages.store,
            fetch=packages.fetcher.fetch,
            leases=leases,
            environment=packages.environment,
            register_url=registration.url,
            register_token=registration.token,
            on_change=ended,
            records=records,
        ),
    )
    return Placing(
        made.operators,
        Preparations(
            lambda cluster: TrustedPreparer(made.preparer_of(cluster), packages.trust, packages.wanted.projects),
            notify=changes.notify,
        ),
        records.secret,
    )


def _this_machine(
    directory: StateDirectory, registration: Registration, ended: Callable[[str], None]
) -> ProcessOperator:
    return ProcessOperator(
        directory.replicas,
        instance=directory.instance(),
        launch=ServeCommand(
            packages=directory.unpacked,
            environments=directory.environments,
            replicas=directory.replicas,
            register_url=registration.url,
            register_token=registration.token,
            variables=os.environ,
            secrets=KeptSecrets(folder=directory.secrets),
        ),
        on_change=ended,
        folders=HostFolders(reserved=(directory.root,)),
    )
