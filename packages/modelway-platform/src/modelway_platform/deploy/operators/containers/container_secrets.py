"""What a container is told that its engine shall not show: a file in a volume of its own, put there before it starts.

An engine shows a container's variables, labels and arguments to whoever may ask it, but not what lies in a volume. The volume has no
name, lies on the engine's machine wherever that is, and goes with the container. A container with a read-only file system takes
files from outside nowhere else.
"""

import io
import json
import tarfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelway.cli.serve_secrets import FILE_VARIABLE
from modelway_platform.deploy.images.layers.places import USER

NAME = "secrets.json"
FOLDER = "/run/modelway"
INSIDE = f"{FOLDER}/{NAME}"
HIDDEN_LABEL = "modelway.hidden"
"""Of these volumes, with the mark of their platform; Podman 4 gives nameless volumes no labels."""


def secrets_mount(instance: str) -> dict[str, Any]:
    """The volume, as a member of the engine's `Mounts`; marked, so that it is found where somebody removed the container alone."""
    return {"Type": "volume", "Target": FOLDER, "VolumeOptions": {"Labels": {HIDDEN_LABEL: instance}}}


def secrets_archive(values: Mapping[str, str]) -> bytes:
    """A tar archive with the file, which the container's user alone may read; for `FOLDER`.

    Args:
        values: Texts by variable.
    """
    content = json.dumps(dict(values)).encode()
    entry = tarfile.TarInfo(NAME)
    entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o400, USER, USER
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def secrets_environment() -> dict[str, str]:
    """By which the model server finds it."""
    return {FILE_VARIABLE: INSIDE}


def drop_unknown(folder: Path, known: Collection[str]) -> None:
    """Removes the files that older platforms kept in the folders of replicas which are gone."""
    for path in folder.glob(f"*/{NAME}"):
        if path.parent.name not in known:
            with suppress(OSError):
                path.unlink(missing_ok=True)
