"""Whether a package's servers speak gRPC: what that takes is part of its environment, or it is not."""

from pathlib import Path

from modelway.errors import ModelwayError
from modelway.packaging.archive import read_entry
from modelway.packaging.lock_text import check_lock_text
from modelway.packaging.manifest import LOCK_ENTRY

_NEEDED = frozenset({"hpack", "protobuf"})
"""Distributions of the SDK's extra `grpc`, without which `modelway serve` opens no port for it."""


def speaks_grpc(archive: Path) -> bool:
    """Whether the lock of the package at `archive` has them; no for one that cannot be read, as something else will say so."""
    try:
        return check_lock_text(read_entry(archive, LOCK_ENTRY), LOCK_ENTRY).keys() >= _NEEDED
    except ModelwayError:
        return False
