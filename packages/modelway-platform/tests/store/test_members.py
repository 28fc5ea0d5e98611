"""Who shares the database, and what each knows at first hand, on each kind of database."""

from sqlalchemy import update

from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.sharing.members import FORGOTTEN_SECONDS, Members

ENDPOINT = Endpoint(id="r1", key=VersionKey("vision", "digits", "v1"), host="127.0.0.1", port=1)


def test_each_hears_what_the_others_know(database: Database) -> None:
    one, two = Members(database, "a"), Members(database, "b")
    assert not one.still_there()
    one.write("http://a", "hash", [ENDPOINT])
    two.write("http://b", "", [])
    one.write("http://a", "hash", [ENDPOINT, ENDPOINT])
    assert one.still_there()
    [seen] = two.others()
    assert (seen.id, seen.url, seen.token_sha256, seen.number) == ("a", "http://a", "hash", 2)
    assert 0 <= seen.silent < 30
    assert [each.id for each in one.others()] == ["b"]
    assert two.endpoints(["a", "unknown"]) == {"a": (ENDPOINT, ENDPOINT)}
    assert two.endpoints([]) == {}


def test_one_that_was_silent_for_long_is_forgotten(database: Database) -> None:
    one, two = Members(database, "a"), Members(database, "b")
    one.write("http://a", "", [])
    with database.write() as connection:
        seen = schema.control_members.c.seen_at
        connection.execute(update(schema.control_members).values(seen_at=seen - FORGOTTEN_SECONDS - 1))
    assert [each.silent > FORGOTTEN_SECONDS for each in two.others()] == [True]
    two.write("http://b", "", [])
    assert two.others() == ()
    assert not one.still_there()
