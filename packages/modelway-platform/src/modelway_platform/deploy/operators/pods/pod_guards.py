"""Keeps whoever empties a node from taking all pods of a version at once: a PodDisruptionBudget per version of more than one.

https://kubernetes.io/docs/tasks/run-application/configure-pdb/: a number is kept, as pods of before have no controller of Kubernetes'.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.pods.pod_owner import Owner
from modelway_platform.domain.identity import VersionKey
from modelway_platform.kubernetes.api import ClusterApi, decoded
from modelway_platform.kubernetes.refusals import ApiRefusedError

log = logging.getLogger(__name__)


class _Metadata(msgspec.Struct):
    name: str = ""


class _Budget(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class PodGuards:
    """The budgets of one platform on one cluster; a cluster that does not let us keep any goes without.

    Args:
        api: The cluster; raises UnavailableError until it was reached.
        owner: Whose they are.
    """

    def __init__(self, api: Callable[[], ClusterApi], owner: Owner) -> None:
        self._of = api
        self._owner = owner
        self._version = ""
        self._refused = False
        self._kept: dict[str, int] = {}
        self._lock = asyncio.Lock()

    async def settle(self, key: VersionKey, count: Callable[[], int]) -> None:
        """Has all but one of a version's pods kept.

        Args:
            key: Whose.
            count: How many there are to be, asked when it is this one's turn.

        Raises:
            ModelwayError: The cluster does not answer.
        """
        async with self._lock:
            kept, name = count() - 1, self._owner.name_of(key)
            if self._refused or self._kept.get(name, 0) == max(kept, 0):
                return
            try:
                path = await self._path()
                if kept > 0:
                    await self._of().apply(f"{path}{path_of(name)}", self._budget(name, key, kept))
                    self._kept[name] = kept
                else:
                    await self._of().delete(f"{path}{path_of(name)}")
                    self._kept.pop(name, None)
            except ApiRefusedError as error:
                self._note(error)

    async def tidy(self, keys: Collection[VersionKey]) -> None:
        """Removes those of other versions."""
        if self._refused:
            return
        wanted = {self._owner.name_of(key) for key in keys}
        try:
            path = await self._path()
            listing = await self._of().list(path, self._owner.selector)
            for name in {decoded(each, _Budget).metadata.name for each in listing.items} - wanted:
                await self._of().delete(f"{path}{path_of(name)}")
                self._kept.pop(name, None)
        except ApiRefusedError as error:
            self._note(error)

    async def _path(self) -> str:
        if not self._version:  # before Kubernetes 1.21 there was a beta alone
            self._version = "v1" if "v1" in await self._of().served_versions("policy") else "v1beta1"
        return f"/apis/policy/{self._version}/namespaces{path_of(self._of().access.namespace)}/poddisruptionbudgets"

    def _budget(self, name: str, key: VersionKey, kept: int) -> dict[str, Any]:
        return {
            "apiVersion": f"policy/{self._version}",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "labels": self._owner.labels_of(key)},
            "spec": {
                "minAvailable": kept,
                "selector": {"matchLabels": self._owner.pods_of(key)},
            },
        }

    def _note(self, error: ModelwayError) -> None:
        """No budget is no reason not to run."""
        if not isinstance(error, ApiRefusedError) or error.status not in {403, 404}:
            raise error
        self._refused = True
        log.warning("pods are not kept from being evicted together", extra={"reason": error.message})
