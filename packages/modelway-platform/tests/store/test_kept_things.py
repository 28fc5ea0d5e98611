"""Replicas, events, keys and counters."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from modelway.client.key_text import is_mistyped
from modelway.errors import NotFoundError
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaRecord, ReplicaState
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.events import KEPT_PER_DOCUMENT, Events, Happened
from modelway_platform.store.declared.replicas import Replicas

KINDS: tuple[Kind, ...] = ("Route", "Deployment")
REPLICA = ReplicaRecord(
    id="r1",
    key=VersionKey("vision", "digits", "v1"),
    revision=3,
    package="sha256:" + "a" * 64,
    state=ReplicaState.STARTING,
    placement={"pid": 12, "start": [1, 2]},
    restarts=0,
    started_at=1.5,
)


def test_replicas_are_saved_over_and_deleted(database: Database) -> None:
    replicas = Replicas(database)
    replicas.save(REPLICA)
    changed = replace(REPLICA, state=ReplicaState.READY, restarts=2, message="up")
    replicas.save(changed)
    assert replicas.list() == [changed]
    replicas.delete("r1")
    replicas.delete("r1")
    assert replicas.list() == []
    several = [replace(REPLICA, id=f"r{number}") for number in range(3)]
    replicas.save_all(several)
    replicas.save_all([replace(several[1], restarts=1)])
    replicas.save_all([])
    assert replicas.list() == [several[0], replace(several[1], restarts=1), several[2]]


def test_equal_events_in_a_row_are_counted(database: Database) -> None:
    moments = iter(range(100))
    events = Events(database, clock=lambda: float(next(moments)))
    for reason in ("A", "A", "B", "A"):
        events.add("Route", "a/b", "Warning", reason, "text")
    events.add("Route", "a/c", "Normal", "A", "text")
    found = events.list("Route", "a/b")
    assert [(event.reason, event.count, event.first_at, event.last_at) for event in found] == [
        ("A", 2, 0.0, 1.0),
        ("B", 1, 2.0, 2.0),
        ("A", 1, 3.0, 3.0),
    ]


def test_old_events_go(database: Database) -> None:
    events = Events(database)
    for number in range(KEPT_PER_DOCUMENT + 5):
        events.add("Route", "a/b", "Normal", "N", str(number))
    found = events.list("Route", "a/b")
    assert [event.message for event in found] == [str(number) for number in range(5, KEPT_PER_DOCUMENT + 5)]


def test_many_events_are_kept_as_one_after_another(database: Database) -> None:
    def happened(kind: Kind, name: str, text: str, at: float) -> Happened:
        return Happened(kind=kind, name=name, type="Normal", reason="R", message=text, at=at)

    events = Events(database)
    names = ("a/one", "a/many")
    events.add_all(
        [happened(kind, name, str(n), 0.0) for n in range(KEPT_PER_DOCUMENT - 3) for name in names for kind in KINDS]
    )
    more = list(enumerate(itertools.product("AABAACCCDD", KINDS), 1))
    single = Events(database, clock=iter([float(at) for at, _ in more]).__next__)
    for _, (text_, kind) in more:
        single.add(kind, names[0], "Normal", "R", text_)
    many = [happened(kind, names[1], text_, float(at)) for at, (text_, kind) in more]
    for start in range(0, len(many), 7):
        events.add_all(many[start : start + 7])
    for kind in KINDS:
        one, other = ([replace(each, name="") for each in events.list(kind, name)] for name in names)
        assert len(one) == KEPT_PER_DOCUMENT
        assert [each.count for each in one[-5:]] == [2, 1, 2, 3, 2]
        assert other == one


def test_what_is_done_is_noted_as_other_events_are(database: Database) -> None:
    """And raises nothing where it cannot be: tests/store/test_postgres."""
    events = Events(database, clock=iter([1.0, 2.0]).__next__)
    events.note("Route", "a/b", "Normal", "Applied", "revision 1")
    events.note("Route", "a/b", "Normal", "Applied", "revision 1")
    events.note_all([Happened(kind="Route", name="a/b", type="Normal", reason="Deleted", message="revision 2", at=3.0)])
    assert [(each.message, each.count) for each in events.list("Route", "a/b")] == [
        ("revision 1", 2),
        ("revision 2", 1),
    ]


def test_keys_open_until_revoked_and_are_kept_as_hashes(database: Database) -> None:
    keys = Keys(database)
    record, secret = keys.create(KeySpec(name="nightly", role="caller"))
    assert secret.startswith("mw_")
    assert not is_mistyped(secret)
    assert keys.find(secret) == record
    assert keys.find(secret + "x") is None
    assert keys.find("' OR '1'='1") is None
    assert keys.find("\udcff") is None
    with database.read() as connection:
        assert secret not in str(connection.execute(text("SELECT * FROM keys")).all())
        assert secret not in str(connection.execute(text("SELECT * FROM audit")).all())
    keys.revoke(record.id)
    keys.revoke(record.id)
    assert keys.find(secret) is None
    assert [key.revoked_at is not None for key in keys.list()] == [True]
    with pytest.raises(NotFoundError):
        keys.revoke("key-unknown")


def test_a_secret_is_nowhere_in_the_file(sqlite_database: Database) -> None:
    _, secret = Keys(sqlite_database).create(KeySpec(name="nightly", role="caller"))
    for path in sqlite_database.path.parent.iterdir():
        assert secret.encode() not in path.read_bytes()


def test_table_numbers_only_grow(database: Database, place: Path | str) -> None:
    counters = Counters(database)
    assert [counters.next_table_number() for _ in range(3)] == [1, 2, 3]
    assert counters.next_table_number(after=100) == 101
    with Database.open(place) as again:
        assert Counters(again).next_table_number() == 102
