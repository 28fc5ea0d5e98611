"""Lays a project's files out as they will be in the package, in a folder the handler is rehearsed in."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from modelway.packaging.archive import CHUNK
from modelway.packaging.manifest import LOCK_ENTRY, FileEntry
from modelway.packaging.project_files import Member


def stage_members(
    stage: Path, members: Sequence[Member], progress: Callable[[int, int], None]
) -> tuple[FileEntry, ...]:
    """Puts the members below `stage` and says what they are.

    Args:
        stage: An empty folder.
        members: What goes in.
        progress: Told octets done and in all.
    """
    for folder in ("code", "files", "environment"):
        (stage / folder).mkdir()
    total = sum(member.source.stat().st_size for member in members)
    entries: list[FileEntry] = []
    done = 0
    for member in members:
        path = stage / member.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _place(member.source.resolve(), path)
        digest = hashlib.sha256()
        with path.open("rb") as source:
            while data := source.read(CHUNK):
                digest.update(data)
                done += len(data)
                progress(min(done, total), total)
        entries.append(
            FileEntry(path=member.path, size=path.stat().st_size, sha256=digest.hexdigest(), role=member.role)
        )
    return tuple(entries)


def stage_lock(stage: Path, text: bytes) -> FileEntry:
    """Puts the environment lock below `stage`."""
    (stage / LOCK_ENTRY).write_bytes(text)
    return FileEntry(path=LOCK_ENTRY, size=len(text), sha256=hashlib.sha256(text).hexdigest(), role="environment")


def _place(source: Path, path: Path) -> None:
    # A hard link costs nothing for gigabytes of weights; across file systems it has to be a copy.
    with contextlib.suppress(OSError):
        os.link(source, path)
        return
    shutil.copyfile(source, path)
