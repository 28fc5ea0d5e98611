"""Takes new lines into the store, tidies it and lets old records go. Killed at any point, it goes on where the ledger stands."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from modelway_platform.insight.collect import good_lines, plan
from modelway_platform.insight.collect.engine import Engine, TooLargeError, UnreadableBatchError, Written
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.holding import Holding
from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.collect.ledger import Ledger, Segment
from modelway_platform.insight.collect.new_lines import order_of, take
from modelway_platform.insight.collect.source import Source
from modelway_platform.store.files.collected_marks import write_marks

BATCH_BYTES = 32 << 20
# Longer than a question may take: one that is being asked still finds the files it began with.
RETIRED_SECONDS = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: list[bytes]
    segments: list[Segment]
    too_long: int
    full: bool


def no_witness(_: str) -> None:
    """Watches nothing; tests kill the process at a point of their choice."""


class Collector:
    """One turn after the other, by one process at a time.

    Args:
        folder: The store.
        sources: What is collected.
        keeping: For how long.
        tidiness: When files are put together.
        holding: What is kept for outputs.
        retired_seconds: So long after a file was replaced it is deleted.
        witness: Told where it is: `read`, `written`, `placed`, `counted`, `rewritten`, `replaced`, `retired`.
    """

    def __init__(
        self,
        folder: StoreFolder,
        sources: Sequence[Source],
        keeping: plan.Keeping,
        *,
        tidiness: plan.Tidiness | None = None,
        holding: Holding | None = None,
        retired_seconds: float = RETIRED_SECONDS,
        witness: Callable[[str], None] = no_witness,
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._kinds = {source.kind.name: source.kind for source in sources}
        self._keeping = keeping
        self._tidiness = tidiness or plan.Tidiness()
        self._holding = holding or Holding()
        self._retired_seconds = retired_seconds
        self._witness = witness
        folder.empty_work()
        self.ledger = Ledger(folder.ledger)
        folder.delete(folder.strangers(self._kinds.values(), self.ledger.every_path()))
        self._engine = Engine(folder.spill)
        self._left_alone: set[str] = set()  # too large to be put together; tried again by the next process
        self._turns = count()

    def close(self) -> None:
        self._engine.close()
        self.ledger.close()

    def collect(self) -> bool:
        """Takes what is new, of each source at most a batch; returns whether there is more at once.

        Raises:
            OSError: The disk is full, or does not do as it should; nothing was taken.
            duckdb.Error: The same.
            sqlite3.Error: The same.
        """
        more = [self._collect(source) for source in self._sources]  # all of them, whatever the first says
        return any(more)

    def tidy(self) -> bool:
        """Puts files together once; returns whether there is more to do. Raises as `collect` does."""
        now = time.time()
        done = False
        for kind in self._kinds.values():
            old = plan.next_rewrite(self.ledger.live_files(kind.name), now, self._tidiness, self._left_alone)
            if not old:
                continue
            self._folder.empty_work()
            paths = [self._folder.root / each.path for each in old]
            try:
                written = self._engine.rewrite(kind, paths, self._folder.work / "out")
            except TooLargeError as error:
                log.warning("files stay as they are: %s", error)
                self._left_alone |= {each.path for each in old}
                continue
            self._witness("rewritten")
            new = [self._folder.place(kind, each, now) for each in written]
            self._witness("placed")
            self.ledger.replaced(old, new)
            self._witness("replaced")
            done = True
        return done

    def let_go(self) -> None:
        """Removes records that are too old or too many, and files that were replaced a while ago. Raises as `collect` does."""
        now = time.time()
        gone = plan.to_let_go(
            [each for kind in self._kinds for each in self.ledger.live_files(kind)], now, self._keeping
        )
        for kind in {each.kind for each in gone}:
            self.ledger.expired(kind, [each for each in gone if each.kind == kind])
        self._witness("retired")
        hold = self._holding.now()
        held = set[str]() if hold.needed is None else self.ledger.held(hold.needed, hold.octets)
        retired = (path for path in self.ledger.retired_before(now - self._retired_seconds) if path not in held)
        if deleted := self._folder.delete(retired):
            self.ledger.forget_files(deleted)
        self.ledger.forget_batches(hold.needed)

    def _collect(self, source: Source) -> bool:
        batch = self._read(source)
        if not batch.segments:
            return False
        kind = source.kind
        self._folder.empty_work()
        self._witness("read")
        bad: list[bytes] = []
        written = self._write(kind, batch.lines, bad) if batch.lines else []
        self._witness("written")
        now = time.time()
        files = [self._folder.place(kind, each, now) for each in written if each.records]
        self._witness("placed")
        self.ledger.took(kind.name, batch.segments, files, len(bad) + batch.too_long)
        self._witness("counted")
        self._leave_marks(kind, {each.folder for each in batch.segments})
        if bad:
            self._folder.set_aside(kind, bad)
        return batch.full

    def _read(self, source: Source) -> _Batch:
        kind = source.kind
        known = self.ledger.segments(kind.name)
        paths = self._in_turn(source)
        there = set(paths)
        if missing := [each for path, each in known.items() if path not in there and source.owns(each.folder)]:
            self.ledger.forget_segments(missing)
        lines: list[bytes] = []
        moved: list[Segment] = []
        room, too_long = BATCH_BYTES, 0
        for path in paths:
            if room <= 0:
                break
            piece = take(path, known.get(path) or Segment(kind.name, str(path.parent), path.name), room)
            if piece is not None:
                lines.append(piece.lines)
                moved.append(piece.segment)
                too_long += piece.too_long
                room -= len(piece.lines)
        return _Batch(lines, moved, too_long, full=room <= BATCH_BYTES // 2)

    def _in_turn(self, source: Source) -> list[Path]:
        """Its segments, oldest first for each writer; another folder comes first each time, so that none fills every batch."""
        folders = list(source.folders())
        first = next(self._turns) % len(folders) if folders else 0
        ordered = folders[first:] + folders[:first]
        return [path for folder in ordered for path in sorted(folder.glob(source.kind.segments), key=order_of)]

    def _leave_marks(self, kind: Kind, folders: set[str]) -> None:
        known = self.ledger.segments(kind.name).values()
        for folder in folders:
            with suppress(OSError):  # the word of before stays, which claims less
                write_marks(Path(folder), ((each.name, each.taken) for each in known if each.folder == folder))

    def _write(self, kind: Kind, pieces: list[bytes], bad: list[bytes]) -> list[Written]:
        """One file of the lines that are records; `bad` gets the others."""
        try:
            return [self._write_lines(kind, pieces, 0)]
        except UnreadableBatchError:
            good, found = good_lines.part((line for piece in pieces for line in piece.split(b"\n")), kind)
            bad += found
            return self._write_or_halve(kind, good, bad, [])

    def _write_or_halve(self, kind: Kind, lines: list[bytes], bad: list[bytes], done: list[Written]) -> list[Written]:
        """For what only DuckDB cannot read: smaller and smaller parts, until what cannot be read stands alone."""
        if not lines:
            return done
        try:
            done.append(self._write_lines(kind, lines, len(done)))
        except UnreadableBatchError:
            if len(lines) == 1:
                bad += lines
                return done
            for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
                self._write_or_halve(kind, half, bad, done)
        return done

    def _write_lines(self, kind: Kind, lines: Sequence[bytes], number: int) -> Written:
        source = self._folder.work / "lines.ndjson"
        with source.open("wb") as file:
            for line in lines:
                file.write(line)
                if not line.endswith(b"\n"):
                    file.write(b"\n")
        return self._engine.write_lines(kind, source, self._folder.work / f"lines-{number}.parquet")
