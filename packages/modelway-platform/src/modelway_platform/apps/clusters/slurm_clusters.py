"""The operator of jobs that a Cluster document of Slurm asks for, and the preparer that fills the folder its nodes see."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import uv

from modelway_platform.apps.records_ways import RecordsWays
from modelway_platform.deploy.builder.environment import EnvironmentBuilder
from modelway_platform.deploy.builder.local_phases import Fetch, LocalPhases, Report
from modelway_platform.deploy.builder.preparation import PackagePreparer
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.operators.host_folders import HostFolders
from modelway_platform.deploy.operators.jobs.slurm import REPLICAS, SlurmOperator, SlurmSurroundings
from modelway_platform.deploy.operators.jobs.slurm_commands import SlurmCommands
from modelway_platform.deploy.operators.jobs.slurm_launch import ADDRESS
from modelway_platform.deploy.operators.jobs.slurm_script import mark_of
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.serve_command import ServeCommand
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.phases import PhaseName

_SKIPS = MappingProxyType({PhaseName.PUSH: "nothing to push: nodes see the folder that packages are unpacked in"})
_NODE_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmNeeds:
    """What jobs are given of the platform.

    Args:
        instance: The mark of this platform instance.
        replicas: Holds a folder per replica.
        archive: Where the archive with a digest lies.
        fetch: Gets archives.
        environment: All that an installer of packages may see.
        register_url: Where replicas register, unless the document says otherwise.
        register_token: What they register with; it opens nothing else.
        secrets: The values of a replica's secrets, by variable.
        folders: Whether a directory may be given to a replica.
        records: How jobs send their inference records.
        on_change: Called with a replica's id as soon as it has ended.
    """

    instance: str
    replicas: Path
    archive: Callable[[str], Path]
    fetch: Fetch
    environment: Mapping[str, str]
    register_url: str
    register_token: str
    secrets: Callable[[ReplicaSpec], Mapping[str, str]]
    folders: HostFolders
    records: RecordsWays
    on_change: Callable[[str], None]


class SharedPhases(LocalPhases):
    """As on this machine, in a folder that nodes see; cleared of what a killed process left before it is first used."""

    skips = _SKIPS

    def __init__(self, preparer: PackagePreparer, fetch: Fetch) -> None:
        super().__init__(preparer, fetch)
        self._clean: asyncio.Task[None] | None = None

    async def do(self, phase: PhaseName, package: str, made: str, report: Report) -> str:
        if self._clean is None:
            self._clean = asyncio.create_task(asyncio.to_thread(self._preparer.clean))
        await asyncio.shield(self._clean)
        return await super().do(phase, package, made, report)


def shared_folder(cluster: Cluster, instance: str) -> Path:
    """The platform's own folder within the one that nodes see."""
    return Path(cluster.slurm.folder) / f"modelway-{mark_of(instance, cluster.name)}"


def shared_phases(cluster: Cluster, needs: SlurmNeeds) -> SharedPhases:
    """Makes packages startable on the nodes of a cluster."""
    folder = shared_folder(cluster, needs.instance)
    environments = EnvironmentBuilder(
        folder / "environments",
        uv=UvCommand(path=uv.find_uv_bin(), environment=needs.environment),
        sdk=SdkCopy.of_this_process(),
        interpreter=cluster.slurm.python,
    )
    preparer = PackagePreparer(folder / "packages", archive=needs.archive, environments=environments)
    return SharedPhases(preparer, needs.fetch)


def jobs_operator(cluster: Cluster, needs: SlurmNeeds) -> SlurmOperator:
    """Queues replicas as jobs; asks Slurm when it adopts."""
    settings, folder = cluster.slurm, shared_folder(cluster, needs.instance)
    register = settings.register or needs.register_url
    records = needs.records.of(cluster)
    around = SlurmSurroundings(
        instance=needs.instance,
        cluster=cluster.name,
        settings=settings,
        shared=folder,
        folder=needs.replicas,
        launch=ServeCommand(
            packages=folder / "packages",
            environments=folder / "environments",
            replicas=folder / REPLICAS,
            register_url=register,
            register_token=needs.register_token,
            variables={"PATH": _NODE_PATH, "LANG": "C.UTF-8"},
            host=ADDRESS,
            secrets=needs.secrets,
            records=records,
        ),
        register=register,
        reads_inferences=records is None,
        on_change=needs.on_change,
        folders=replace(needs.folders, reserved=(*needs.folders.reserved, folder)),
    )
    return SlurmOperator(SlurmCommands(os.environ, settings.conf), around)
