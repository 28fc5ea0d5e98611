"""Kubernetes' own autoscaler over our pods: a HorizontalPodAutoscaler writes its number into a scale of ours, and we start and stop pods.

A HorizontalPodAutoscaler needs something with a scale subresource. A version has a Deployment per revision (docs/decisions/0065), so
a version that is to be scaled so gets a small object of our own kind, `ModelReplicas`, as Argo Rollouts has its own:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.cluster_scaling import ClusterWish, CpuTarget
from modelway_platform.deploy.operators.pods.pod_owner import Owner, selector_of
from modelway_platform.domain.identity import VersionKey
from modelway_platform.kubernetes.api import ClusterApi, decoded
from modelway_platform.kubernetes.refusals import ApiRefusedError, is_missing

GROUP, KIND, PLURAL = "modelway.dev", "ModelReplicas", "modelreplicas"
LOOK_SECONDS = 2.0
MISSING = f"the cluster does not know {PLURAL}.{GROUP}: an administrator has to apply its definition (docs/scaling.md, “By the cluster itself”)"

log = logging.getLogger(__name__)


class _Metadata(msgspec.Struct):
    name: str = ""


class _Spec(msgspec.Struct):
    replicas: int = 0


class _Scaled(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Seen(msgspec.Struct):
    cpu: int | None = msgspec.field(default=None, name="currentCPUUtilizationPercentage")


class _Autoscaler(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    status: _Seen = msgspec.field(default_factory=_Seen)


@dataclass(slots=True)
class _Followed:
    """One version: what it is to follow, how many there are, and what is known of that on the cluster."""

    target: CpuTarget
    running: int
    made: CpuTarget | None = None
    told: int | None = None
    wish: ClusterWish = field(default_factory=lambda: ClusterWish(None, "the cluster's autoscaler has not spoken yet"))


class PodScaling:
    """The scales of one platform on one cluster.

    Args:
        api: The cluster; raises UnavailableError until it was reached.
        owner: Whose they are.
    """

    def __init__(self, api: Callable[[], ClusterApi], owner: Owner) -> None:
        self._of = api
        self._owner = owner
        self._followed: dict[VersionKey, _Followed] = {}
        self._dropped = False
        self._bell = asyncio.Event()

    def wish(self, key: VersionKey, target: CpuTarget, running: int) -> ClusterWish:
        """As `ScalingCluster.wish`."""
        followed = self._followed.get(key)
        if followed is None:
            followed = self._followed[key] = _Followed(target, running)
            self._bell.set()
        followed.target, followed.running = target, running
        return followed.wish

    def unfollow(self, key: VersionKey) -> None:
        """As `ScalingCluster.unfollow`."""
        if self._followed.pop(key, None) is not None:
            self._dropped = True
            self._bell.set()

    async def run(self) -> None:
        """Keeps what is on the cluster as it is wanted, for ever; cancel to stop."""
        while True:
            try:
                if self._followed or self._dropped:
                    await self._look()
            except ModelwayError as error:
                self._say(error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                continue
            self._bell.clear()

    async def tidy(self) -> None:
        """Removes what nobody follows any more, left by a control process that was killed."""
        try:
            await self._clear(await self._list(self._scales, _Scaled))
        except ApiRefusedError as error:
            if not (is_missing(error) or error.status == 403):
                raise

    async def _look(self) -> None:
        for key, followed in list(self._followed.items()):
            await self._settle(key, followed)
        scales = await self._list(self._scales, _Scaled)
        if self._dropped:
            self._dropped = False
            await self._clear(scales)
        seen = await self._list(self._autoscalers, _Autoscaler)
        for key, followed in self._followed.items():
            name = self._owner.name_of(key)
            if name in scales:
                cpu = seen[name].status.cpu if name in seen else None
                followed.wish = _wish(followed.target, scales[name].spec.replicas, cpu)

    async def _settle(self, key: VersionKey, followed: _Followed) -> None:
        """Has the objects of one version there, with how many replicas there are."""
        api, name = self._of(), self._owner.name_of(key)
        target, running = followed.target, followed.running
        labels = self._owner.labels_of(key)
        if followed.made != target:
            first = min(max(running, target.min_replicas), target.max_replicas)
            try:
                await api.create(self._scales, scale_of(name, labels, first))
            except ApiRefusedError as error:
                if error.status != 409:
                    raise
            await api.apply(f"{self._autoscalers}{path_of(name)}", autoscaler_of(name, labels, target))
            followed.made = target
        if followed.told != running:
            status = {"replicas": running, "selector": selector_of(self._owner.pods_of(key))}
            await api.merge(f"{self._scales}{path_of(name)}/status", {"status": status})
            followed.told = running

    async def _clear(self, there: Mapping[str, Any]) -> None:
        wanted = {self._owner.name_of(key) for key in self._followed}
        for name in there.keys() - wanted:
            await self._of().delete(f"{self._autoscalers}{path_of(name)}")
            await self._of().delete(f"{self._scales}{path_of(name)}")

    async def _list(self, path: str, kind: type[Any]) -> dict[str, Any]:
        listing = await self._of().list(path, self._owner.selector)
        return {found.metadata.name: found for found in (decoded(each, kind) for each in listing.items)}

    def _say(self, error: ModelwayError) -> None:
        """Into what is told of each version: whoever declared it sees there why nothing follows."""
        for followed in self._followed.values():
            followed.made = followed.told = None
            words = MISSING if is_missing(error) else error.message
            if followed.wish.why != words:
                log.warning("a cluster's autoscaler is not followed", extra={"reason": words})
            followed.wish = ClusterWish(followed.wish.wanted, words)

    @property
    def _scales(self) -> str:
        return f"/apis/{GROUP}/v1/namespaces{path_of(self._of().access.namespace)}/{PLURAL}"

    @property
    def _autoscalers(self) -> str:
        return f"/apis/autoscaling/v1/namespaces{path_of(self._of().access.namespace)}/horizontalpodautoscalers"


def scale_of(name: str, labels: Mapping[str, str], replicas: int) -> dict[str, Any]:
    """The object that has the number; who writes it later is the autoscaler."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {"replicas": replicas},
    }


def autoscaler_of(name: str, labels: Mapping[str, str], target: CpuTarget) -> dict[str, Any]:
    """The HorizontalPodAutoscaler, in the version that every cluster serves."""
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "scaleTargetRef": {"apiVersion": f"{GROUP}/v1", "kind": KIND, "name": name},
            "minReplicas": target.min_replicas,
            "maxReplicas": target.max_replicas,
            "targetCPUUtilizationPercentage": target.cpu_percent,
        },
    }


def _wish(target: CpuTarget, replicas: int, cpu: int | None) -> ClusterWish:
    wanted = min(max(replicas, target.min_replicas), target.max_replicas)
    load = "no CPU is measured yet" if cpu is None else f"{cpu} % of CPU"
    return ClusterWish(wanted, f"the cluster's autoscaler: {load}, {target.cpu_percent} % for each")
