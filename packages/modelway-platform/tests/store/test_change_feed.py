"""What one process writes wakes those who wait in another."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import make_url

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.store.changes import Changes
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.sharing.change_feed import ChangeFeed

ROUTE = Route(key=ModelKey("a", "b"), versions=(VersionWeight(version="v1", weight=1),))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - whatever it is, nobody tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(
    url: str, database: Database, heard: Callable[[str], None]
) -> AsyncGenerator[tuple[ChangeFeed, Changes]]:
    changes = Changes()
    feed = ChangeFeed(url, database, changes, heard, wake_seconds=3600)
    task = asyncio.create_task(feed.run())
    await until(lambda: feed.connected)
    try:
        yield feed, changes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(changes: Changes) -> int:
    """The number once those that came with the connection have passed."""
    number = changes.number
    while await changes.wait(number, 0.2) != number:
        number = changes.number
    return number


async def test_a_write_elsewhere_is_told_and_an_own_one_is_not(
    postgres_place: str, postgres_database: Database
) -> None:
    heard: list[str] = []
    with Database.open(postgres_place) as other:
        async with listening(postgres_place, postgres_database, heard.append) as (_, changes):
            before = await settled(changes)
            await asyncio.to_thread(Documents(postgres_database).apply_route, ROUTE)
            assert await changes.wait(before, 0.5) == before
            await asyncio.to_thread(Documents(other).delete, "Route", str(ROUTE.key))
            assert await changes.wait(before, 30) != before
            await asyncio.to_thread(other.tell, "retry a/b/c")
            await until(lambda: bool(heard))
        assert heard == ["retry a/b/c"]


async def test_what_is_quiet_wakes_nobody(postgres_place: str, postgres_database: Database) -> None:
    with Database.open(postgres_place) as other:
        async with listening(postgres_place, postgres_database, lambda _: None) as (_, changes):
            before = await settled(changes)
            await asyncio.to_thread(Counters(other).next_table_number)
            assert await changes.wait(before, 0.5) == before


async def test_a_lost_connection_is_made_anew_and_everybody_looks(
    postgres_place: str, postgres_database: Database
) -> None:
    with Database.open(postgres_place) as other:
        async with listening(postgres_place, postgres_database, lambda _: None) as (feed, changes):
            before = await settled(changes)
            await asyncio.to_thread(end_listeners, postgres_place)
            assert await changes.wait(before, 30) != before
            await until(lambda: feed.connected)
            before = await settled(changes)
            await asyncio.to_thread(Documents(other).apply_route, ROUTE)
            assert await changes.wait(before, 30) != before


def end_listeners(url: str) -> None:
    name = make_url(url).database
    with psycopg.connect(url, autocommit=True) as connection:
        statement = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND query LIKE 'LISTEN%%'"
        )
        assert connection.execute(statement, (name,)).fetchall()


def test_documents_written_elsewhere_are_seen_at_the_next_look(place: str, database: Database) -> None:
    here = Documents(database)
    assert here.declared().routes == ()
    with Database.open(place) as other:
        there = Documents(other)
        there.apply_route(ROUTE)
        first = here.declared()
        assert [record.route for record in first.routes] == [ROUTE]
        assert here.declared() is first
        there.delete("Route", str(ROUTE.key))
        assert here.declared().routes == ()
        threads = [threading.Thread(target=here.declared) for _ in range(4)]
        for thread in threads:
            thread.start()
        there.apply_route(ROUTE)
        for thread in threads:
            thread.join()
        assert [record.revision for record in here.declared().routes] == [3]
