"""Migrations, on each kind of database: from every earlier shape up and down again, with data in all tables."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from journeys.full_tables import content, fill
from sqlalchemy import (
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.store import migrate, schema
from modelway_platform.store.database import NEWEST_MIGRATION, Database
from modelway_platform.store.declared.documents import Documents

SCRIPTS = ScriptDirectory.from_config(migrate.configuration())
SHAPES = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    sqlite = request.param == "sqlite"
    with Database(
        f"sqlite:///{tmp_path / 'modelway.db'}" if sqlite else request.getfixturevalue("empty_postgres")
    ) as made:
        yield made


def bring_to(database: Database, shape: str) -> None:
    with database.write(quiet=True) as connection:
        command.upgrade(migrate.configuration(connection), shape)


def back_to(database: Database, shape: str) -> None:
    with database.write(quiet=True) as connection:
        migrate.downgrade(connection, shape)


def is_part(old: dict[str, list[dict[str, Any]]], new: dict[str, list[dict[str, Any]]]) -> bool:
    """Whether everything of `old` is in `new`, whatever columns and tables that has beside it."""
    return all(
        len(rows) == len(new[name])
        and all(row.items() <= other.items() for row, other in zip(rows, new[name], strict=True))
        for name, rows in old.items()
    )


def test_migrations_make_exactly_the_declared_tables(empty: Database) -> None:
    empty.migrate()
    with empty.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    bad = insert(schema.keys).values(id="k", name="n", role="king", prefix="", sha256="", created_at=0)
    with pytest.raises(IntegrityError), empty.write() as connection:
        connection.execute(bad)


def test_the_newest_migration_is_the_one_repeated_in_the_code() -> None:
    assert SCRIPTS.get_current_head() == NEWEST_MIGRATION


@pytest.mark.parametrize("shape", SHAPES)
def test_up_from_every_shape_with_data_and_back_again(empty: Database, shape: str) -> None:
    bring_to(empty, shape)
    with empty.write() as connection:
        fill(connection)
        before = content(connection)
    empty.migrate()
    with empty.read() as connection:
        after = content(connection)
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    assert is_part(before, after)
    back_to(empty, shape)
    with empty.read() as connection:
        assert content(connection) == before
    assert empty.migration() == shape
    empty.migrate()
    with empty.read() as connection:
        assert content(connection).keys() == after.keys()


def described(database: Database) -> dict[tuple[str, str], tuple[str, bool, bool]]:
    """Of each column: its type, and whether a row may come without it, by leave or by a default."""
    with database.read() as connection:
        seen = inspect(connection)
        return {
            (table, column["name"]): (str(column["type"]), bool(column["nullable"]), column["default"] is not None)
            for table in seen.get_table_names()
            for column in seen.get_columns(table)
        }


def test_each_step_leaves_the_version_before_it_at_work(empty: Database) -> None:
    """Two versions share a database while one replaces the other (docs/databases.md): a step only adds."""
    bring_to(empty, SHAPES[0])
    for shape in SHAPES[1:]:
        before = described(empty)
        bring_to(empty, shape)
        after = described(empty)
        assert {column: after.get(column) for column in before} == before, f"{shape} changes what was there"
        tables = {table for table, _ in before}
        for (table, column), (_, nullable, default) in after.items():
            new = table in tables and (table, column) not in before
            assert not new or nullable or default, (
                f"{shape}: the version before it cannot write {table} without {column}"
            )


def test_documents_of_a_kind_to_come_are_passed_over(database: Database) -> None:
    documents = Documents(database)
    documents.apply_route(Route(key=ModelKey("vision", "digits"), versions=(VersionWeight(version="v1", weight=1),)))
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE documents DROP CONSTRAINT documents_kind"))
        else:
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        values = {"kind": "Workflow", "name": "a", "revision": 1, "document": "{}", "created_at": 0, "updated_at": 0}
        connection.execute(insert(schema.documents).values(sequence=2, **values))
    assert [each.key for each in documents.list_routes()] == [ModelKey("vision", "digits")]
    assert documents.declared().deployments == ()


def test_all_the_way_down_with_data_of_the_newest_shape(empty: Database) -> None:
    empty.migrate()
    with empty.write() as connection:
        fill(connection)
    for shape in reversed(SHAPES[:-1]):
        back_to(empty, shape)
        assert empty.migration() == shape
    with empty.read() as connection:
        assert len(content(connection)["documents"]) == 3
        assert len(content(connection)["revisions"]) == 3
    empty.migrate()
    with empty.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.revisions)).scalar_one() == 3
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_what_an_older_shape_does_not_know_goes_with_its_history(empty: Database) -> None:
    empty.migrate()
    with empty.write() as connection:
        for kind in ("Route", "Cluster"):
            shared = {"kind": kind, "name": "a", "document": "{}", "created_at": 0}
            connection.execute(insert(schema.documents).values(revision=1, updated_at=0, **shared))
            connection.execute(insert(schema.revisions).values(number=1, author="x", cause="apply", **shared))
    back_to(empty, "gateway_role")
    with empty.read() as connection:
        for table in ("documents", "revisions"):
            assert connection.execute(text(f"SELECT kind FROM {table}")).scalars().all() == ["Route"]


def test_rows_get_numbers_to_be_followed_by(empty: Database) -> None:
    """Of before there were any: each its own."""
    bring_to(empty, "holds")
    with empty.write() as connection:
        for name, moment in (("c", 1), ("a", 2), ("b", 2)):
            statement = "INSERT INTO documents VALUES ('Route', :name, 1, '{}', NULL, 0, :moment, 0, 0)"
            connection.execute(text(statement), {"name": name, "moment": moment})
    empty.migrate()
    with empty.read() as connection:
        rows = connection.execute(text("SELECT name FROM documents ORDER BY sequence")).scalars().all()
        numbers = connection.execute(text("SELECT sequence FROM documents ORDER BY sequence")).scalars().all()
    assert rows == ["c", "a", "b"]
    assert numbers == [1, 2, 3]


def test_names_come_in_the_order_of_their_code_points(empty: Database) -> None:
    empty.migrate()
    names = ["_", "Z", "a", "a-b", "a.c", "ab", "é", "\N{GRINNING FACE}"]
    with empty.write() as connection:
        for name in reversed(names):
            connection.execute(insert(schema.counters).values(name=name, value=1))
    with empty.read() as connection:
        found = connection.execute(select(schema.counters.c.name).order_by(schema.counters.c.name)).scalars().all()
    assert found == sorted(names)


def test_two_that_migrate_at_once_do_it_once(empty_postgres: str) -> None:
    failures: list[BaseException] = []

    def migrate_it() -> None:
        try:
            Database.open(empty_postgres).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=migrate_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Database(empty_postgres) as database, database.read() as connection:
        assert "documents" in inspect(connection).get_table_names()
        assert database.migration() == NEWEST_MIGRATION
