"""The phases before the first replica where replicas are processes of this machine: no image is made."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from modelway_platform.deploy.builder.preparation import PackagePreparer, unpacked_folder
from modelway_platform.domain.deployments.phases import PhaseName

SKIPS: Mapping[PhaseName, str] = MappingProxyType(
    {PhaseName.PUSH: "nothing to push: replicas run on this machine, without an image"}
)


class Report(Protocol):
    """Told each step."""

    def __call__(self, step: str, *, done: int | None = None, total: int | None = None) -> None: ...


Fetch = Callable[[str, Report], Awaitable[None]]
"""Has the archive with a digest in the package store, or raises `PreparationError`."""


class LocalPhases:
    """Unpacks packages and builds their environments.

    Args:
        preparer: Does it.
        fetch: Gets archives.
    """

    skips = SKIPS

    def __init__(self, preparer: PackagePreparer, fetch: Fetch) -> None:
        self._preparer = preparer
        self._fetch = fetch

    def is_startable(self, package: str, environment: str) -> bool:
        """Whether the unpacked package and the environment are there still."""
        return self._preparer.is_startable(package, environment)

    async def do(self, phase: PhaseName, package: str, made: str, report: Report) -> str:
        """One phase; what replicas start from is the key of an environment.

        Raises:
            PreparationError: It cannot be done.
        """
        if phase is PhaseName.FETCH:
            if self._preparer.is_unpacked(package):
                report("unpacked already")
            else:
                await self._fetch(package, report)
        elif phase is PhaseName.VERIFY:
            report("checking and unpacking the archive")
            await self._preparer.unpack(package)
            report("the package is unpacked and its files match")
        elif phase is PhaseName.BUILD:
            report("looking for a finished environment (replicas here need no image)")
            prepared = await self._preparer.build(unpacked_folder(self._preparer.folder, package), report)
            seconds = prepared.environment.seconds
            report(f"{prepared.packages} packages, " + (f"built in {seconds:.1f} s" if seconds else "there already"))
            return prepared.environment.key
        return made
