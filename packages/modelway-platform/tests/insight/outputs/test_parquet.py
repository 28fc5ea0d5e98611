"""The Parquet output: each record once whatever is killed, few objects, old ones let go, and questions that see all of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pytest
from journeys.output_destinations import InBucket, InFolder

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.domain.verdicts.record_query import Exported, RecordQuery
from modelway_platform.insight.collect.plan import Keeping, Tidiness
from modelway_platform.insight.outputs.parquet.elsewhere import Archive, BroughtBack
from modelway_platform.insight.outputs.parquet.keys import file_of, own_ledger
from modelway_platform.insight.outputs.receiver import AwayError
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.query.export import Exporter

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from conftest import Store

    from modelway_platform.insight.outputs.parquet.output import ParquetOutput

HOUR = 3600.0


@pytest.fixture
def bucket(tmp_path: Path) -> Generator[InBucket]:
    made = InBucket(tmp_path)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> InFolder:
    return InFolder(tmp_path)


def drain(output: ParquetOutput) -> None:
    while output.turn():
        pass


class Killed(BaseException):
    """Nothing after it happens in that process."""


POINTS = [("meant", 1), ("put", 2), ("counted", 2), ("rewritten", 1), ("replaced", 1)]


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_killed_anywhere_each_record_is_there_once_and_nothing_else(
    store: Store, folder: InFolder, point: str, nth: int
) -> None:
    seen = 0

    def witness(where: str) -> None:
        nonlocal seen
        seen += where == point
        if where == point and seen == nth:
            raise Killed

    ids: list[str] = []
    delivering = store.delivering(kinds=("access", "inference"))
    died = False
    for _ in range(3):
        ids += store.batch(5) + store.batch(5, "inference") + store.batch(5, project="sound")
        output = folder.open_as(delivering, witness=witness, tidiness=Tidiness(hour_files=2), retired_seconds=-1.0)
        try:
            drain(output)
        except Killed:
            died = True
        output.close()
    assert died
    output = folder.open_as(delivering, tidiness=Tidiness(hour_files=2), retired_seconds=-1.0)
    drain(output)
    assert sorted(folder.received()) == sorted(ids)
    assert folder.files() == folder.counted()
    state = output.state()
    assert sum(state.sent.values()) == len(ids)
    assert state.more["modelway_output_objects"] == len(folder.counted())
    output.close()


def test_small_objects_are_put_together_and_the_old_ones_go(store: Store, bucket: InBucket) -> None:
    ids: list[str] = []
    for _ in range(4):
        ids += store.batch(3) + store.batch(2, project="sound")
        output = bucket.open_as(store.delivering(), tidiness=Tidiness(hour_files=1000, settle_seconds=1e12))
        drain(output)
        output.close()
    assert len(bucket.counted()) == 8
    output = bucket.open_as(store.delivering(), retired_seconds=1e6)
    drain(output)
    assert len(bucket.counted()) == 2  # the hour is over long since
    assert len(bucket.files()) == 10  # whoever reads the old ones may end
    output.close()
    output = bucket.open_as(store.delivering(), retired_seconds=-1.0)
    drain(output)
    assert bucket.files() == bucket.counted()
    assert sorted(bucket.received()) == sorted(ids)
    output.close()


def test_records_wait_until_there_are_enough_of_them_for_an_object(store: Store, folder: InFolder) -> None:
    ids = store.batch(3)
    output = folder.open_as(store.delivering(), every=3600.0)
    drain(output)
    assert folder.counted() == []
    assert output.state().waiting == 3
    output.close()
    output = folder.open_as(store.delivering(), every=0.0)
    drain(output)
    assert folder.received() == ids
    output.close()


def test_old_records_are_let_go_there_by_their_own_rule(store: Store, folder: InFolder) -> None:
    store.batch(3)
    output = folder.open_as(store.delivering(), keeping=Keeping(seconds=60, octets=1 << 50), retired_seconds=-1.0)
    drain(output)
    output.close()
    output = folder.open_as(store.delivering(), keeping=Keeping(seconds=60, octets=1 << 50), retired_seconds=-1.0)
    drain(output)
    assert folder.files() == folder.counted() == []
    assert output.state().more["modelway_output_expired_records_total"] == 3
    output.close()


def test_another_platforms_objects_are_not_touched_unless_they_are_taken_over(store: Store, folder: InFolder) -> None:
    ids = store.batch(3)
    output = folder.open_as(store.delivering(), owner="gone")
    drain(output)
    output.close()
    with pytest.raises(AwayError, match="another platform"):
        folder.open_as(store.delivering("new"), own="new")
    ids += store.batch(2)
    output = folder.open_as(store.delivering("new"), own="new", take_over=True)
    drain(output)
    folder.own = folder.root / "new"
    # The new platform has sent what its own store still had; what only the old one had sent is known, too.
    assert set(folder.received()) == set(ids)
    assert set(folder.files()) >= set(folder.counted())
    output.close()
    with pytest.raises(AwayError, match="another platform"):  # who comes back does not undo it
        folder.open_as(store.delivering(), owner="gone")


def test_names_in_records_choose_no_place(store: Store, folder: InFolder) -> None:
    for project in ("../../up", "a/b", "", "x" * 70, "A%2f"):
        store.append(1, project=project)
    store.collect()
    output = folder.open_as(store.delivering())
    drain(output)
    assert {each.split("/")[1] for each in folder.counted()} == {"project=_"}
    assert len(folder.received()) == 5
    output.close()
    for bad in ("access/project=../date=2025-01-01/hour=00/1-1-1-1-" + "0" * 32 + ".parquet", "modelway-owner", "x"):
        assert file_of(bad, 1, 1.0) is None


class Asked:
    """A platform whose own store has let old records go, with a question to both."""

    def __init__(self, store: Store, place: InFolder | InBucket, most_bytes: int = 1 << 30) -> None:
        archive = Archive(ledger=own_ledger(place.own), open=place.objects, most_bytes=most_bytes)
        self.cache = place.root / "cache"
        self.elsewhere = BroughtBack(self.cache, lambda: archive)
        self.desk = QueryDesk(store.root, elsewhere=self.elsewhere)

    def rows(self, sql: str, since: float = 0.0) -> list[Any]:
        answer = self.desk.query(RecordQuery(sql=sql, since=since), abandoned=lambda: False)
        return msgspec.json.decode(answer)["rows"]


def let_go(store: Store, keep: float) -> None:
    """Records are let go that are older than so many seconds before the last."""
    last = store.start + 10 * HOUR
    collector = store.collector(
        Keeping(seconds=time.time() - last + keep, octets=1 << 50), tidiness=Tidiness(recent_files=1)
    )
    while collector.tidy():
        pass
    collector.let_go()
    collector.close()


def spread(store: Store) -> list[str]:
    """Records over ten hours, those of a later hour in a batch with some of an earlier one."""
    ids: list[str] = []
    for hour in range(10):
        for late in (0, 1):
            ids += store.append(3, time=store.start + (hour - late * (hour > 0)) * HOUR + 10 + hour)
        store.collect()
    return ids


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_questions_see_each_record_once_wherever_it_is(store: Store, kind: str, request: pytest.FixtureRequest) -> None:
    place: InFolder | InBucket = request.getfixturevalue(kind)
    ids = spread(store)
    output = place.open_as(store.delivering())
    drain(output)
    output.close()
    asked = Asked(store, place)
    sql = "SELECT request_id FROM access ORDER BY request_id"
    assert [each for (each,) in asked.rows(sql)] == sorted(ids)
    assert not asked.cache.exists()  # all of it was here
    let_go(store, keep=4.5 * HOUR)
    here = QueryDesk(store.root).query(RecordQuery(sql=sql), abandoned=lambda: False)
    assert 0 < len(msgspec.json.decode(here)["rows"]) < len(ids)
    assert [each for (each,) in asked.rows(sql)] == sorted(ids)
    recent = asked.rows("SELECT count(*) FROM access", since=store.start + 9 * HOUR)
    assert recent == [[6 - 3]]
    place.leave()  # what was brought back is here
    assert [each for (each,) in asked.rows(sql)] == sorted(ids)
    place.come_back()


def test_what_cannot_be_brought_back_is_said(store: Store, bucket: InBucket) -> None:
    spread(store)
    output = bucket.open_as(store.delivering())
    drain(output)
    output.close()
    let_go(store, keep=4.5 * HOUR)
    bucket.leave()
    with pytest.raises(UnavailableError, match="older records cannot be had"):
        Asked(store, bucket).rows("SELECT 1 FROM access")
    bucket.come_back()
    with pytest.raises(ModelwayError, match="cache_gib") as caught:
        Asked(store, bucket, most_bytes=100).rows("SELECT 1 FROM access")
    assert caught.value.error_code == "query_too_costly"
    for key in bucket.counted():
        bucket.objects().delete([key])
    with pytest.raises(UnavailableError, match="not there any more"):
        Asked(store, bucket).rows("SELECT 1 FROM access")


def test_a_question_reaches_nothing_of_the_bucket_but_what_was_brought(store: Store, bucket: InBucket) -> None:
    spread(store)
    output = bucket.open_as(store.delivering())
    drain(output)
    output.close()
    let_go(store, keep=4.5 * HOUR)
    asked = Asked(store, bucket)
    with pytest.raises(ModelwayError, match="out of reach"):
        asked.rows(f"SELECT * FROM read_text('{own_ledger(bucket.own)}')")
    with pytest.raises(ModelwayError):
        asked.rows(f"SELECT * FROM read_parquet('s3://{bucket.bucket}/all/{bucket.counted()[0]}')")


def test_a_data_set_has_older_records_too(store: Store, folder: InFolder) -> None:
    for hour in range(10):
        store.batch(2, "inference", time=store.start + hour * HOUR, fields={"label": hour})
    output = folder.open_as(store.delivering(kinds=("inference",)))
    drain(output)
    output.close()
    let_go(store, keep=4.5 * HOUR)
    exporter = Exporter(store.root, elsewhere=Asked(store, folder).elsewhere)
    wanted = Exported(project="vision", model="digits", since=0.0)
    with exporter.export(wanted, abandoned=lambda: False) as path, duckdb.connect() as database:
        row = database.execute(
            "SELECT count(*), count(DISTINCT request_id) FROM read_parquet(?)", [str(path)]
        ).fetchone()
    assert row == (20, 20)
