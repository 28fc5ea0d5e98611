"""Fetches that nobody goes on with: what had come of a package that no document names any more."""

import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from modelway_platform.deploy.fetch.fetch_package import STAGE_PREFIX

ABANDONED_SECONDS = 86_400.0


def remove_abandoned(root: Path, wanted: Collection[str], now: Callable[[], float] = time.time) -> int:
    """Removes begun fetches of other packages than `wanted` that have not grown for a day.

    Args:
        root: The package store's folder; need not be there.
        wanted: Digests that are declared.
        now: Unix time in seconds.

    Returns:
        How many there were.
    """
    names = {f"{STAGE_PREFIX}{package.removeprefix('sha256:')}" for package in wanted}
    moment = now()
    old = [
        each
        for each in root.glob(f"{STAGE_PREFIX}*")
        if each.name not in names and moment - _touched(each) > ABANDONED_SECONDS
    ]
    for each in old:
        shutil.rmtree(each, ignore_errors=True)
    return len(old)


def _touched(stage: Path) -> float:
    """When it grew last: a file that is appended to leaves its folder's time as it was."""
    times = [stage.stat().st_mtime]
    for path in stage.rglob("*"):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:  # its fetch goes on just now
            times.append(time.time())
    return max(times)
