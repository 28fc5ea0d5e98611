"""Lists and watches one kind of objects for ever; what was last known holds while nobody answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.owed_work import FIRST_PAUSE, LONGEST_PAUSE
from modelway_platform.deploy.operators.pods.pod_state import Pod
from modelway_platform.kubernetes.api import Change, ClusterApi, decoded
from modelway_platform.kubernetes.refusals import is_expired

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """One kind, in one namespace.

    Args:
        api: The cluster.
        path: Of the collection.
        selector: Which of them.
        listed: Is given all there are, after a time in which changes may have been missed.
        changed: Is given each change; bookmarks are not told.
        cluster: Its name, for logs.
    """

    api: ClusterApi
    path: str
    selector: str
    listed: Callable[[Sequence[bytes]], Awaitable[None]]
    changed: Callable[[Change], Awaitable[None]]
    cluster: str

    async def run(self) -> None:
        """For ever; cancel to stop."""
        pause, place = FIRST_PAUSE, ""
        while True:
            try:
                if not place:
                    listing = await self.api.list(self.path, self.selector)
                    await self.listed(listing.items)
                    place = listing.version
                async for change in self.api.watch(self.path, place, self.selector):
                    if change.type != "BOOKMARK":
                        await self.changed(change)
                    place = decoded(change.object, Pod).metadata.resource_version or place
                    pause = FIRST_PAUSE
                continue
            except ModelwayError as error:
                place = "" if is_expired(error) else place
                if not is_expired(error):
                    log.warning("cluster not watched", extra={"cluster": self.cluster, "reason": error.message})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
