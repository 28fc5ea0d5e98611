"""Volumes of a container, in the words of an engine: bind mounts, memory, and volumes that the engine keeps for a project."""

import io
import tarfile
from collections.abc import Iterable
from typing import Any

from modelway_platform.deploy.images.layers.places import USER
from modelway_platform.domain.deployments.volumes import Volume

PROJECT_LABEL = "modelway.project"
OWNED = "volume"
"""Under which name, in the root of a container that is never started, a volume is given to its user."""


def kept_name(project: str, source: str) -> str:
    """What the engine calls a volume that a project keeps there: one project never gets another's."""
    return f"modelway.{project}.{source}"


def kept_volumes(project: str, volumes: Iterable[Volume]) -> list[str]:
    """Those that the engine keeps, by the names it has for them."""
    return [kept_name(project, each.source) for each in volumes if each.kind == "volume"]


def binds_of(project: str, volumes: Iterable[Volume]) -> list[str]:
    """`Binds` of the engine's `HostConfig`: directories of its machine, and volumes it keeps."""
    found: list[str] = []
    for each in volumes:
        mode = "ro" if each.read_only else "rw"
        if each.kind == "directory":
            found.append(f"{each.source}:{each.place}:{mode}")
        elif each.kind == "volume":
            found.append(f"{kept_name(project, each.source)}:{each.place}:{mode}")
    return found


def memory_folders(volumes: Iterable[Volume]) -> dict[str, str]:
    """`Tmpfs` of the engine's `HostConfig`: scratch room, which counts as memory and goes with the container."""
    return {each.place: f"rw,nosuid,nodev,size={each.size},mode=1777" for each in volumes if each.kind == "scratch"}


def owner_archive() -> bytes:
    """A tar archive that says whose `/volume` is; unpacked over one it changes nothing else."""
    entry = tarfile.TarInfo(OWNED)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o770, USER, USER
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(entry)
    return out.getvalue()


def owner_host(name: str) -> dict[str, Any]:
    """`HostConfig` of the container by which a volume gets its owner; it is never started."""
    return {"NetworkMode": "none", "Binds": [f"{name}:/{OWNED}:rw"]}
