"""Images in the registries of clusters: those that nobody needs any more are taken out."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import AccessParts, PackageParts, Watching
from modelway_platform.deploy.api.schema import images_pb2
from modelway_platform.deploy.images.registries.prune_registry import PrunedImage
from modelway_platform.domain.deployments.image_needs import DAY, KeepRules

_MOST_DAYS = 36_500.0


class ImagesService:
    """The method around the pruner; one goes through the registries at a time."""

    def __init__(self, packages: PackageParts, access: AccessParts, watching: Watching) -> None:
        self._packages = packages
        self._access = access
        self._watching = watching
        self._turn = asyncio.Semaphore(1)

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Images": {"PruneImages": self.prune}}

    def prune(self, request: images_pb2.PruneImagesRequest, call: Call) -> AsyncIterator[Mapping[str, Any] | None]:
        """What becomes of each image, as it is done with."""
        return self._pruned(request, _rules(request), call)

    async def _pruned(
        self, request: images_pb2.PruneImagesRequest, rules: KeepRules, call: Call
    ) -> AsyncIterator[Mapping[str, Any] | None]:
        def abandoned() -> bool:
            return call.left.is_set() or self._watching.closing.is_set()

        async with self._turn:
            pruned = self._packages.images.prune(request.cluster, rules, dry_run=request.dry_run, abandoned=abandoned)
            while (each := await asyncio.to_thread(next, pruned, None)) is not None:
                if each.outcome == "deleted":
                    await asyncio.to_thread(self._note, each, call)
                yield _told(each)

    def _note(self, pruned: PrunedImage, call: Call) -> None:
        self._access.audit.add(call.actor(), time.time(), action="deleted", kind="Image", name=pruned.name)


def _rules(request: images_pb2.PruneImagesRequest) -> KeepRules:
    revisions = request.revisions if request.HasField("revisions") else KeepRules().revisions
    days = request.days if request.HasField("days") else KeepRules().seconds / DAY
    if revisions < 1:
        raise InvalidRequestError("revisions: at least 1, that of what is deployed")
    if not (math.isfinite(days) and 0 <= days <= _MOST_DAYS):
        raise InvalidRequestError(f"days: 0 to {_MOST_DAYS:g}")
    return KeepRules(revisions=revisions, seconds=days * DAY)


def _told(pruned: PrunedImage) -> dict[str, Any]:
    verdict = pruned.verdict
    return {
        "image": pruned.name,
        "tags": list(verdict.image.tags),
        **({"package": verdict.package} if verdict.package else {}),
        "outcome": pruned.outcome,
        "reason": verdict.why,
    }
