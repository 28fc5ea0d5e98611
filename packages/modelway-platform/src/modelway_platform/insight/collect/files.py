"""The store's folder: unfinished files get their places when they are whole and on the disk, never before."""

import os
import shutil
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.collect.ledger import StoredFile

if TYPE_CHECKING:  # the engine imports DuckDB, which those who look for the folder alone need not wait for
    from modelway_platform.insight.collect.engine import Written

RECENT = "recent"
_SET_ASIDE_BYTES = 1 << 20
_SHOWN_BYTES = 16 << 10  # of a line


class StoreFolder:
    """`<kind>/recent/…` and `<kind>/project=…/date=…/hour=…/…`, with a folder for what is unfinished.

    Args:
        root: Its place; made when missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.spill = root / "spill"

    @property
    def ledger(self) -> Path:
        return ledger_of(self.root)

    def empty_work(self) -> None:
        """Away with everything unfinished; the folder is there afterwards."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)

    def place(self, kind: Kind, written: "Written", made: float) -> StoredFile:
        """Gives a whole file its name among the others. It counts once the ledger says so.

        Raises:
            OSError: It could not be made durable, or not be moved.
        """
        folder = Path(kind.name) / _partition(written)
        path = folder / f"{uuid.uuid4().hex}.parquet"
        target = self.root / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(written.path)
        written.path.rename(target)
        for above in (target.parent, *target.parent.parents):
            _sync(above)
            if above == self.root:
                break
        return StoredFile(
            path=str(path),
            kind=kind.name,
            shape=kind.shape,
            project=written.project,
            hour=written.hour,
            records=written.records,
            size=target.stat().st_size,
            first=written.first,
            last=written.last,
            made=made,
        )

    def delete(self, paths: Iterable[str]) -> list[str]:
        """Deletes files and folders that became empty; returns which are gone."""
        gone: list[str] = []
        for path in paths:
            target = self.root / path
            try:
                target.unlink(missing_ok=True)
            except OSError:
                continue
            gone.append(path)
            self._delete_empty(target.parent)
        return gone

    def strangers(self, kinds: Iterable[Kind], known: set[str]) -> list[str]:
        """Files with a place that the ledger does not know: placed by a collector that was killed before it could say so."""
        found = [path for kind in kinds for path in (self.root / kind.name).rglob("*.parquet")]
        return [name for name in (str(path.relative_to(self.root)) for path in found) if name not in known]

    def set_aside(self, kind: Kind, lines: Iterable[bytes]) -> None:
        """Keeps lines that nobody can read, to be looked at: the beginnings of the latest ones. Does what it can."""
        path = self.root / f"set-aside-{kind.name}.ndjson"
        try:
            if path.exists() and path.stat().st_size > _SET_ASIDE_BYTES:
                path.replace(path.with_suffix(".ndjson.1"))
            with path.open("ab") as file:
                size = 0
                for line in lines:
                    size += file.write(line.rstrip(b"\n")[:_SHOWN_BYTES] + b"\n")
                    if size > _SET_ASIDE_BYTES:
                        break
        except OSError:
            return

    def _delete_empty(self, folder: Path) -> None:
        while folder != self.root and folder.name != RECENT:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def ledger_of(root: Path) -> Path:
    """Where the ledger of a store lies."""
    return root / "ledger.db"


def _partition(written: "Written") -> Path:
    if not written.hour:
        return Path(RECENT)
    moment = datetime.fromtimestamp(written.hour, UTC)
    return Path(f"project={written.project}", f"date={moment:%Y-%m-%d}", f"hour={moment:%H}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
