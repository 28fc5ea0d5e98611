"""Everything goes over, from each kind of database to each, or nothing does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.full_tables import content, fill
from sqlalchemy import event, insert, select, text, update

from modelway.errors import ConflictError, ModelwayError
from modelway_platform.domain.access.audit_entry import AuditQuery
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.store import migrate, schema
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.copy_database import BATCH, copy_database, rows_by_table
from modelway_platform.store.database import NEWEST_MIGRATION, Database
from modelway_platform.store.declared.events import Events
from modelway_platform.store.sharing.leases import Lease

Pair = tuple[Database, Database]


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, sqlite_place: Path) -> Iterator[Pair]:
    """A migrated source and a target without tables."""
    kind = request.param
    source: Path | str = sqlite_place
    target: Path | str = tmp_path / "copy.db"
    if kind == "sqlite to postgresql":
        target = request.getfixturevalue("empty_postgres")
    elif kind == "postgresql to sqlite":
        source = request.getfixturevalue("postgres_place")
    with Database.open(source) as old, Database.at(target) as new:
        yield old, new


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    with database.read() as connection:
        return content(connection)


def filled(database: Database) -> None:
    with database.write(quiet=True) as connection:
        fill(connection)
        connection.execute(update(schema.control_leases).values(expires_at=0.0))


def test_every_table_goes_over_row_by_row(pair: Pair) -> None:
    source, target = pair
    filled(source)
    before = everything(source)
    assert set(before) == set(schema.metadata.tables), "rows in every table there is"
    assert all(len(rows) == 3 for rows in before.values())
    told: dict[str, list[tuple[int, int]]] = {}
    copied = copy_database(source, target, lambda table, done, total: told.setdefault(table, []).append((done, total)))
    assert everything(target) == before == everything(source)
    assert {each.name: each.rows for each in copied} == dict.fromkeys(schema.metadata.tables, 3)
    assert told == {name: [(0, 3), (3, 3)] for name in schema.metadata.tables}
    assert target.migration() == NEWEST_MIGRATION
    assert rows_by_table(target) == dict.fromkeys(schema.metadata.tables, 3)


def test_there_and_back_it_is_the_same(pair: Pair, tmp_path: Path) -> None:
    source, target = pair
    filled(source)
    there = copy_database(source, target)
    with Database.at(tmp_path / "back.db") as back:
        assert copy_database(target, back) == there
        assert everything(back) == everything(source)


def test_the_platform_goes_on_in_the_copy(pair: Pair) -> None:
    source, target = pair
    keys = Keys(source)
    _, secret = keys.create(KeySpec(name="nightly", role="caller"))
    Events(source).add("Route", "a/b", "Warning", "Crashed", "last words: \0!")
    with source.write() as connection:
        rows = [{"name": f"n{number:05}", "value": number} for number in range(2 * BATCH + 1)]
        connection.execute(insert(schema.counters), rows)
    copy_database(source, target)
    assert Keys(target).find(secret) is not None
    Keys(target).create(KeySpec(name="another", role="caller"))  # its number in the audit log is a new one
    assert [each.number for each in Audit(target).following(AuditQuery())] == [1, 2]
    Events(target).add("Route", "a/b", "Normal", "Ready", "text")
    assert [each.message for each in Events(target).list("Route", "a/b")] == [
        "last words: \N{REPLACEMENT CHARACTER}!",
        "text",
    ]
    assert rows_by_table(target)["counters"] == 2 * BATCH + 1


def test_what_is_not_empty_is_left_alone(pair: Pair) -> None:
    source, target = pair
    filled(source)
    target.migrate()
    Keys(target).create(KeySpec(name="mine", role="admin"))
    before = everything(target)
    with pytest.raises(ConflictError, match="not empty"):
        copy_database(source, target)
    assert everything(target) == before


@pytest.mark.parametrize("which", [0, 1])
def test_only_between_databases_of_this_shape(pair: Pair, which: int) -> None:
    pair[1].migrate()
    with pair[which].write(quiet=True) as connection:
        migrate.downgrade(connection, "promotions")
    with pytest.raises(ConflictError, match="promotions"):
        copy_database(*pair)


def test_nobody_leads_on_what_is_copied(pair: Pair) -> None:
    source, target = pair
    lease = Lease(source, "leader", "a", 60)
    term = lease.take()
    assert term
    with pytest.raises(ConflictError, match="a control process uses"):
        copy_database(source, target)
    lease.release(term)
    assert len(copy_database(source, target)) == len(schema.metadata.tables)


def spoiling(target: Database) -> Callable[[str, int, int], None]:
    """Changes one row of what was copied, as a server that keeps something else than it was told would."""
    engine: Any = target._engine._engine  # type: ignore[attr-defined]
    connections: list[Any] = []
    event.listen(engine, "begin", connections.append)

    def told(table: str, done: int, total: int) -> None:
        if table == "keys" and done == total:
            connections[-1].execute(text("UPDATE keys SET name = name || '!' WHERE id = (SELECT min(id) FROM keys)"))

    return told


def test_a_copy_that_differs_does_not_count(pair: Pair) -> None:
    source, target = pair
    filled(source)
    target.migrate()
    with pytest.raises(ModelwayError, match="keys: the copy is not what was read"):
        copy_database(source, target, spoiling(target))
    assert set(rows_by_table(target).values()) == {0}


def test_cut_off_it_leaves_nothing_and_is_begun_again(pair: Pair) -> None:
    source, target = pair
    filled(source)

    def cut(table: str, done: int, total: int) -> None:
        if table == schema.metadata.sorted_tables[-1].name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_database(source, target, cut)
    assert set(rows_by_table(target).values()) == {0}
    with source.write() as connection:  # and nobody is kept from the source
        connection.execute(select(schema.counters))
    copy_database(source, target)
    assert everything(target) == everything(source)
