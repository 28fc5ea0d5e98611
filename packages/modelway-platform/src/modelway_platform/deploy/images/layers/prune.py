"""Removes layers nobody has used for long, and the longest unused where they take too much room; never what is needed."""

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.deploy.images.layers.cache import LayerCache

DAY = 86_400.0
GIB = 1024**3
KEEP_DAYS, KEEP_GIB = 30.0, 50.0
# What was used so lately may be in the hands of a build that is under way.
GRACE_SECONDS = 3600.0
_ABANDONED_SECONDS = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One blob of the cache: its digest, octets, and when it was used last (Unix time in seconds)."""

    digest: str
    size: int
    used_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long, and how much, is kept; 0 octets keeps only what is needed."""

    seconds: float = KEEP_DAYS * DAY
    octets: int = int(KEEP_GIB * GIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What came of it: blobs and octets removed, octets that stay, and how many blobs were needed."""

    removed: int
    octets: int
    left: int
    needed: int


def what_goes(blobs: Iterable[Kept], needed: Collection[str], limits: Limits, now: float) -> list[Kept]:
    """The blobs to remove, the longest unused first.

    Args:
        blobs: All there are.
        needed: Digests that stay whatever the limits are.
        limits: How long and how much.
        now: Unix time in seconds.
    """
    everything = sorted(blobs, key=lambda each: (each.used_at, each.digest))
    left = sum(each.size for each in everything)
    goes: list[Kept] = []
    for each in everything:
        unused = now - each.used_at
        if each.digest in needed or unused < GRACE_SECONDS:
            continue
        if unused > limits.seconds or left > limits.octets:
            goes.append(each)
            left -= each.size
    return goes


def prune(
    cache: LayerCache,
    *,
    packages: Collection[str],
    limits: Limits,
    now: Callable[[], float] = time.time,
    remove: Callable[[Path], None] = lambda path: path.unlink(missing_ok=True),
    dry_run: bool = False,
) -> Pruned:
    """Brings a cache within its limits. Broken off anywhere, it leaves a cache that works; called again, it goes on.

    Args:
        cache: The cache.
        packages: Digests of packages whose images' layers stay.
        limits: How long and how much is kept.
        now: Unix time in seconds.
        remove: Removes a file.
        dry_run: Only says what would go.
    """
    moment = now()
    needed = {digest for package in packages for digest in cache.used_by(package)}
    blobs = list(_blobs(cache))
    goes = what_goes(blobs, needed, limits, moment)
    gone = sum(each.size for each in goes)
    if not dry_run:
        for each in goes:
            remove(cache.blobs.path(each.digest))
        _sweep(cache, moment, limits, remove, packages)
    return Pruned(
        removed=len(goes),
        octets=gone,
        left=sum(each.size for each in blobs) - gone,
        needed=sum(each.digest in needed for each in blobs),
    )


def _blobs(cache: LayerCache) -> Iterator[Kept]:
    for path in (cache.root / "blobs" / "sha256").glob("[0-9a-f]*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        yield Kept(digest=f"sha256:{path.name}", size=found.st_size, used_at=found.st_mtime)


def _sweep(
    cache: LayerCache, now: float, limits: Limits, remove: Callable[[Path], None], packages: Collection[str]
) -> None:
    """Notes of what is gone, and what builds left that were killed."""
    wanted = {package.removeprefix("sha256:") for package in packages}
    old: Sequence[Path] = [
        *(path for path in (cache.root / "keys").iterdir() if _unused(path, now) > max(limits.seconds, GRACE_SECONDS)),
        *(
            path
            for path in (cache.root / "uses").glob("*.json")
            if path.stem not in wanted and _unused(path, now) > max(limits.seconds, GRACE_SECONDS)
        ),
        *(
            path
            for path in (cache.root / "blobs" / "sha256").glob(".incoming-*")
            if _unused(path, now) > _ABANDONED_SECONDS
        ),
    ]
    for path in old:
        remove(path)
    for folder in cache.root.glob("work-*"):
        if _unused(folder, now) > _ABANDONED_SECONDS and not _lives(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _unused(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _lives(folder: Path) -> bool:
    """Whether the process that a work folder is named for is there still."""
    number = folder.name.split("-")[1]
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
