"""When each key was used last, to the minute: gateway workers leave it in files, control reads them. Needs no database."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

_PATTERN = "worker-*.keys.json"


def key_uses_path(metrics_path: Path) -> Path:
    """A worker's file, beside its metrics."""
    return metrics_path.with_name(metrics_path.name.replace(".metrics.json", ".keys.json"))


def write_key_uses(path: Path, uses: Mapping[str, float]) -> None:
    """Replace the file, whole or not at all.

    Raises:
        OSError: The disk is full or the folder is gone.
    """
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode({key: int(moment) for key, moment in uses.items()}))
    os.replace(temporary, path)  # noqa: PTH105 (one system call, no path objects)


def read_key_uses(path: Path) -> dict[str, float]:
    """What one worker left; empty where there is nothing that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def last_uses(folder: Path) -> dict[str, float]:
    """Unix time in seconds by key id, the latest over all workers."""
    found: dict[str, float] = {}
    for path in folder.glob(_PATTERN):
        for key, moment in read_key_uses(path).items():
            found[key] = max(moment, found.get(key, 0.0))
    return found
