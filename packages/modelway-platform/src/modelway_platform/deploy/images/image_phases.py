"""The phases before the first replica where replicas are containers: an image is built without a daemon, and delivered."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from modelway import packaging
from modelway.errors import InvalidPackageError, InvalidRequestError, ModelwayError, NotFoundError
from modelway.packaging import Progress
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.local_phases import Fetch, Report
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.build_image import ImageBuilder
from modelway_platform.deploy.images.content.descriptor import ImageError
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.domain.deployments.phases import PhaseName

_AWAY_SECONDS = 5.0


class Delivery(Protocol):
    """Brings a built image to where the cluster's engine gets it."""

    def deliver(self, layout: ImageLayout, tag: str, package: packaging.Manifest, report: Progress) -> str:
        """What the engine calls the image; blocks."""
        ...

    def has(self, image: str) -> bool:
        """Whether it is there still; blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePhases:
    """Makes images of packages and delivers them.

    Args:
        archive: Where the archive with a digest lies.
        fetch: Gets archives.
        builder: Makes images.
        base: Opens the image below, or says who chooses it once the package is known; told each step.
        layouts: Holds an image layout per package until it is delivered.
        delivery: Delivers them.
    """

    archive: Callable[[str], Path]
    fetch: Fetch
    builder: ImageBuilder
    base: Callable[[Progress], BaseImage | Callable[[packaging.LoadedPackage], BaseImage]]
    layouts: Path
    delivery: Delivery
    skips: Mapping[PhaseName, str] = field(default_factory=lambda: MappingProxyType({}))

    def is_startable(self, package: str, environment: str) -> bool:
        """Whether the image is where the engine gets it."""
        return self.delivery.has(environment)

    async def do(self, phase: PhaseName, package: str, made: str, report: Report) -> str:
        """One phase; what replicas start from is the image's name.

        Raises:
            PreparationError: It cannot be done.
        """
        if phase is PhaseName.FETCH:
            await self.fetch(package, report)
            return made
        work = {
            PhaseName.VERIFY: self._verify,
            PhaseName.BUILD: self._build,
            PhaseName.PUSH: self._push,
        }[phase]
        try:
            return await asyncio.to_thread(work, package, made, report)
        except PreparationError:
            raise
        except ModelwayError as error:
            raise _failure(phase, error) from error
        except OSError as error:
            text = f"{phase.value}: {error.strerror or error}"
            raise PreparationError("ImageNotWritten", text) from error

    def _verify(self, package: str, made: str, report: Report) -> str:
        report("checking the archive")
        _, digest = packaging.verify(self.archive(package))
        if digest != package:
            text = f"the stored archive has the digest {digest}, not {package}"
            raise PreparationError("PackageInvalid", text, lasting=True)
        report("its files match the manifest")
        return made

    def _build(self, package: str, made: str, report: Report) -> str:
        tag = package.removeprefix("sha256:")
        base = self.base(report)
        layout = ImageLayout(self.layouts / tag, make=True)
        built = self.builder.build(self.archive(package), base, layout, tag, progress=report)
        new = sum(not layer.kept for layer in built.layers)
        report(
            f"image {built.manifest.digest[:19]}…, {new} of {len(built.layers)} layers new, in {built.seconds:.1f} s"
        )
        return tag

    def _push(self, package: str, made: str, report: Report) -> str:
        manifest = packaging.read_manifest(self.archive(package))
        folder = self.layouts / made
        image = self.delivery.deliver(ImageLayout(folder), made, manifest, report)
        shutil.rmtree(folder, ignore_errors=True)  # the layers stay in the cache
        return image


def _failure(phase: PhaseName, error: ModelwayError) -> PreparationError:
    text = f"{error.message}; {error.hint}" if error.hint else error.message
    if isinstance(error, InvalidPackageError):
        return PreparationError("PackageInvalid", text, lasting=True)
    if phase is PhaseName.PUSH:  # a registry or an engine that went away comes back: it is looked for often
        away = error.error_code in {"unreachable", "unavailable"}
        return PreparationError("ImageNotPushed", text, within=_AWAY_SECONDS if away else inf)
    reason = "ImageNotBuilt"
    if error.error_code in {"unreachable", "unavailable"}:
        return PreparationError(reason, text, within=_AWAY_SECONDS)
    lasting = phase is PhaseName.BUILD and isinstance(error, ImageError | InvalidRequestError)
    return PreparationError(reason, text, lasting=lasting and not isinstance(error, NotFoundError))
