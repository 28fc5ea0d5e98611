"""R16: eight writers at once, in any order: no update is lost, revisions go up by one, going back gives the very octets, a watch never does."""

import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from sqlalchemy import select

from modelway.errors import ConflictError, ModelwayError, NotFoundError
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents

WRITERS = 8
PROCESSES = 4  # so many databases are opened: writers of one share its connections, as in one control process
Action = Literal["set", "set if unchanged", "delete if unchanged", "undo", "undo if unchanged"]
ACTIONS: tuple[Action, ...] = (
    "set",
    "set if unchanged",
    "set if unchanged",
    "delete if unchanged",
    "undo",
    "undo if unchanged",
)
_numbers = itertools.count()


@dataclass(frozen=True)
class Edit:
    """What a writer does to one of two routes; `value` is what it sets, or how many revisions it goes back."""

    action: Action
    route: int
    value: int


EDITS = st.builds(Edit, st.sampled_from(ACTIONS), st.integers(0, 1), st.integers(1, 4))


@dataclass(frozen=True)
class Done:
    """An edit that was acknowledged with a new revision.

    `expected` is the revision it was made on, if it insisted on one; `target` the one it went back to, if it did.
    """

    name: str
    revision: int
    expected: int | None = None
    target: int | None = None


@dataclass
class Watch:
    """Follows the documents by number while others write."""

    documents: Documents
    seen: list[tuple[int, str, int]] = field(default_factory=list[tuple[int, str, int]])
    since: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        while not self._stop.is_set():
            self.look()

    def look(self) -> None:
        _, rows = self.documents.changed_after(self.since, 100)
        for row in rows:
            self.seen.append((row.sequence, row.name, row.revision))
            self.since = row.sequence

    def stop(self) -> None:
        self._stop.set()


class Edits(RuleBasedStateMachine):
    """One history: rounds in which all eight write at once."""

    databases: ClassVar[Sequence[Database]]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        self.keys = [ModelKey(f"p{number}", name) for name in ("a", "b")]
        self.writers = [Documents(self.databases[index % PROCESSES]) for index in range(WRITERS)]
        newest, _ = self.writers[0].changed_after(0, 1)
        self.watch = Watch(Documents(self.databases[0]), since=newest)
        self.done: list[Done] = []
        self.counts["histories"] += 1

    @rule(programs=st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=WRITERS, max_size=WRITERS))
    def all_write(self, programs: list[list[Edit]]) -> None:
        failures: list[BaseException] = []
        together = threading.Barrier(WRITERS)

        def write(documents: Documents, program: list[Edit]) -> None:
            together.wait()
            for edit in program:
                try:
                    done = self._edit(documents, edit)
                except (ConflictError, NotFoundError) as refusal:
                    self.counts[type(refusal).__name__] += 1
                    continue
                except ModelwayError as refusal:
                    # SQLite's lock is not fair: on a busy machine a writer may not get it in time, and is told so.
                    if refusal.error_code != "overloaded":
                        failures.append(refusal)
                        return
                    self.counts["kept_waiting"] += 1
                    continue
                except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
                    failures.append(error)
                    return
                if done is not None:
                    self.done.append(done)
                    self.counts["changes"] += 1

        watching = threading.Thread(target=self.watch.follow)
        threads = [threading.Thread(target=write, args=pair) for pair in zip(self.writers, programs, strict=True)]
        for thread in (watching, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        self.watch.stop()
        watching.join()
        self.watch = replace(self.watch, _stop=threading.Event())
        assert failures == []

    def _edit(self, documents: Documents, edit: Edit) -> Done | None:
        key = self.keys[edit.route]
        name = str(key)
        known = documents.get_route(key)
        at = known.revision if known is not None else 0
        route = Route(key=key, versions=(VersionWeight(version="v1", weight=1),), max_body_bytes=edit.value)
        match edit.action:
            case "set":
                applied = documents.apply_route(route)
                return None if applied.action == "unchanged" else Done(name, applied.revision)
            case "set if unchanged":
                applied = documents.apply([route], author="w", expected={("Route", name): at})[0]
                return None if applied.action == "unchanged" else Done(name, applied.revision, at or None)
            case "delete if unchanged":
                return Done(name, documents.delete("Route", str(key), expected_revision=at), at)
            case "undo" | "undo if unchanged":
                expected = at if edit.action == "undo if unchanged" else None
                target = max(at - edit.value, 1)
                undone = documents.undo("Route", name, target, expected_revision=expected)
                return None if undone.action == "unchanged" else Done(name, undone.revision, expected, target)

    @invariant()
    def every_acknowledged_change_is_a_revision_of_its_own_and_nothing_else_is(self) -> None:
        for key in self.keys:
            made = sorted(each.revision for each in self.done if each.name == str(key))
            assert made == list(range(1, len(made) + 1))
            assert [each.number for each in self.writers[0].revisions("Route", str(key))] == made

    @invariant()
    def who_insisted_on_a_revision_changed_that_one(self) -> None:
        for each in self.done:
            assert each.expected is None or each.revision == each.expected + 1, each

    @invariant()
    def going_back_gives_the_very_octets(self) -> None:
        for each in self.done:
            if each.target is not None:
                assert self._octets(each.name, each.revision) == self._octets(each.name, each.target)

    @invariant()
    def a_watch_goes_forward_and_ends_where_the_documents_are(self) -> None:
        self.watch.look()
        numbers = [sequence for sequence, _, _ in self.watch.seen]
        assert numbers == sorted(set(numbers))
        for key in self.keys:
            revisions = [revision for _, name, revision in self.watch.seen if name == str(key)]
            assert revisions == sorted(revisions)
            made = [each.revision for each in self.done if each.name == str(key)]
            assert not made or revisions[-1] == max(made)

    def _octets(self, name: str, revision: int) -> bytes:
        table = schema.revisions
        query = select(table.c.document).where(table.c.name == name, table.c.number == revision)
        with self.databases[0].read() as connection:
            return str(connection.execute(query).scalar_one()).encode()


@pytest.mark.timeout(3600)
def test_eight_writers(place: Path | str, figure: Figure) -> None:
    with ExitStack() as stack:

        class Here(Edits):
            databases: ClassVar[Sequence[Database]] = [
                stack.enter_context(Database.open(place)) for _ in range(PROCESSES)
            ]
            counts: ClassVar[Counter[str]] = Counter()

        run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType] - its settings are untyped
            Here,
            settings=settings(
                max_examples=pick(4, 1000),
                stateful_step_count=pick(2, 3),
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
                print_blob=True,
            ),
        )
        counts: dict[str, Any] = dict(Here.counts)
        assert counts["changes"] > 8
    figure(
        "R16",
        lost=0,
        engine="postgresql" if isinstance(place, str) else "sqlite",
        **{name.replace("Error", "s").lower(): number for name, number in counts.items()},
    )
