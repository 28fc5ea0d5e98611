"""Leases: one holder at a time, by the database's clock, and nothing written by one who holds it no more."""

import threading
import time

import pytest
from sqlalchemy import insert, select, update

from modelway.errors import ConflictError
from modelway_platform.store import schema
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.sharing.leases import Lease, LeaseLostError, database_time


def lease(database: Database, holder: str, seconds: float = 60.0) -> Lease:
    return Lease(database, "leader", holder, seconds)


def end_now(database: Database) -> None:
    """As if the time had passed."""
    with database.write() as connection:
        connection.execute(update(schema.control_leases).values(expires_at=database_time(connection) - 1))


def test_one_holds_it_until_it_ends(database: Database) -> None:
    a, b = lease(database, "a"), lease(database, "b")
    assert a.take() == 1
    assert b.take() is None
    current = b.current()
    assert current is not None
    assert (current.holder, current.term) == ("a", 1)
    assert 50 < current.left <= 60
    end_now(database)
    assert b.take() == 2
    assert not a.renew(1)
    assert a.take() is None


def test_who_was_away_too_long_goes_on_if_nobody_took_over(database: Database) -> None:
    a = lease(database, "a")
    term = a.take()
    assert term is not None
    end_now(database)
    assert a.renew(term)
    assert lease(database, "b").take() is None


def test_one_that_is_started_again_gets_its_own_back_at_once(database: Database) -> None:
    first = lease(database, "a").take()
    again = lease(database, "a").take()
    assert (first, again) == (1, 2)
    assert not lease(database, "a").renew(1)  # what the process before still does is over


def test_one_that_is_released_is_free(database: Database) -> None:
    a = lease(database, "a")
    a.release(a.take() or 0)
    assert a.current() is None
    assert lease(database, "b").take() == 2
    a.release(1)  # late: it is another's by now
    assert lease(database, "c").take() is None


def test_it_ends_by_the_clock_of_the_database(database: Database) -> None:
    assert lease(database, "a", seconds=0.2).take() == 1
    other, deadline = lease(database, "b"), time.monotonic() + 30
    while other.take() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_who_want_it_at_once(place: str, database: Database) -> None:
    terms: list[int | None] = []
    barrier = threading.Barrier(8)

    def want(name: str) -> None:
        with Database.open(place) as own:
            barrier.wait()
            terms.append(lease(own, name).take())

    threads = [threading.Thread(target=want, args=(f"holder {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(term or 0 for term in terms) == [0] * 7 + [1]


def test_who_holds_it_no_more_writes_nothing(database: Database) -> None:
    a, b = lease(database, "a"), lease(database, "b")
    term = a.take() or 0
    fenced = database.fenced(lambda connection: a.check(connection, term))
    assert Counters(fenced).next_table_number() == 1
    end_now(database)
    assert Counters(fenced).next_table_number() == 2  # late, but nobody was harmed
    assert b.take() == 2
    with pytest.raises(LeaseLostError) as caught:
        Counters(fenced).next_table_number()
    assert isinstance(caught.value, ConflictError)
    with fenced.read() as connection:
        assert connection.execute(select(schema.counters.c.value)).scalar_one() == 2
    assert Counters(database).next_table_number() == 3


def test_a_takeover_waits_for_what_is_being_written(database: Database) -> None:
    """A transaction that began under the lease is whole before anybody else leads."""
    a, b = lease(database, "a"), lease(database, "b")
    term = a.take() or 0
    end_now(database)
    order: list[str] = []

    def take() -> None:
        b.take()
        order.append("b leads")

    with database.fenced(lambda connection: a.check(connection, term)).write() as connection:
        thread = threading.Thread(target=take)
        thread.start()
        time.sleep(0.1)
        connection.execute(insert(schema.counters).values(name="x", value=1))
        order.append("a wrote")
    thread.join()
    assert order == ["a wrote", "b leads"]
