"""Takes images that nobody needs out of the registries of the declared clusters."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.apps.images.image_parts import registry_http
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.deploy.images.registries.prune_registry import PrunedImage, prune_registry
from modelway_platform.deploy.images.registries.reference import parse_registry
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp
from modelway_platform.deploy.images.registries.registry_names import DELETING
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.image_needs import InUse, KeepRules, Needs, packages_kept, tag_of
from modelway_platform.domain.records import Declared, PackageRecord, ReplicaRecord
from modelway_platform.store.declared.revision_packages import revision_packages
from modelway_platform.store.files.packages import PackageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPruner:
    """Everything blocks; the rules are the caller's, what is in use nobody's.

    Args:
        stores: What is declared, was declared, and runs.
        packages: Those that this platform has.
        http: Speaks to a registry, by its host and whether it has no TLS.
        clock: Unix time in seconds.
    """

    stores: Stores
    packages: PackageStore
    http: Callable[[str, bool], RegistryHttp] = lambda host, plain: registry_http(host, plain_http=plain)
    clock: Callable[[], float] = time.time

    def prune(
        self, cluster: str, rules: KeepRules, *, dry_run: bool, abandoned: Callable[[], bool] = lambda: False
    ) -> Iterator[PrunedImage]:
        """What becomes of each image, in the registry of a cluster or in all of them.

        Raises:
            NotFoundError: There is no such cluster.
            InvalidRequestError: It has no registry.
            ModelwayError: A registry does not answer, or deletes nothing.
        """
        records = self.packages.list()
        repositories = self._repositories(cluster, {each.name for each in records})
        look = _Look(self.stores, records, rules, self.clock)
        yield from prune_registry(repositories, look.needs, dry_run=dry_run, abandoned=abandoned)

    def _repositories(self, cluster: str, names: set[str]) -> list[Repository]:
        clusters = [each.cluster for each in self.stores.documents.list_clusters()]
        if cluster and all(each.name != cluster for each in clusters):
            raise NotFoundError(f"there is no cluster {cluster}", hint="modelway get clusters")
        places = {_registry_of(each) for each in clusters if cluster in {"", each.name}} - {("", False)}
        if cluster and not places:
            raise InvalidRequestError(f"cluster {cluster} has no registry: its images are in the engine alone")
        found: list[Repository] = []
        for registry, plain_http in sorted(places):
            http = self.http(parse_registry(f"{registry}/any").host, plain_http)
            wanted = sorted({parse_registry(f"{registry}/{name.lower()}").repository for name in names})
            found += [Repository(http=http, name=name, actions=DELETING) for name in wanted]
        return found


class _Look:
    """What is needed, read anew each time; only revisions are read again when something was declared."""

    def __init__(
        self, stores: Stores, records: list[PackageRecord], rules: KeepRules, clock: Callable[[], float]
    ) -> None:
        self._stores = stores
        self._packages = [each.digest for each in records]
        self._rules = rules
        self._clock = clock
        self._seen: Declared | None = None
        self._kept: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def needs(self) -> Needs:
        declared = self._stores.documents.declared()
        if declared is not self._seen:  # the same object until something is written
            revisions = revision_packages(self._stores.database)
            there = [str(each.key) for each in declared.deployments]
            self._kept = packages_kept(revisions, there, self._rules, self._clock())
            named = (each.package for each in revisions if each.package)
            self._known = {tag_of(each): each for each in (*self._packages, *named)}
            self._seen = declared
        return Needs(in_use=self._in_use(declared), kept=self._kept, known=self._known)

    def _in_use(self, declared: Declared) -> InUse:
        replicas = self._stores.replicas.list()
        packages = {each.package: f"replica {each.id} has its package" for each in replicas}
        packages |= {each.package: f"promotion {each.number} moves it" for each in self._stores.promotions.under_way()}
        packages |= {each.deployment.package: f"{each.key} is deployed" for each in declared.deployments}
        return InUse(packages=packages, images=frozenset(_image_of(each) for each in replicas))


def _image_of(replica: ReplicaRecord) -> str:
    """The digest of the image a replica was started from; empty for one of another kind."""
    return str(replica.placement.get("environment", "")).partition("@")[2]


def _registry_of(cluster: Cluster) -> tuple[str, bool]:
    match cluster.operator:
        case "docker":
            return (cluster.docker.registry, cluster.docker.registry != "" and cluster.docker.plain_http)
        case "kubernetes":
            return (cluster.kubernetes.registry, cluster.kubernetes.registry != "" and cluster.kubernetes.plain_http)
        case _:
            return ("", False)
