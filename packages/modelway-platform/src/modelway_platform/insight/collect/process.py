"""The collector process: a turn every few seconds until told to stop; what fails is said once and tried again."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.holding import Holding
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.collect.state import CollectorState, KindState, write_state
from modelway_platform.insight.orders import orders_of, told
from modelway_platform.insight.spare_memory import give_back

if TYPE_CHECKING:
    from modelway_platform.insight.collect.collector import Collector

TURN_SECONDS = 4.0
LET_GO_EVERY = 15  # turns
_TIDY_AT_ONCE = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """What the process needs to know.

    Args:
        folder: The store.
        sources: What is collected.
        keeping: For how long.
        holding: What is kept for outputs; nothing unless given.
        lifeline: The reading end of a pipe whose end means that the supervisor is gone.
        turn_seconds: From the beginning of one turn to the next.
    """

    folder: Path
    sources: Sequence[Source]
    keeping: Keeping
    holding: Holding | None = None
    lifeline: int | None = None
    turn_seconds: float = TURN_SECONDS


def run(settings: CollectorSettings) -> None:
    """Collects until SIGTERM, SIGINT or the supervisor's end; then once more, and returns."""
    with orders_of(settings.lifeline) as orders:
        turns = _Turns(settings)
        try:
            while True:
                began = time.monotonic()
                turns.take()
                give_back()
                if told(orders, max(0.0, began + settings.turn_seconds - time.monotonic())):
                    break
            turns.take()
        finally:
            turns.close()


class _Turns:
    """The collector while it can be opened; opened anew after a failure, for nothing it knew may be true any more."""

    def __init__(self, settings: CollectorSettings) -> None:
        self._settings = settings
        self._folder = StoreFolder(settings.folder)
        self._collector: Collector | None = None
        self._failing = ""
        self._number = 0

    def take(self) -> None:
        """One turn; a failure is told in the log when it begins and when it ends."""
        try:
            if self._collector is None:
                if not self._anything():
                    return
                self._collector = self._open()
            self._turn(self._collector)
        except Exception as error:  # noqa: BLE001 - a full disk shows in many ways: OSError, DuckDB's own, SQLite's own
            self._failed(f"{type(error).__name__}: {error}")
        else:
            if self._failing:
                log.info("collecting again")
            self._failing = ""
        self._say()

    def close(self) -> None:
        if self._collector is not None:
            self._collector.close()
            self._collector = None

    def _turn(self, collector: "Collector") -> None:
        while collector.collect():
            pass
        self._number += 1
        if self._number % LET_GO_EVERY == 1:  # before what may fail: records are let go whatever becomes of the files
            collector.let_go()
        for _ in range(_TIDY_AT_ONCE):
            if not collector.tidy():
                break

    def _anything(self) -> bool:
        """DuckDB is large: it is loaded when the first record is there, not while the platform starts."""
        return self._folder.ledger.exists() or any(each.segments() for each in self._settings.sources)

    def _open(self) -> "Collector":
        from modelway_platform.insight.collect.collector import Collector  # noqa: PLC0415 - as `_anything` says

        return Collector(self._folder, self._settings.sources, self._settings.keeping, holding=self._settings.holding)

    def _failed(self, why: str) -> None:
        if not self._failing:
            log.warning("cannot collect, nothing is lost yet, trying again: %s", why)
        self._failing = why
        with suppress(Exception):  # whatever is wrong with it, the next turn has another
            self.close()
        self._collector = None

    def _say(self) -> None:
        kinds: dict[str, KindState] = {}
        with suppress(OSError, sqlite3.Error):
            if self._collector is not None:
                kinds = _states(self._collector, self._settings.sources)
            write_state(
                state_of(self._settings.folder), CollectorState(at=time.time(), failing=self._failing, kinds=kinds)
            )


def state_of(folder: Path) -> Path:
    """Where a store's collector says how it is."""
    return folder / "state.json"


def _states(collector: "Collector", sources: Sequence[Source]) -> dict[str, KindState]:
    """By kind, of all its sources together."""
    kinds: dict[str, list[Source]] = {}
    for each in sources:
        kinds.setdefault(each.kind.name, []).append(each)
    return {kind: _state_of(collector, kind, together) for kind, together in kinds.items()}


def _state_of(collector: "Collector", kind: str, sources: Sequence[Source]) -> KindState:
    ledger = collector.ledger
    files, counts = ledger.live_files(kind), ledger.counts(kind)
    taken = ledger.segments(kind)
    behind = 0
    for path in (path for source in sources for path in source.segments()):
        with suppress(OSError):
            known = taken.get(path)
            behind += max(0, path.stat().st_size - (known.taken if known else 0))
    return KindState(
        records=counts.records,
        set_aside=counts.set_aside,
        expired=counts.expired,
        files=len(files),
        size=sum(each.size for each in files),
        latest=max((each.last for each in files), default=0.0),
        behind=behind,
    )
