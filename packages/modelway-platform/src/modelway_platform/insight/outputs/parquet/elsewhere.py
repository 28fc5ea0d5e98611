"""Objects of a Parquet output, brought back for questions about records that the platform's own store has let go."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.collect.ledger import StoredFile, live_files
from modelway_platform.insight.outputs.receiver import AwayError

if TYPE_CHECKING:
    from modelway_platform.insight.outputs.parquet.objects import Objects

# Longer than a question may take that reads a file.
_IN_USE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Where older records are.

    Args:
        ledger: The output's own: which objects count.
        open: Opens the place.
        most_bytes: As much may be kept here.
    """

    ledger: Path
    open: "Callable[[], Objects]"
    most_bytes: int


class BroughtBack:
    """`query.views.Elsewhere` over a Parquet output.

    Args:
        cache: Folder for what was brought here; it may be removed.
        archive: Tells where older records are at the moment; None for nowhere.
    """

    def __init__(self, cache: Path, archive: Callable[[], Archive | None]) -> None:
        self._cache = cache
        self._archive = archive

    def files(self, kind: Kind, since: float, until: float, stop: Callable[[], None]) -> list[tuple[int, Path]]:
        archive = self._archive()
        if archive is None:
            return []
        wanted = [each for each in live_files(archive.ledger, kind.name, since) if each.first <= until]
        if not wanted:
            return []
        size = sum(each.size for each in wanted)
        if size > archive.most_bytes:
            raise ModelwayError(
                f"the query: {size >> 20} MiB of older records would have to be brought back, more than cache_gib allows",
                hint="ask for a shorter time (since)",
                code="query_too_costly",
            )
        self._make_room(archive.most_bytes - size)
        objects: Objects | None = None
        found: list[tuple[int, Path]] = []
        for each in wanted:
            stop()
            path = self._cache / f"{hashlib.sha256(each.path.encode()).hexdigest()}.parquet"
            if not path.exists():
                objects = objects or _opened(archive)
                self._bring(objects, each, path)
            os.utime(path)
            found.append((each.shape, path))
        return found

    def _bring(self, objects: "Objects", file: StoredFile, path: Path) -> None:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            there = objects.fetch(file.path, unfinished)
            if there and unfinished.stat().st_size == file.size:
                unfinished.replace(path)
                return
        except AwayError as error:
            raise _away(str(error)) from None
        except OSError as error:
            raise _away(f"no room to bring them back: {error.strerror}") from None
        finally:
            unfinished.unlink(missing_ok=True)
        raise _away(f"{file.path} is not there any more, or not whole")

    def _make_room(self, octets: int) -> None:
        """Deletes what was not asked for in a while, the longest unused first, until the rest is so small."""
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted((each.stat().st_mtime, each.stat().st_size, each) for each in self._cache.glob("*.parquet"))
        total = sum(size for _, size, _ in found)
        for used, size, path in found:
            if total <= octets or used > time.time() - _IN_USE_SECONDS:
                return
            path.unlink(missing_ok=True)
            total -= size


def _opened(archive: Archive) -> "Objects":
    try:
        return archive.open()
    except AwayError as error:
        raise _away(str(error)) from None


def _away(why: str) -> UnavailableError:
    return UnavailableError(
        f"older records cannot be had: {why}", hint="ask again, or only about what is here (a shorter --since)"
    )
