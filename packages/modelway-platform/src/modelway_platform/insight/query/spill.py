"""Folders for what a question or a data set cannot hold in memory: one for each, bounded, gone with it, and found if its process was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOST_MIB = 8192
"""Of one question."""
_SHARE_OF_FREE = 4
_LEAST_MIB = 64
_TRIES = 5
_PREFIX = "for-"
INSIDE = "spill"
"""The folder's folder that DuckDB is told of, by this name alone: what asks may know it."""


@dataclass(frozen=True, slots=True)
class Spill:
    """Where to, and how much.

    Args:
        folder: Private and empty; `INSIDE` is to be made below it.
        most: In mebibytes.
    """

    folder: Path
    most: int


@contextmanager
def spill_below(root: Path, most: int = MOST_MIB) -> Generator[Spill | None]:
    """A folder while the context lasts, and at most a quarter of what is free there; None where there is no room for any.

    Folders that somebody left behind are deleted: whoever uses one holds a lock on it, which ends with its process.

    Args:
        root: Where such folders are; made when missing, if what is above is there.
        most: In mebibytes.
    """
    try:
        folder, lock = _make(root)
    except OSError:
        yield None
        return
    try:
        with suppress(OSError):
            _delete_left_behind(root)
        room = min(most, _free_mib(folder) // _SHARE_OF_FREE)
        yield Spill(folder, room) if room >= _LEAST_MIB else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make(root: Path) -> tuple[Path, int]:
    if root.parent.is_dir():
        root.mkdir(mode=0o700, exist_ok=True)
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        # Between the two, somebody who deletes what is not locked may have come by.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _locked(lock) and folder.is_dir():
                return folder, lock
            os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
    raise OSError(f"{root}: no lock can be had there")


def _delete_left_behind(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _free_mib(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >> 20
