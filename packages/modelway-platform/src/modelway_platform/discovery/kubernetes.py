"""Follows the EndpointSlices of Modelway's Services: replicas do nothing but be ready.

List, then watch from there (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes):
bookmarks move the place from which a watch goes on, and where that is too long ago (410), all is listed anew.
"""

from modelway.client.addresses import path_of
from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.endpoint_slices import MODEL, PROJECT, VERSION, Slice, served
from modelway_platform.discovery.follower import Follower
from modelway_platform.discovery.kubernetes_address import Followed
from modelway_platform.kubernetes.api import Change, ClusterApi, decoded
from modelway_platform.kubernetes.refusals import is_expired

GROUP = "discovery.k8s.io"
KNOWN_VERSIONS = ("v1", "v1beta1")
DOUBT_SECONDS = 2.0
"""How long a replica that is there and not ready is kept: many at once are rather the cluster's trouble than theirs."""


class KubernetesFollower(Follower):
    """Keeps leases as the slices of one namespace say.

    Args:
        followed: Whose slices.
        leases: Where replicas are noted.
        name: The provider, in logs and metrics.
    """

    def __init__(self, followed: Followed, leases: Leases, name: str = "kubernetes") -> None:
        super().__init__(name, leases)
        self._api = ClusterApi(followed.access, connections=2)
        self._selector = ",".join((PROJECT, MODEL, VERSION, *([followed.selector] if followed.selector else [])))
        self._slices: dict[str, Slice] = {}
        self._highest = 0

    async def follow(self) -> None:
        try:
            path = await self._path()
            while True:
                place = await self._list(path)
                while place:
                    place = await self._watch(path, place)
        finally:
            await self._api.close()

    async def _path(self) -> str:
        """Of the collection: `v1` where the cluster has it, `v1beta1` before Kubernetes 1.21."""
        versions = await self._api.served_versions(GROUP)
        version = next((each for each in KNOWN_VERSIONS if each in versions), "")
        if not version:
            raise UnavailableError("the cluster has no EndpointSlices", hint="Kubernetes 1.17 or newer is needed")
        return f"/apis/{GROUP}/{version}/namespaces{path_of(self._api.access.namespace)}/endpointslices"

    async def _list(self, path: str) -> str:
        """Takes over all slices; the place from which a watch goes on, empty if the list grew too old while it was read."""
        try:
            listing = await self._api.list(path, self._selector)
        except ModelwayError as error:
            if is_expired(error):
                return ""
            raise
        found = [decoded(each, Slice) for each in listing.items]
        self._slices = {each.metadata.name: each for each in found}
        # An API server whose memory is from before, or gone, knows nobody who joined since: nobody has left by that.
        place = int(listing.version) if listing.version.isdecimal() else 0
        self._tell(lost=place < self._highest)
        self._highest = place
        return listing.version

    async def _watch(self, path: str, place: str) -> str:
        """Takes over changes until the server ends the watch; the next place, empty if all has to be listed anew."""
        try:
            async for change in self._api.watch(path, place, self._selector):
                place = self._take(change) or place
        except ModelwayError as error:
            if is_expired(error):
                return ""
            raise
        return place

    def _take(self, change: Change) -> str:
        changed = decoded(change.object, Slice)
        if change.type in {"ADDED", "MODIFIED"}:
            self._slices[changed.metadata.name] = changed
        elif change.type == "DELETED":
            self._slices.pop(changed.metadata.name, None)
        place = changed.metadata.resource_version
        if place.isdecimal():
            self._highest = max(self._highest, int(place))
        if change.type != "BOOKMARK":
            self._tell()
        return place

    def _tell(self, *, lost: bool = False) -> None:
        now = served(self._slices.values())
        self.observe(now.ready, None if lost else now.unready, DOUBT_SECONDS)
