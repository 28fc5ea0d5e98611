"""Makes what a Cluster document asks for: the operator that runs replicas there, and the preparer of what they start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import uv

from modelway.errors import InvalidRequestError
from modelway.packaging import read_manifest
from modelway_platform.apps.clusters.cluster_bases import CatalogueBases, OneBase
from modelway_platform.apps.clusters.kubernetes_clusters import pods_operator
from modelway_platform.apps.clusters.slurm_clusters import SlurmNeeds, jobs_operator, shared_phases
from modelway_platform.apps.images.image_builders import grounds_of
from modelway_platform.apps.images.image_parts import registry_http
from modelway_platform.apps.records_ways import RecordsWays
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.builder.local_phases import Fetch
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.base_image import machine_architecture
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.deliver_image import IntoEngine, RegistryAlone, ThroughRegistry
from modelway_platform.deploy.images.image_phases import Delivery, ImagePhases
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries.reference import parse_registry
from modelway_platform.deploy.images.speaks_grpc import speaks_grpc
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.containers.docker import DockerOperator, Surroundings
from modelway_platform.deploy.operators.containers.docker_engine import DockerEngine
from modelway_platform.deploy.operators.containers.lead import Lead
from modelway_platform.deploy.operators.host_folders import HostFolders
from modelway_platform.deploy.operators.kept_secrets import KeptSecrets
from modelway_platform.deploy.operators.port import Operator
from modelway_platform.deploy.reconcile.preparations import Preparer
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.deployments.cluster import LOCAL, Cluster
from modelway_platform.store.files.packages import PackageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSurroundings:
    """What operators and preparers are given of the platform.

    Args:
        directory: Where state is kept.
        packages: The package store.
        fetch: Gets packages into it.
        leases: Where replicas that do not register themselves are registered.
        environment: All that an installer of packages may see.
        register_url: Where replicas that register themselves do so.
        register_token: What they register with; it opens nothing else.
        on_change: Called with a replica's id as soon as it has ended.
        records: How replicas elsewhere send their inference records.
    """

    directory: StateDirectory
    packages: PackageStore
    fetch: Fetch
    leases: Leases
    environment: Mapping[str, str]
    register_url: str
    register_token: str
    on_change: Callable[[str], None]
    records: RecordsWays


class MadeClusters:
    """The clusters of one platform, with a preparer for each.

    Args:
        local: The operator of this machine.
        local_preparer: The preparer for it.
        around: What the others are given.
    """

    def __init__(self, local: Operator, local_preparer: Preparer, around: ClusterSurroundings) -> None:
        self.operators = Clusters(local, self._operator)
        self._preparers: dict[str, Preparer] = {LOCAL: local_preparer}
        self._around = around

    def preparer_of(self, cluster: str) -> Preparer:
        """Who makes packages startable there.

        Raises:
            InvalidRequestError: It is not declared.
        """
        if cluster not in self._preparers:
            raise InvalidRequestError(f"there is no cluster {cluster}", hint="modelway get clusters")
        return self._preparers[cluster]

    def _operator(self, cluster: Cluster) -> Operator:
        around, settings = self._around, cluster.docker
        if cluster.operator == "kubernetes":
            self._preparers[cluster.name] = self._phases_of_pods(cluster)
            return pods_operator(
                cluster,
                instance=around.directory.instance(),
                folder=around.directory.replicas,
                leases=around.leases,
                on_change=around.on_change,
                records=around.records.of(cluster),
                speaks_grpc=lambda package: speaks_grpc(around.packages.path(package)),
            )
        if cluster.operator == "slurm":
            needs = self._needs_of_jobs()
            self._preparers[cluster.name] = shared_phases(cluster, needs)
            return jobs_operator(cluster, needs)
        engine = DockerEngine(settings.socket)
        self._preparers[cluster.name] = self._image_phases(cluster, engine)
        return DockerOperator(
            engine,
            Surroundings(
                instance=around.directory.instance(),
                cluster=cluster.name,
                network=settings.network,
                folder=around.directory.replicas,
                lead=Lead(registry=around.leases),
                examples=lambda package: read_manifest(around.packages.path(package)).examples,
                credentials=partial(_credentials, plain_http=settings.plain_http),
                on_change=around.on_change,
                records=around.records.of(cluster),
                folders=HostFolders(reserved=(around.directory.root,)),
                secrets=KeptSecrets(folder=around.directory.secrets),
            ),
        )

    def _needs_of_jobs(self) -> SlurmNeeds:
        around = self._around
        return SlurmNeeds(
            instance=around.directory.instance(),
            replicas=around.directory.replicas,
            archive=around.packages.path,
            fetch=around.fetch,
            environment=around.environment,
            register_url=around.register_url,
            register_token=around.register_token,
            secrets=KeptSecrets(folder=around.directory.secrets),
            folders=HostFolders(reserved=(around.directory.root,)),
            records=around.records,
            on_change=around.on_change,
        )

    def _image_phases(self, cluster: Cluster, engine: DockerEngine) -> ImagePhases:
        settings = cluster.docker
        http = partial(registry_http, plain_http=settings.plain_http)
        delivery: Delivery = IntoEngine(engine=engine)
        if settings.registry:
            delivery = ThroughRegistry(
                registry=settings.registry,
                http=http,
                engine=engine,
                credentials=partial(_credentials, plain_http=settings.plain_http),
            )
        return self._phases(cluster, (settings.base, settings.bases), delivery, plain_http=settings.plain_http)

    def _phases_of_pods(self, cluster: Cluster) -> ImagePhases:
        settings = cluster.kubernetes
        http = partial(registry_http, plain_http=settings.plain_http)
        delivery = RegistryAlone(registry=settings.registry, http=http)
        return self._phases(cluster, (settings.base, settings.bases), delivery, plain_http=settings.plain_http)

    def _phases(self, cluster: Cluster, below: tuple[str, str], delivery: Delivery, *, plain_http: bool) -> ImagePhases:
        around = self._around
        base, bases = below
        folder = around.directory.root / "images"
        cache = LayerCache(folder / "layers")
        return ImagePhases(
            archive=around.packages.path,
            fetch=around.fetch,
            builder=ImageBuilder(
                cache=cache,
                uv=UvCommand(path=uv.find_uv_bin(), environment=around.environment),
                sdk=SdkCopy.of_this_process(),
                architecture=machine_architecture(),
                grounds=grounds_of(cluster.builder, cache, socket=cluster.docker.socket),
            ),
            base=OneBase(base, cache, plain_http=plain_http)
            if base
            else CatalogueBases(bases, cache, plain_http=plain_http),
            layouts=folder / "layouts" / cluster.name,
            delivery=delivery,
        )


def _credentials(image: str, *, plain_http: bool) -> Mapping[str, Any] | None:
    """Who we are to an image's registry, in the words of the engine."""
    if "/" not in image or image.startswith("modelway/"):
        return None
    found = registry_http(parse_registry(image).host, plain_http=plain_http).credentials
    return {"username": found.user, "password": found.password} if found is not None else None
