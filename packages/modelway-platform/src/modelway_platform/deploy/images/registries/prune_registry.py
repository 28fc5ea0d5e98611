"""Takes images out of a registry that no revision needs any more, and looks again at what is needed before each of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_names import delete_image, images_of
from modelway_platform.domain.deployments.image_needs import ImageVerdict, Needs, verdict_on

Outcome = Literal["kept", "deleted", "would be deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedImage:
    """What became of one image.

    Args:
        registry: `HOST[:PORT]`.
        verdict: The image, and why.
        outcome: What was done.
    """

    registry: str
    verdict: ImageVerdict
    outcome: Outcome

    @property
    def name(self) -> str:
        """`HOST[:PORT]/NAME@DIGEST`."""
        return f"{self.registry}/{self.verdict.image.repository}@{self.verdict.image.digest}"


def prune_registry(
    repositories: Iterable[Repository],
    needs: Callable[[], Needs],
    *,
    dry_run: bool = False,
    abandoned: Callable[[], bool] = lambda: False,
) -> Iterator[PrunedImage]:
    """Goes through repositories; each image is told when it is done with. Broken off anywhere, it may be called again.

    Args:
        repositories: Those that hold images of ours.
        needs: What is needed now; asked anew before each image that is to go.
        dry_run: Only says what would go.
        abandoned: Whether nobody waits any more.

    Raises:
        ModelwayError: A registry does not answer, or deletes nothing.
    """
    for repository in repositories:
        before = needs()
        for image in images_of(repository):
            if abandoned():
                return
            verdict = verdict_on(image, before)
            if verdict.goes and not dry_run:  # what is needed since is not to be taken away
                verdict = verdict_on(image, needs())
            outcome: Outcome = "kept"
            if verdict.goes:
                outcome = "would be deleted" if dry_run else "deleted"
            if outcome == "deleted":
                delete_image(repository, image.digest)
            yield PrunedImage(registry=repository.http.host, verdict=verdict, outcome=outcome)
