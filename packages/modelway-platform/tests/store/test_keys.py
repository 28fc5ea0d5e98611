"""Keys over time: their end, their rotation, what is kept of them."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from modelway.client.key_text import is_mistyped, new_secret
from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.consumers import consumer_of_key
from modelway_platform.domain.access.key_request import KeySpec, grace_seconds, key_spec
from modelway_platform.domain.access.limits import Quota, RateLimit, UsageLimits
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.database import Database


class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_secret_shows_every_slip_of_one_or_two_characters() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert not is_mistyped(secret)
        assert is_mistyped(secret[:-1])
        assert is_mistyped(secret.swapcase())
        assert is_mistyped(secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:])
        swapped = secret[:20] + secret[21] + secret[20] + secret[22:]
        assert is_mistyped(swapped) or swapped == secret
    assert not is_mistyped("mw_" + "A-_" * 14 + "A")  # of before there were checksums
    assert is_mistyped("sk-123")


def test_a_key_keeps_what_it_was_made_with(database: Database) -> None:
    clock = Clock()
    keys = Keys(database, clock=clock)
    limits = UsageLimits(
        rates=(RateLimit(per="key", requests=100, window=1, burst=200),),
        quotas=(Quota(per="key", requests=5, window=86_400),),
    )
    spec = key_spec(
        name="robot",
        role="caller",
        consumer="batch",
        scopes=("p/*", "p/*"),
        expires="90d",
        limits=("100/1s:200",),
        quotas=("5/1d",),
    )
    assert spec == KeySpec(name="robot", consumer="batch", scopes=("p/*",), lifetime=90 * 86_400.0, limits=limits)
    assert isinstance(spec, KeySpec)
    record, secret = keys.create(spec)
    assert keys.list() == [record]
    assert record.expires_at == clock.now + 90 * 86_400
    assert record.expires_at is not None
    clock.now = record.expires_at - 1
    assert keys.find(secret) == record
    clock.now += 1
    assert keys.find(secret) is None


@pytest.mark.parametrize(
    "asked",
    [
        {"name": " x"},
        {"name": ""},
        {"consumer": "a:b"},
        {"scopes": ["p"]},
        {"scopes": ["P/m"]},
        {"scopes": ["p/m/v"]},
        {"scopes": ["p/m"], "role": "admin"},
        {"scopes": ["p/m"] * 101},
        {"expires": "0d"},
        {"expires": "90"},
        {"expires": "4000d"},
        {"limits": ["0/1s"]},
        {"limits": ["1/0s"]},
        {"limits": ["100"]},
        {"quotas": ["1/1s"]},
        {"quotas": ["1/1d:2"]},
        {"quotas": ["1/1d"] * 9},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(asked: dict[str, object]) -> None:
    problems = key_spec(**{"name": "x", "role": "caller", **asked})  # pyright: ignore[reportArgumentType] - cases vary
    assert isinstance(problems, list)
    assert len(problems) == 1
    assert next(iter(asked)).rstrip("s") in problems[0]


def test_rotation_lets_the_old_secret_go_on_for_a_while(database: Database) -> None:
    clock = Clock()
    keys = Keys(database, clock=clock)
    record, first = keys.create(KeySpec(name="x"))
    rotated, second = keys.rotate(record.id, 60)
    assert rotated == replace(
        record,
        sha256=rotated.sha256,
        prefix=second[:9],
        rotated_at=clock.now,
        previous_sha256=record.sha256,
        previous_until=clock.now + 60,
    )
    assert keys.find(first) == keys.find(second) == rotated
    _, third = keys.rotate(record.id, 60)
    assert [keys.find(each) is not None for each in (first, second, third)] == [False, True, True]
    clock.now += 60
    assert [keys.find(each) is not None for each in (first, second, third)] == [False, False, True]
    _, fourth = keys.rotate(record.id, 0)
    assert [keys.find(each) is not None for each in (third, fourth)] == [False, True]
    keys.revoke(record.id)
    assert keys.find(fourth) is None
    with pytest.raises(ConflictError):
        keys.rotate(record.id, 60)
    with pytest.raises(NotFoundError):
        keys.rotate("key-unknown", 60)
    assert [grace_seconds(each) for each in ("0", "12h", "91d", "x")] == [0.0, 43_200.0, None, None]


def test_keys_of_before_have_themselves_as_consumer_and_open_everything(database: Database) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO keys (id, name, role, prefix, sha256, created_at) VALUES ('k', 'n', 'caller', 'mw_', 'a', 1)"
            )
        )
    (record,) = Keys(database).list()
    assert (record.consumer, record.scopes, record.expires_at, record.limits) == ("", (), None, UsageLimits())
    assert consumer_of_key(record.consumer, record.name, record.id) == "n"
    assert consumer_of_key("", "two words", "key-1") == "key-1"
