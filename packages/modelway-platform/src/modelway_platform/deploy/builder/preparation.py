"""Makes a package startable: its archive unpacked and checked, its environment built."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelway import packaging
from modelway.errors import InvalidPackageError, ModelwayError
from modelway.packaging.manifest import LOCK_ENTRY, MANIFEST_NAME, parse_manifest
from modelway_platform.deploy.builder.environment import Environment, EnvironmentBuilder
from modelway_platform.deploy.builder.failure import PreparationError

_PARTIAL = ".*.partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A package that can be started: the folder it lies in and the environment it needs."""

    folder: Path
    environment: Environment
    packages: int


class PackagePreparer:
    """Unpacks packages into `folder` and has their environments built; one at a time per package.

    Args:
        folder: One folder per package, named by its digest.
        archive: Where the archive with a digest (`sha256:<hex>`) lies.
        environments: Builds the environments.
    """

    def __init__(self, folder: Path, *, archive: Callable[[str], Path], environments: EnvironmentBuilder) -> None:
        self.folder = folder
        self._archive = archive
        self._environments = environments
        self._locks: dict[str, asyncio.Lock] = {}

    def clean(self) -> None:
        """Removes what a killed process left unfinished; call before the first preparation."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.folder.glob(_PARTIAL):
            shutil.rmtree(leftover, ignore_errors=True)
        self._environments.clean()

    def is_startable(self, package: str, environment: str) -> bool:
        """Whether both are there still: someone may have cleared a folder to free space."""
        unpacked = unpacked_folder(self.folder, package) / MANIFEST_NAME
        return unpacked.exists() and self._environments.exists(environment)

    def is_unpacked(self, package: str) -> bool:
        """Whether the package lies in its folder, so that its archive is not needed."""
        return (unpacked_folder(self.folder, package) / MANIFEST_NAME).exists()

    async def unpack(self, package: str) -> Path:
        """The folder of the unpacked package.

        Raises:
            PreparationError: The archive is absent or must not be used.
        """
        async with self._locks.setdefault(package, asyncio.Lock()):
            return await asyncio.to_thread(self._unpack, package)

    async def build(self, folder: Path, progress: Callable[[str], None]) -> Prepared:
        """The environment of an unpacked package.

        Raises:
            PreparationError: It cannot be made.
        """
        manifest = await asyncio.to_thread(_read_manifest, folder)
        if manifest.dockerfile:
            text = f"the package has a Dockerfile ({manifest.dockerfile}), and this cluster runs processes, not images"
            raise PreparationError("BuildNeedsImage", f"{text}; deploy it to a cluster of containers", lasting=True)
        if manifest.system_packages:
            progress(f"this machine has to have the Debian packages {', '.join(manifest.system_packages)}")
        environment = await self._environments.build(folder / LOCK_ENTRY, manifest.python, progress)
        return Prepared(folder=folder, environment=environment, packages=manifest.environment.packages)

    def _unpack(self, package: str) -> Path:
        folder = unpacked_folder(self.folder, package)
        if (folder / MANIFEST_NAME).exists():
            return folder
        archive = self._archive_of(package)
        try:
            packaging.extract(archive, folder, digest=package)
        except InvalidPackageError as error:
            raise PreparationError("PackageInvalid", _sentence(error), lasting=True) from error
        except ModelwayError as error:
            raise PreparationError("PackageNotUnpacked", _sentence(error)) from error
        return folder

    def _archive_of(self, package: str) -> Path:
        archive = self._archive(package)
        if not archive.exists():
            text = f"the archive of {package[:19]}… is not in the package store; upload it again (`modelway apply`)"
            raise PreparationError("PackageMissing", text)
        return archive


def unpacked_folder(root: Path, package: str) -> Path:
    """Where the package with this digest is unpacked."""
    return root / package.removeprefix("sha256:")


def _read_manifest(folder: Path) -> packaging.Manifest:
    try:
        return parse_manifest((folder / MANIFEST_NAME).read_bytes())
    except (OSError, InvalidPackageError) as error:
        raise PreparationError("PackageInvalid", f"the unpacked package cannot be read: {error}") from error


def _sentence(error: ModelwayError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
