"""Gets a package that documents name by a store's address into the package store: whole and as declared, or not at all."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from modelway.errors import ForbiddenError, InvalidPackageError, InvalidRequestError, ModelwayError, NotFoundError
from modelway.packaging import Progress
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.fetch.fetch_object import fetch_object, object_size
from modelway_platform.deploy.fetch.fetch_signatures import fetch_signatures
from modelway_platform.deploy.fetch.fetch_version import Report, fetch_version
from modelway_platform.deploy.fetch.partial_file import arrived, begun, discard, sha256
from modelway_platform.deploy.fetch.store_access import OpenedStore, StoreAccess
from modelway_platform.domain.deployments.package_origin import ARCHIVE_SUFFIX
from modelway_platform.store.files.packages import PackageStore
from modelway_platform.store.files.signatures import PackageSignatures

STAGE_PREFIX = ".fetching-"
# How soon to look again for what may come back by itself; what is wrong for good is asked for ever more seldom.
_AWAY_SECONDS = 5.0
_REFUSED_SECONDS = 60.0

Origins = Callable[[str], Sequence[tuple[str, str]]]
"""By a package's digest, where documents say that it comes from: address and project of each."""


class PackageFetcher:
    """Fetches packages; one at a time each, resumed after whatever broke it off.

    Args:
        packages: Where they go.
        access: Opens stores.
        origins: Where they come from.
        signatures: Where what vouches for them is kept.
        refused: Why nobody may run a package that is here, for want of a signature; empty otherwise.
        clock: Seconds.
    """

    def __init__(
        self,
        packages: PackageStore,
        access: StoreAccess,
        origins: Origins,
        signatures: PackageSignatures,
        *,
        refused: Callable[[str], str] = lambda _: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._packages = packages
        self._access = access
        self._origins = origins
        self._signatures = signatures
        self._refused = refused
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = {}

    async def fetch(self, package: str, report: Progress) -> None:
        """Has the archive in the package store, and says what was done for it.

        Raises:
            PreparationError: It cannot be had, now or for good.
        """
        async with self._locks.setdefault(package, asyncio.Lock()):
            if self._packages.has(package):
                if await asyncio.to_thread(self._refused, package):
                    await self._look_for_signatures(package)
                report(f"{self._packages.path(package).stat().st_size} octets in the package store")
                return
            origins = await asyncio.to_thread(self._origins, package)
            if not origins:
                text = f"the archive of {package[:19]}… is not in the package store; upload it again (`modelway apply`)"
                raise PreparationError("PackageMissing", text)
            await self._first_of(origins, package, report)

    async def _first_of(self, origins: Sequence[tuple[str, str]], package: str, report: Progress) -> None:
        """From the first origin that gives it; if none does, the reason that may pass soonest counts."""
        failures: list[PreparationError] = []
        for origin, project in origins:
            try:
                await self._from(origin, project, package, report)
            except PreparationError as error:
                failures.append(error)
            else:
                return
        raise min(failures, key=lambda error: error.within)

    async def _from(self, origin: str, project: str, package: str, report: Progress) -> None:
        started = self._clock()
        address, _, rest = _split(origin)
        report(f"fetching {origin}")
        opened: OpenedStore | None = None
        try:
            opened = await asyncio.to_thread(self._access.open, origin, address, project)
            stage = self._stage(package)
            archive = await _archive(
                opened, rest, package, stage, lambda done, total: report(f"fetching {origin}", done=done, total=total)
            )
            report("checking the archive")
            size = arrived(archive)
            await asyncio.to_thread(self._keep, archive, package)
            await fetch_signatures(opened.store, rest, package, self._signatures)
            await asyncio.to_thread(shutil.rmtree, stage, ignore_errors=True)
        except (ModelwayError, OSError) as error:
            text = opened.censored(_words(error)) if opened is not None else _words(error)
            raise _failure(error, f"{origin}: {text}" if origin not in text else text) from None
        report(f"{size} octets fetched from {origin} in {self._clock() - started:.1f} s")

    async def _look_for_signatures(self, package: str) -> None:
        """It may have been signed since it was fetched; a store that does not answer leaves things as they are."""
        for origin, project in await asyncio.to_thread(self._origins, package):
            address, _, rest = _split(origin)
            with suppress(ModelwayError):
                opened = await asyncio.to_thread(self._access.open, origin, address, project)
                await fetch_signatures(opened.store, rest, package, self._signatures)

    def _stage(self, package: str) -> Path:
        stage = self._packages.root / f"{STAGE_PREFIX}{package.removeprefix('sha256:')}"
        stage.mkdir(mode=0o700, exist_ok=True)
        return stage

    def _keep(self, archive: Path, package: str) -> None:
        descriptor = os.open(archive, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            self._packages.keep(archive, package)
        except InvalidPackageError as error:  # it is what was declared, and that must not be opened
            archive.unlink(missing_ok=True)
            raise PreparationError("PackageInvalid", _words(error), lasting=True) from error


async def _archive(opened: OpenedStore, rest: str, package: str, stage: Path, report: Report) -> Path:
    if not rest.endswith(ARCHIVE_SUFFIX):
        return await fetch_version(opened.store, rest, package, stage, report)
    return await _single(opened, rest, package, stage, report)


async def _single(opened: OpenedStore, key: str, package: str, stage: Path, report: Report) -> Path:
    """An archive kept as one object."""
    path = stage / "archive"
    size = await object_size(opened.store, key)
    done = begun(path, size)
    report(done, size)

    def told(octets: int) -> None:
        nonlocal done
        done += octets
        report(done, size)

    await fetch_object(opened.store, key, into=path, at=0, size=size, told=told)
    found = f"sha256:{await asyncio.to_thread(sha256, path)}"
    if found != package:
        discard(path)
        raise InvalidPackageError(f"{key} is {found} in the store, not {package}", hint="declare the digest it has.")
    return path


def _split(origin: str) -> tuple[str, str, str]:
    """Address of the store, separator and what is named in it: `NAME/VERSION`, or an archive's key."""
    if origin.endswith(ARCHIVE_SUFFIX):
        return origin.rpartition("/")
    head, _, version = origin.rpartition("/")
    address, slash, name = head.rpartition("/")
    return address, slash, f"{name}/{version}"


def _words(error: ModelwayError | OSError) -> str:
    if isinstance(error, OSError):
        return f"it cannot be written here: {error.strerror or error}"
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _failure(error: ModelwayError | OSError, text: str) -> PreparationError:
    match error:
        case PreparationError():
            return error
        case NotFoundError():
            return PreparationError("PackageNotInStore", text, within=_REFUSED_SECONDS)
        case ForbiddenError() | InvalidRequestError():
            return PreparationError("PackageAccessDenied", text, within=_REFUSED_SECONDS)
        case InvalidPackageError():
            return PreparationError("PackageDiffers", text)
        case _:
            return PreparationError("PackageNotFetched", text, within=_AWAY_SECONDS)
