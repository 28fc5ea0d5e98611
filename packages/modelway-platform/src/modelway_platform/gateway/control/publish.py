"""Publishes the route table: compiles what is declared and observed, and replaces the file the workers read.

A table that is unfit, or that cannot be compiled or written at the moment, is never published: the last good one stays.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from modelway.errors import ModelwayError
from modelway_platform.domain.access.token_issuer import TokenIssuerRecord
from modelway_platform.domain.records import ApiKeyRecord, Declared
from modelway_platform.domain.routing.endpoint import EndpointView
from modelway_platform.domain.table.compile_again import TableCompiler
from modelway_platform.domain.table.route_table import RouteTable
from modelway_platform.domain.table.split_table import SplitTable, split_table
from modelway_platform.store.changes import Changes
from modelway_platform.store.files.acknowledgements import Acknowledgement, read_acknowledgements
from modelway_platform.store.files.table_file import InvalidTableError, TableWriter, read_table

DEBOUNCE_SECONDS = 0.005
RETRY_SECONDS = 1.0
# How long a table waits for the word of the workers, and how often it is looked for.
CONFIRM_SECONDS = 5.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the publisher gets what it compiles; each is asked anew for every table.

    `endpoints` is told the number of the view it gave last.
    """

    declared: Callable[[], Declared]
    endpoints: Callable[[int], EndpointView]
    keys: Callable[[], Iterable[ApiKeyRecord]]
    next_number: Callable[[int], int]
    issuers: Callable[[], Iterable[TokenIssuerRecord]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherState:
    """What the publisher did, for status and metrics. `refusal` is empty while all is well.

    `confirmed` is the newest table that every worker which has a word has taken.
    """

    number: int = 0
    published: int = 0
    refused: int = 0
    refusal: str = ""
    confirmed: int = 0
    models: int = 0
    replicas: int = 0


def say_nothing(_: str) -> None:
    """For those who only look at the state."""


class Publisher:
    """Keeps the table file equal to what is declared and observed.

    Args:
        path: The table file; its content at start is the last good table.
        sources: What is compiled.
        on_refusal: Told, in words, whenever a table is refused for a reason that is news.
    """

    def __init__(self, path: Path, sources: Sources, on_refusal: Callable[[str], None] = say_nothing) -> None:
        self._path = path
        self._sources = sources
        self._on_refusal = on_refusal
        self._lock = threading.Lock()
        self._writer = TableWriter(path)
        self._table = last_table(path)
        self._compiler = TableCompiler(self._table)
        self._before: RouteTable | None = None
        self._refused: RouteTable | None = None
        self._at = 0.0
        self._split: SplitTable | None = split_table(self._table) if self._table is not None else None
        self._state = PublisherState()
        if self._table is not None:
            self._state = replace(self._state, number=self._table.number, **_sizes(self._table))

    @property
    def table(self) -> RouteTable | None:
        """The last good table; None before the first."""
        return self._table

    @property
    def state(self) -> PublisherState:
        """What was done so far."""
        return self._state

    def publish(self) -> bool:
        """Compile, and write if anything is different. Returns whether the file now says what is declared and observed."""
        with self._lock:
            try:
                written = self._publish()
            except Exception as error:  # noqa: BLE001 - whatever is wrong here, traffic goes on by the last good table
                reason = _reason(error)
                news = reason != self._state.refusal
                self._state = replace(self._state, refused=self._state.refused + 1, refusal=reason)
                if news:
                    self._on_refusal(reason)
                return False
            if written is not None:
                self._note(written)
            return True

    def confirm(self) -> bool:
        """Look for the workers' words on the newest table; returns whether all have taken it or it was taken back.

        One that any worker refuses is taken back: the one before it is published again, under a new number, and what was
        refused is not tried again until something is declared or observed differently.
        """
        with self._lock:
            words = read_acknowledgements(self._path.parent)
            number = self._state.number
            refused = next(
                (each for each in words if each.reason and each.number < number and each.at >= self._at), None
            )
            if refused is not None and self._before is not None:
                self._take_back(refused)
                return True
            if words and all(each.number >= number for each in words):
                self._state = replace(self._state, confirmed=number)
                return True
            return False

    def _take_back(self, word: Acknowledgement) -> None:
        bad, good = self._table, self._before
        assert bad is not None
        assert good is not None
        number = self._sources.next_number(bad.number)
        again = replace(good, number=number)
        self._split = split_table(again, self._split)
        self._writer.write(self._split)
        self._refused = bad
        reason = f"gateway worker {word.worker} refused table {bad.number}: {word.reason}; table {good.number} is back as {number}"
        self._note(again)
        self._before = None
        self._state = replace(self._state, refused=self._state.refused + 1, refusal=reason)
        self._on_refusal(reason)

    def _note(self, written: RouteTable) -> None:
        self._before, self._table, self._at = self._table, written, time.time()
        self._state = replace(
            self._state, number=written.number, published=self._state.published + 1, refusal="", **_sizes(written)
        )

    async def run(self, changes: Changes) -> None:
        """Publish now and after every change, for ever; cancel to stop."""
        loop = asyncio.get_running_loop()
        # A thread of its own: the shared ones may all be busy verifying packages.
        with ThreadPoolExecutor(1, "publisher") as thread:
            while True:
                seen = changes.number
                good = await loop.run_in_executor(thread, self.publish)
                ends = time.monotonic() + CONFIRM_SECONDS
                while self._state.confirmed < self._state.number and time.monotonic() < ends:
                    if await loop.run_in_executor(thread, self.confirm):
                        break
                    if await changes.wait(seen, LOOK_SECONDS) != seen:
                        break
                await changes.wait(seen, None if good else RETRY_SECONDS)
                await asyncio.sleep(DEBOUNCE_SECONDS)

    def _publish(self) -> RouteTable | None:
        table = self._table
        compiled = self._compiler.compile(
            self._sources.declared(),
            self._sources.endpoints(self._compiler.seen),
            self._sources.keys(),
            table.number if table is not None else 1,
            issuers=self._sources.issuers(),
        )
        if compiled == table and self._path.exists():
            self._state = replace(self._state, refusal="") if self._refused is None else self._state
            return None
        if self._refused is not None and replace(compiled, number=self._refused.number) == self._refused:
            return None
        self._refused = None
        numbered = replace(compiled, number=self._sources.next_number(table.number if table is not None else 0))
        split = split_table(numbered, self._split)
        self._writer.write(split)
        self._split = split
        return numbered


def last_table(path: Path) -> RouteTable | None:
    """The table a former process left; None without a readable one."""
    try:
        return read_table(path)
    except (OSError, InvalidTableError):
        return None


def _reason(error: Exception) -> str:
    match error:
        case ModelwayError():
            return error.message
        case OSError():
            return f"the table file cannot be written: {error.strerror}"
        case _:
            return f"the table cannot be compiled: {type(error).__name__}: {error}"


def _sizes(table: RouteTable) -> dict[str, int]:
    replicas = sum(len(version.replicas) for model in table.models for version in model.versions)
    return {"models": len(table.models), "replicas": replicas}
