"""Secrets of containers: in a file that a container alone sees beside the platform, as an engine shows a container's variables.

The file lies in the replica's folder, which nobody else on this machine may enter, and is mounted into the container by itself. A
container with a read-only file system takes no file by the archive API, and its memory is not mounted before it runs.
"""

import json
import os
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelway.cli.serve_secrets import FILE_VARIABLE

NAME = "secrets.json"
INSIDE = "/run/modelway-secrets.json"


@dataclass(frozen=True, slots=True)
class SecretsFile:
    """The file of one replica's secrets.

    Args:
        folder: The replica's own.
    """

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / NAME

    def write(self, values: Mapping[str, str]) -> None:
        """Whole or not at all. Its folder keeps everybody out; in the container it has to be readable for the container's own user."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        new = self.path.with_name(f".{NAME}.{secrets.token_hex(8)}")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "w", encoding="utf-8") as file:  # noqa: PTH123 - with its mode from the first moment on
            json.dump(dict(values), file)
        new.replace(self.path)

    def drop(self) -> None:
        """Once no container reads it any more."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def bind(self) -> str:
        """The mount, as the engine wants it."""
        return f"{self.path}:{INSIDE}:ro"


def secrets_environment() -> dict[str, str]:
    """By which the model server finds it."""
    return {FILE_VARIABLE: INSIDE}


def drop_unknown(folder: Path, known: Collection[str]) -> None:
    """Removes the files of replicas that are gone while nobody looked."""
    for path in folder.glob(f"*/{NAME}"):
        if path.parent.name not in known:
            SecretsFile(path.parent).drop()
