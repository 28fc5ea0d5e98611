"""What a pass writes together: in order, bounded, one that cannot be kept without loss of the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway_platform.deploy.reconcile.batches import BATCH, write_in_batches
from modelway_platform.deploy.reconcile.pass_book import EventBook, StatusBook
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events, Happened
from modelway_platform.store.engines.engine import DatabaseUnavailableError

KEYS = tuple(VersionKey("vision", f"m{number}", "v1") for number in range(BATCH + 20))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "modelway.db") as opened:
        yield opened


@dataclass
class Kept:
    """All or nothing, as a transaction; some numbers cannot be kept."""

    broken: Callable[[int], Exception | None] = lambda _: None
    numbers: list[int] = field(default_factory=list[int])
    calls: list[int] = field(default_factory=list[int])

    def write(self, batch: Sequence[int]) -> None:
        self.calls.append(len(batch))
        for each in batch:
            if error := self.broken(each):
                raise error
        self.numbers += batch


async def test_in_bounded_batches_and_in_order() -> None:
    kept = Kept()
    assert await write_in_batches(kept.write, range(25), str, most=10) == ()
    assert kept.numbers == list(range(25))
    assert kept.calls == [10, 10, 5]


async def test_one_that_cannot_be_kept_does_not_lose_the_others(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(lambda each: ValueError("surrogates") if each in {3, 17} else None)
    assert await write_in_batches(kept.write, range(25), lambda each: f"number {each}", most=10) == (3, 17)
    assert kept.numbers == [each for each in range(25) if each not in {3, 17}]
    assert len(kept.calls) <= 3 + 2 * 8, "halved, not one by one"
    assert [record.what for record in caplog.records if hasattr(record, "what")] == ["number 3", "number 17"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailableError("it is away", hint="try again"),
        ModelwayError("the disk is full", hint="free some", code="storage_full"),
    ],
)
async def test_what_concerns_all_is_said_once(error: ModelwayError) -> None:
    kept = Kept(lambda each: error if each == 12 else None)
    with pytest.raises(type(error)):
        await write_in_batches(kept.write, range(25), str, most=10)
    assert kept.numbers == list(range(10)), "what was written before stays"
    assert kept.calls == [10, 10]


async def test_events_are_written_once_whatever_becomes_of_the_rest(database: Database) -> None:
    away = True

    class Leaving(Events):
        def add_all(self, happened: Sequence[Happened]) -> None:
            if away and happened[0].name != str(KEYS[0]):
                raise DatabaseUnavailableError("it is away", hint="try again")
            super().add_all(happened)

    events = Leaving(database)
    book = EventBook(events, lambda: 5.0)
    for key in KEYS:
        book.note(key, "Normal", "ReplicaStarted", "r1")
    assert book.is_due()
    with pytest.raises(DatabaseUnavailableError):
        await book.flush()
    away = False
    await book.flush()
    await book.flush()
    for key in KEYS:
        assert [(each.count, each.first_at) for each in events.list("Deployment", str(key))] == [(1, 5.0)]


async def test_each_status_is_a_change_of_its_own(database: Database) -> None:
    notified: list[None] = []
    documents = Documents(database, lambda: notified.append(None))
    documents.apply([Deployment(key=key, package="sha256:" + "a" * 64) for key in KEYS[:-1]], author="a")
    before, _ = documents.changed_after(0, 1)
    notified.clear()
    book = StatusBook(documents)
    for key in KEYS:  # the last is not declared any more
        book.note(key, DeploymentStatus(phase=Phase.READY))
    assert await book.flush()
    newest, rows = documents.changed_after(before, len(KEYS))
    assert [row.name for row in rows] == [str(key) for key in KEYS[:-1]], "in the order of the pass"
    assert [row.sequence for row in rows] == list(range(before + 1, newest + 1))
    assert len(notified) == 2, "watchers are woken once per transaction"
    assert all(record.status.phase is Phase.READY for record in documents.list_deployments())
    assert await book.flush()
    assert documents.changed_after(newest, 1) == (newest, [])
