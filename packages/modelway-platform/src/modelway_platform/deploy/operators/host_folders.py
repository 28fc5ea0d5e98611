"""Looks at directories of this machine when a replica is about to be given them: what a path really leads to is known only then."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import ModelwayError
from modelway_platform.domain.deployments.host_directories import is_plain_path, is_within, never_given
from modelway_platform.domain.deployments.volumes import Volume

CODE = "volume_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFolders:
    """Whether a directory may be given.

    Args:
        reserved: The platform's own folders: nothing in them or around them is given.
    """

    reserved: tuple[Path, ...] = ()

    def check(self, volumes: Iterable[Volume]) -> None:
        """All directories among `volumes`.

        Raises:
            ModelwayError: Code `volume_refused`; the message has the volume and why.
        """
        for each in volumes:
            if each.kind == "directory" and (why := self._refusal(each.source)):
                raise ModelwayError(
                    f"volume {each.name}: the directory {each.source} {why}",
                    hint="look at the directory, or name another in the deployment's `volumes`",
                    code=CODE,
                )

    def _refusal(self, path: str) -> str:
        try:
            real = os.path.realpath(path, strict=True)
        except OSError as error:
            return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be looked at: {error.strerror}"
        reserved = [os.path.realpath(each) for each in self.reserved]
        reasons = {
            "is given to nobody": not is_plain_path(path) or never_given(path),
            # Whoever may write above it would choose what is given.
            "is, or is reached by, a symbolic link": real != path,
            "is no directory": not Path(real).is_dir(),
            "holds the platform's own state, or is part of it": any(
                is_within(real, each) or is_within(each, real) for each in reserved
            ),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")


NO_FOLDERS_OF_OURS = HostFolders()


def locations_here(volumes: Iterable[Volume]) -> dict[str, str]:
    """Where plain processes find them, by variable."""
    return {each.variable: each.source for each in volumes}


def locations_inside(volumes: Iterable[Volume]) -> dict[str, str]:
    """Where containers find them, by variable."""
    return {each.variable: each.place for each in volumes}
