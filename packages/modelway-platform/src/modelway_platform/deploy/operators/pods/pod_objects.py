"""Makes and removes the objects of Kubernetes that a version's replicas are: Deployment, Service, Secret, and single pods."""

import contextlib
import logging
from collections.abc import Collection, Generator, Mapping
from typing import Any

from modelway.client.addresses import path_of
from modelway_platform.deploy.operators.pods.pod_manifest import service_of
from modelway_platform.deploy.operators.pods.pod_owner import Owner
from modelway_platform.deploy.operators.pods.pod_records import secret_name, secret_of
from modelway_platform.deploy.operators.pods.pod_state import Pod
from modelway_platform.deploy.operators.pods.pod_workload import REPLICA
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.identity import VersionKey
from modelway_platform.kubernetes.api import ClusterApi, decoded
from modelway_platform.kubernetes.refusals import ApiRefusedError

FORBIDDEN, MISSING = 403, 404

log = logging.getLogger(__name__)


class PodObjects:
    """The objects of one platform in one namespace.

    Args:
        api: The cluster.
        owner: Whose they are.
    """

    def __init__(self, api: ClusterApi, owner: Owner) -> None:
        self.api = api
        self._owner = owner
        self.selector = owner.selector

    def core(self, kind: str, name: str = "") -> str:
        """The path of pods, services or secrets, or of one of them."""
        return self._path("/api/v1", kind, name)

    def deployments(self, name: str = "") -> str:
        """The path of Deployments, or of one."""
        return self._path("/apis/apps/v1", "deployments", name)

    async def apply_service(self, key: VersionKey, *, grpc: bool) -> str:
        """The Service of a version; its name."""
        name = self._owner.name_of(key)
        await self.api.apply(self.core("services", name), service_of(self._owner, key, grpc=grpc))
        return name

    async def apply_token(self, key: VersionKey, way: RecordsWay) -> bool:
        """Puts the token for records into a Secret; whether we may: records are no reason not to start."""
        service = self._owner.name_of(key)
        try:
            await self.api.apply(
                self.core("secrets", secret_name(service)), secret_of(service, self._owner.labels_of(key), key, way)
            )
        except ApiRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            extra = {"cluster": self._owner.cluster, "reason": error.message}
            log.warning("pods will send no records: their token cannot be kept", extra=extra)
            return False
        return True

    async def apply_deployment(self, document: Mapping[str, Any]) -> None:
        """A Deployment, whose number stays what it is."""
        await self.api.apply(self.deployments(document["metadata"]["name"]), document)

    async def scale(self, workload: str, replicas: int) -> None:
        """Has a Deployment make or end pods; nothing where it is gone."""
        with _unless_missing():
            await self.api.merge(f"{self.deployments(workload)}/scale", {"spec": {"replicas": replicas}})

    async def name_pod(self, pod: str, replica_id: str) -> None:
        """Writes on a pod which replica it is."""
        with _unless_missing():
            await self.api.merge(self.core("pods", pod), {"metadata": {"labels": {REPLICA: replica_id}}})

    async def delete_pod(self, pod: Pod, grace: int | None = None) -> None:
        """Asks a pod to leave; by its own time without `grace`."""
        await self.api.delete(self.core("pods", pod.metadata.name), grace_seconds=grace, uid=pod.metadata.uid)

    async def drop_deployment(self, name: str) -> None:
        """Removes a Deployment and what is left of its pods."""
        await self.api.delete(self.deployments(name))

    async def drop_version(self, key: VersionKey) -> None:
        """Removes what stands around all pods of a version."""
        name = self._owner.name_of(key)
        await self.api.delete(self.core("services", name))
        with contextlib.suppress(ApiRefusedError):  # where we may keep none, there is none
            await self.api.delete(self.core("secrets", secret_name(name)))

    async def tidy(self, workloads: Collection[str], keys: Collection[VersionKey]) -> None:
        """Removes Deployments, Services and Secrets that are of nobody."""
        names = {self._owner.name_of(key) for key in keys}
        await self._keep_only(self.deployments(), workloads)
        await self._keep_only(self.core("services"), names)
        with contextlib.suppress(ApiRefusedError):
            await self._keep_only(self.core("secrets"), {secret_name(each) for each in names})

    async def _keep_only(self, path: str, names: Collection[str]) -> None:
        for each in (decoded(found, Pod) for found in (await self.api.list(path, self.selector)).items):
            if each.metadata.name not in names:
                await self.api.delete(f"{path}{path_of(each.metadata.name)}", uid=each.metadata.uid)

    def _path(self, group: str, kind: str, name: str) -> str:
        path = f"{group}/namespaces{path_of(self.api.access.namespace)}/{kind}"
        return f"{path}{path_of(name)}" if name else path


@contextlib.contextmanager
def _unless_missing() -> Generator[None]:
    try:
        yield
    except ApiRefusedError as error:
        if error.status != MISSING:
            raise
