"""What is particular to PostgreSQL: how it is asked, and what is said when the server is not what it should be."""

import contextvars
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator

import psycopg
import pytest
from journeys.postgres_server import Postgres, running_postgres
from sqlalchemy import insert, make_url, select, text

from modelway.errors import ModelwayError
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.engines.call_deadline import answered_within
from modelway_platform.store.engines.postgres_engine import PostgresEngine

ROUTE = Route(key=ModelKey("a", "b"), versions=(VersionWeight(version="v1", weight=1),))


def setting(database: Database, name: str, *, write: bool = False) -> object:
    with database.write() if write else database.read() as connection:
        return connection.execute(text(f"SHOW {name}")).scalar_one()


def test_what_is_acknowledged_is_on_the_servers_disk(postgres_place: str) -> None:
    with psycopg.connect(postgres_place, autocommit=True) as connection:
        name = connection.execute("SELECT current_database()").fetchone()
        assert name is not None
        connection.execute(f"ALTER DATABASE {name[0]} SET synchronous_commit = off".encode())
    with Database.open(postgres_place) as database:
        assert setting(database, "synchronous_commit", write=True) == "on"


def test_a_server_that_waits_for_more_than_its_own_disk_is_left_alone(postgres_place: str) -> None:
    with psycopg.connect(postgres_place, autocommit=True) as connection:
        name = connection.execute("SELECT current_database()").fetchone()
        assert name is not None
        connection.execute(f"ALTER DATABASE {name[0]} SET synchronous_commit = remote_apply".encode())
    with Database.open(postgres_place) as database:
        assert setting(database, "synchronous_commit", write=True) == "remote_apply"


def test_reads_see_one_state_and_write_nothing(postgres_database: Database) -> None:
    assert setting(postgres_database, "transaction_isolation") == "repeatable read"
    assert setting(postgres_database, "transaction_isolation", write=True) == "read committed"
    with pytest.raises(ModelwayError), postgres_database.read() as connection:
        connection.execute(insert(schema.counters).values(name="x", value=1))


def test_texts_the_server_cannot_hold_are_kept_without_what_it_cannot(postgres_database: Database) -> None:
    events = Events(postgres_database)
    events.add("Route", "a/b", "Warning", "Crashed", "last words: \0\0!")
    assert [each.message for each in events.list("Route", "a/b")] == [
        "last words: \N{REPLACEMENT CHARACTER}" * 1 + "\N{REPLACEMENT CHARACTER}!"
    ]
    assert events.list("Route", "a\0b") == []


def test_writers_take_turns_over_processes(postgres_place: str) -> None:
    with Database.open(postgres_place) as one, Database.open(postgres_place) as other:
        order: list[str] = []

        def write() -> None:
            with other.write():
                order.append("other")

        with one.write():
            thread = threading.Thread(target=write)
            thread.start()
            deadline = time.monotonic() + 30
            while not waiting_for_lock(one):
                assert time.monotonic() < deadline
            order.append("one")
        thread.join()
    assert order == ["one", "other"]


def waiting_for_lock(database: Database) -> bool:
    with database.read() as connection:
        return bool(
            connection.execute(text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).first()
        )


def test_a_writer_that_stops_in_the_middle_does_not_stop_the_others(postgres_place: str) -> None:
    with Database.open(postgres_place) as one, Database.open(postgres_place) as other:

        def write_slowly() -> None:
            with one.write() as connection:
                connection.execute(insert(schema.counters).values(name="x", value=1))
                Documents(other).apply_route(ROUTE)  # as the server ends the first one's transaction
                connection.execute(insert(schema.counters).values(name="y", value=1))

        with pytest.raises(ModelwayError) as caught:
            write_slowly()
        assert caught.value.http == 503
        with other.read() as connection:
            assert connection.execute(select(schema.counters.c.name)).scalars().all() == []


def test_a_wrong_password_is_told_without_it(postgres: Postgres) -> None:
    url = make_url(postgres.url).set(username="nobody", password="hunter2").render_as_string(hide_password=False)
    with pytest.raises(ModelwayError, match="does not let us in") as caught:
        Database.open(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" not in caught.value.message + caught.value.hint


def test_no_server_is_told_as_such() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(ModelwayError, match="cannot be reached") as caught:
            Database.open(f"postgresql://u:hunter2@127.0.0.1:{silent.getsockname()[1]}/modelway")
    assert caught.value.error_code == "database_unavailable"
    assert caught.value.http == 503
    assert caught.value.retry_after
    assert "hunter2" not in caught.value.message + caught.value.hint + str(caught.value)


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """One that may be hurt."""
    with running_postgres("-c", "fsync=off") as server:
        yield server


def test_a_server_that_is_started_again_is_used_again(own_server: Postgres) -> None:
    with Database.open(own_server.url) as database:
        documents = Documents(database)
        documents.apply_route(ROUTE)
        own_server.stop(signal.SIGQUIT)
        for ask in (
            documents.list_routes,
            lambda: Documents(database).list_routes(),
            lambda: documents.revisions("Route", "a/b"),
        ):
            with pytest.raises(ModelwayError) as caught:
                ask()
            assert caught.value.error_code == "database_unavailable"
        own_server.start()
        assert Documents(database).list_routes()[0].route == ROUTE  # at once, over connections made anew


def test_a_frozen_server_keeps_nobody_for_ever(own_server: Postgres) -> None:
    with Database.open(own_server.url) as migrated:
        Documents(migrated).apply_route(ROUTE)
    engine = PostgresEngine(make_url(own_server.url), statement_seconds=0.5)
    with engine.reading() as connection:
        backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    os.kill(backend, signal.SIGSTOP)
    second = backend
    try:
        started = time.monotonic()
        with engine.reading() as connection:  # whose connection answers no more: another one is made
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        with engine.reading() as connection:
            second = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            os.kill(second, signal.SIGSTOP)
            with pytest.raises(Exception, match=r"closed|lost|terminat"):
                connection.execute(text("SELECT 1"))
        assert time.monotonic() - started < 60
    finally:
        for pid in (backend, second):
            os.kill(pid, signal.SIGCONT)
        engine.close()


def test_what_the_server_is_too_slow_for_is_given_up_whole(postgres_database: Database) -> None:
    def write() -> None:
        with answered_within(0.2), postgres_database.write() as connection:
            connection.execute(insert(schema.counters).values(name="x", value=1))
            connection.execute(text("SELECT pg_sleep(0.3)"))
            connection.execute(insert(schema.counters).values(name="y", value=1))

    with pytest.raises(ModelwayError, match="too slow") as caught:
        write()
    assert (caught.value.error_code, caught.value.http) == ("database_unavailable", 503)
    assert caught.value.retry_after
    with postgres_database.read() as connection:  # at once, and without an end of its own
        assert connection.execute(select(schema.counters.c.name)).all() == []


def test_whoever_is_given_little_time_waits_little_for_other_writers(postgres_database: Database) -> None:
    refused: list[ModelwayError] = []

    def write() -> None:
        with answered_within(0.1):
            try:
                with postgres_database.write():
                    pass
            except ModelwayError as error:
                refused.append(error)

    with postgres_database.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(15)  # less than a writer waits otherwise
        assert [each.error_code for each in refused] == ["database_unavailable"]


def test_a_call_that_is_over_does_not_begin(postgres_database: Database) -> None:
    with answered_within(-1), pytest.raises(ModelwayError, match="too slow"), postgres_database.read():
        pass


def test_what_is_done_stays_done_though_nothing_can_be_said_of_it(
    postgres_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    events = Events(postgres_database)
    with answered_within(-1):
        events.note("Route", "a/b", "Normal", "Applied", "revision 2 configured by ada")
    assert events.list("Route", "a/b") == []
    assert "Route a/b: Applied: revision 2 configured by ada" in caplog.text
    events.note("Route", "a/b", "Normal", "Applied", "revision 3 configured by ada")
    assert [each.message for each in events.list("Route", "a/b")] == ["revision 3 configured by ada"]


def test_what_a_call_has_begun_goes_on_without_its_end(postgres_database: Database) -> None:
    """As a build does that somebody wants tried again: its task has the context of the call that began it."""
    with answered_within(-1):
        context = contextvars.copy_context()

    def write() -> None:
        with postgres_database.write() as connection:
            connection.execute(insert(schema.counters).values(name="x", value=1))

    context.run(write)
    with postgres_database.read() as connection:
        assert len(connection.execute(select(schema.counters.c.name)).all()) == 1
