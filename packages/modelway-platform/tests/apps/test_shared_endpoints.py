"""Endpoints that control processes tell each other, over one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_platform.apps.shared_endpoints import SharedEndpoints
from modelway_platform.discovery.embedded import GRACE_SECONDS, Leases
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.sharing.members import Members

KEY = VersionKey("vision", "digits", "v1")


def endpoint(name: str, port: int = 1) -> Endpoint:
    return Endpoint(id=name, key=KEY, host="127.0.0.1", port=port)


class Control:
    """One of them, with a clock that the test moves."""

    def __init__(self, database: Database, name: str) -> None:
        self.now = 1000.0
        self.leases = Leases(clock=lambda: self.now)
        self.shared = SharedEndpoints(Members(database, name), self.leases, f"http://{name}:7070", f"hash of {name}")

    def turn(self) -> None:
        self.shared.turn(self.now)

    def known(self) -> dict[str, int]:
        return {each.id: each.port for each in self.leases.endpoints()}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "modelway.db") as opened:
        yield opened


@pytest.fixture
def both(database: Database) -> tuple[Control, Control]:
    return Control(database, "a"), Control(database, "b")


def silence(database: Database, name: str, seconds: float) -> None:
    table = schema.control_members
    with database.write() as connection:
        connection.execute(table.update().where(table.c.id == name).values(seen_at=table.c.seen_at - seconds))


def test_what_registers_with_one_is_known_to_both_and_leaves_both(both: tuple[Control, Control]) -> None:
    a, b = both
    a.leases.register(endpoint("r1"), 15)
    b.leases.register(endpoint("r2", 2), 15)
    for each in (a, b, a):
        each.turn()
    assert a.known() == b.known() == {"r1": 1, "r2": 2}
    assert a.shared.other_urls() == ("http://b:7070",)
    assert a.shared.is_token("hash of b")
    assert not a.shared.is_token("hash of c")
    a.leases.deregister("r1")
    a.turn()
    b.turn()
    assert b.known() == {"r2": 2}


def test_while_one_is_silent_what_it_knew_stays_for_a_while(both: tuple[Control, Control], database: Database) -> None:
    a, b = both
    for number in range(4):
        b.leases.register(endpoint(f"own{number}", 10 + number), 300)
    a.leases.register(endpoint("r1"), 15)
    a.turn()
    b.turn()
    silence(database, "a", 60)
    for _ in range(3):
        b.turn()
    assert b.shared.other_urls() == ("http://a:7070",)
    b.now += GRACE_SECONDS - 1
    assert b.leases.expire() == ()
    assert "r1" in b.known()
    b.now += 2
    assert [each.id for each in b.leases.expire()] == ["r1"]


def test_one_that_comes_back_says_what_holds(both: tuple[Control, Control], database: Database) -> None:
    a, b = both
    a.leases.register(endpoint("r1"), 15)
    a.turn()
    b.turn()
    silence(database, "a", 60)
    b.turn()
    a.now += 5
    a.turn()
    b.turn()
    b.now += 10 * GRACE_SECONDS
    b.leases.expire()
    assert b.known() == {"r1": 1}


def test_a_replica_that_turns_to_another_one_is_never_unknown(both: tuple[Control, Control]) -> None:
    """Its first one heard nothing for the time of its lease, the other one hears it."""
    a, b = both
    a.leases.register(endpoint("r1"), 15)
    a.turn()
    b.turn()
    b.leases.register(endpoint("r1"), 15)
    for each in (b, a, b, a):
        each.turn()
        assert a.known() == b.known() == {"r1": 1}
    a.now += 16
    assert a.leases.expire() == ()
    assert a.known() == {"r1": 1}
    a.turn()
    b.turn()
    assert b.known() == {"r1": 1}
    b.leases.deregister("r1")
    b.turn()
    a.turn()
    assert a.known() == {}
