"""The Parquet output: batches become objects by project and hour, small ones are put together, old ones let go; each record once."""

import logging
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelway_platform.insight.collect import plan
from modelway_platform.insight.collect.engine import Engine, TooLargeError, Written
from modelway_platform.insight.collect.kinds import KINDS, Kind
from modelway_platform.insight.collect.ledger import Ledger, Segment, StoredFile
from modelway_platform.insight.outputs.journal import Batch, Journal
from modelway_platform.insight.outputs.parquet.keys import OWNER, file_of, key_of, own_ledger
from modelway_platform.insight.outputs.parquet.objects import Objects
from modelway_platform.insight.outputs.port import OutputState
from modelway_platform.insight.outputs.position import Position, read_position, write_position
from modelway_platform.insight.outputs.receiver import AwayError

# Longer than a question may take that reads an object.
RETIRED_SECONDS = 600.0
MOST_BATCHES = 1000
MOST_RECORDS = 2_000_000
_KINDS: Mapping[str, Kind] = {each.name: each for each in KINDS}
_LET_GO_SECONDS = 60.0

log = logging.getLogger(__name__)


def no_witness(_: str) -> None:
    """Watches nothing; tests kill the process at a point of their choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetSettings:
    """What is kept where.

    Args:
        store: The folder of the platform's own store, with its ledger.
        ledger: Its ledger.
        position: The file that says how far the output has come, for the collector.
        own: The output's folder, for its own ledger and what is unfinished.
        kinds: Names of the kinds of record it gets.
        owner: Names this platform; objects of another one are not touched.
        take_over: Whether what another platform left there becomes this one's.
        every: So many seconds of records become objects together.
        keeping: For how long.
        tidiness: When objects are put together.
        retired_seconds: So long after an object was replaced it is deleted.
    """

    store: Path
    ledger: Path
    position: Path
    own: Path
    kinds: Collection[str]
    owner: str
    take_over: bool = False
    every: float = 60.0
    keeping: plan.Keeping
    tidiness: plan.Tidiness = field(default_factory=lambda: plan.Tidiness(hour_files=16))
    retired_seconds: float = RETIRED_SECONDS


class ParquetOutput:
    """`port.Output` for Parquet elsewhere.

    Args:
        settings: What.
        objects: Where.
        witness: Told where it is: `meant`, `put`, `counted`, `rewritten`, `replaced`.

    Raises:
        AwayError: The place cannot be used, or is another platform's.
        OSError: The output's own folder cannot be used.
        sqlite3.Error: Its ledger cannot be used.
    """

    def __init__(
        self, settings: ParquetSettings, objects: Objects, *, witness: Callable[[str], None] = no_witness
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._witness = witness
        self._journal = Journal(settings.ledger)
        self._meant = settings.own / "meant.json"
        self._work = settings.own / "work"
        settings.own.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ledger = Ledger(own_ledger(settings.own))
        self._engine = Engine(settings.own / "spill")
        self._left_alone: set[str] = set()  # too large to be put together; tried again by the next process
        self._position = read_position(settings.position)
        self._let_go_at = 0.0
        try:
            self._own()
            self._finish()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.close()
        self._ledger.close()

    def turn(self) -> bool:
        """Sends what is due, else tidies once; returns whether to go on at once.

        Raises:
            AwayError: The place does not answer.
            OSError: The disk is full.
            duckdb.Error: Records cannot be read or written.
            sqlite3.Error: A ledger cannot be used.
        """
        batches = _together(self._journal.after(self._position.batch, self._settings.kinds, MOST_BATCHES))
        full = len(batches) == MOST_BATCHES or sum(each.records for each in batches) >= MOST_RECORDS // 2
        if batches and (full or time.time() - batches[0].made >= self._settings.every):
            self._send(batches)
            return True
        if self._tidy():
            return True
        self._let_go()
        return False

    def state(self) -> OutputState:
        waiting = self._journal.waiting(self._position.batch, self._settings.kinds)
        files = [each for kind in self._settings.kinds for each in self._ledger.live_files(kind)]
        return OutputState(
            what="parquet",
            sent={kind: self._ledger.counts(kind).records for kind in self._settings.kinds},
            dropped=self._position.dropped,
            waiting=waiting.records,
            since=waiting.since,
            more={
                "modelway_output_objects": float(len(files)),
                "modelway_output_bytes": float(sum(each.size for each in files)),
                "modelway_output_expired_records_total": float(
                    sum(self._ledger.counts(kind).expired for kind in self._settings.kinds)
                ),
            },
        )

    def _send(self, batches: Sequence[Batch]) -> None:
        dropped = dict(self._position.dropped)
        for name in sorted({each.kind for each in batches}):
            ours = [each for each in batches if each.kind == name]
            done = self._done(name)
            new = [each for each in ours if each.number > done]  # the rest was counted before a kill
            there = [each for each in new if not each.gone]
            dropped[name] = dropped.get(name, 0) + sum(each.records for each in new if each.gone)
            kind = _KINDS[name]
            files = self._put(kind, self._rewritten(kind, [self._settings.store / each.path for each in there]))
            self._ledger.took(name, [Segment(name, "batches", "done", ours[-1].number)], files, 0)
            self._witness("counted")
        self._position = Position(batch=batches[-1].number, dropped=dropped)
        write_position(self._settings.position, self._position)
        self._finish()

    def _done(self, kind: str) -> int:
        """Number of the last batch whose records count, which is known here before it is in the position."""
        return max((each.taken for each in self._ledger.segments(kind).values()), default=0)

    def _rewritten(self, kind: Kind, files: Sequence[Path]) -> list[Written]:
        shutil.rmtree(self._work / "out", ignore_errors=True)
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._engine.rewrite(kind, files, self._work / "out") if files else []

    def _put(self, kind: Kind, written: Sequence[Written]) -> list[StoredFile]:
        """Objects that do not count yet; what is meant to become one is noted first, so that nothing is left behind."""
        now = time.time()
        keys = [key_of(kind, each) for each in written]
        self._meant.write_bytes(msgspec.json.encode([*self._unfinished(), *keys]))
        self._witness("meant")
        found: list[StoredFile] = []
        for key, each in zip(keys, written, strict=True):
            self._objects.put(key, each.path)
            self._witness("put")
            stored = file_of(key, each.path.stat().st_size, now)
            assert stored is not None
            found.append(stored)
        return found

    def _tidy(self) -> bool:
        now = time.time()
        for name in self._settings.kinds:
            kind = _KINDS[name]
            old = plan.next_rewrite(self._ledger.live_files(name), now, self._settings.tidiness, self._left_alone)
            if not old:
                continue
            try:
                written = self._rewritten(kind, self._fetched(old))
            except TooLargeError as error:
                log.warning("objects stay as they are: %s", error)
                self._left_alone |= {each.path for each in old}
                continue
            new = self._put(kind, written)
            self._witness("rewritten")
            self._ledger.replaced(old, new)
            self._witness("replaced")
            self._finish()
            return True
        return False

    def _fetched(self, files: Sequence[StoredFile]) -> list[Path]:
        folder = self._work / "in"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        found: list[Path] = []
        for number, each in enumerate(files):
            path = folder / f"{number}.parquet"
            if not self._objects.fetch(each.path, path):
                raise AwayError(f"{each.path} was deleted by somebody else")
            found.append(path)
        return found

    def _let_go(self) -> None:
        if time.monotonic() < self._let_go_at:
            return
        self._let_go_at = time.monotonic() + _LET_GO_SECONDS
        now = time.time()
        files = [each for kind in self._settings.kinds for each in self._ledger.live_files(kind)]
        gone = plan.to_let_go(files, now, self._settings.keeping)
        for kind in {each.kind for each in gone}:
            self._ledger.expired(kind, [each for each in gone if each.kind == kind])
        if retired := self._ledger.retired_before(now - self._settings.retired_seconds):
            self._objects.delete(retired)
            self._ledger.forget_files(retired)

    def _own(self) -> None:
        """Notes that the place is ours, before anything else is done there."""
        mark = self._settings.owner.encode()
        there = self._objects.get(OWNER)
        if there == mark or (there is None and self._objects.put_new(OWNER, mark)):
            return
        if not self._settings.take_over:
            raise AwayError("another platform writes there: take another prefix, or set take_over if that one is gone")
        known = self._ledger.every_path()
        found = [file_of(key, *facts) for key, facts in self._objects.sizes().items() if key not in known]
        for kind in self._settings.kinds:
            self._ledger.replaced([], [each for each in found if each is not None and each.kind == kind])
        self._objects.replace(OWNER, mark)

    def _unfinished(self) -> list[str]:
        try:
            return msgspec.json.decode(self._meant.read_bytes(), type=list[str])
        except (FileNotFoundError, msgspec.MsgspecError):
            return []

    def _finish(self) -> None:
        """Deletes objects that were begun, here or by a process that was killed, and do not count."""
        if unfinished := self._unfinished():
            known = self._ledger.every_path()
            self._objects.delete([each for each in unfinished if each not in known])
            self._meant.unlink(missing_ok=True)
        shutil.rmtree(self._work, ignore_errors=True)


def _together(batches: Sequence[Batch]) -> list[Batch]:
    """The first ones with at most so many records; at least one."""
    found: list[Batch] = []
    records = 0
    for each in batches:
        if found and records + each.records > MOST_RECORDS:
            break
        found.append(each)
        records += each.records
    return found
