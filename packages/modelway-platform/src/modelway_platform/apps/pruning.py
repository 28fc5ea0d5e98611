"""Keeps the layers of images within their limits, and clears begun fetches away, while the platform runs."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.fetch.abandoned import remove_abandoned
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.prune import DAY, GIB, KEEP_DAYS, KEEP_GIB, Limits, prune

DAYS_VARIABLE, GIB_VARIABLE = "MODELWAY_IMAGES_KEEP_DAYS", "MODELWAY_IMAGES_KEEP_GIB"
_EVERY_SECONDS = 3600.0

log = logging.getLogger(__name__)


def limits_of(variables: Mapping[str, str]) -> Limits:
    """What the environment says of how long, and how much, is kept.

    Raises:
        InvalidRequestError: A value is no number.
    """
    try:
        days = float(variables.get(DAYS_VARIABLE) or KEEP_DAYS)
        gib = float(variables.get(GIB_VARIABLE) or KEEP_GIB)
    except ValueError:
        raise InvalidRequestError(f"{DAYS_VARIABLE} and {GIB_VARIABLE} are numbers") from None
    return Limits(seconds=days * DAY, octets=int(gib * GIB))


async def prune_forever(
    folder: Path, store: Path, limits: Limits, packages: Callable[[], Iterable[str]], every: float = _EVERY_SECONDS
) -> None:
    """Now and every hour.

    Args:
        folder: The cache of layers; need not be there.
        store: The package store's folder.
        limits: How long, and how much, is kept.
        packages: Digests of what is deployed.
        every: Seconds between.
    """
    while True:
        try:
            await asyncio.to_thread(_prune, folder, store, limits, packages)
        except Exception:  # a full or failing disk: the next hour may be better
            log.exception("what nobody needs was not removed")
        await asyncio.sleep(every)


def _prune(folder: Path, store: Path, limits: Limits, packages: Callable[[], Iterable[str]]) -> None:
    wanted = frozenset(packages())
    if (folder / "keys").is_dir() and (octets := prune(LayerCache(folder), packages=wanted, limits=limits).octets):
        log.info("layers of images removed", extra={"octets": octets})
    if fetches := remove_abandoned(store, wanted):
        log.info("begun fetches removed", extra={"fetches": fetches})
