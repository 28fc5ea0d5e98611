"""Leases: who registered is known until it leaves, falls silent, or is seen to end."""

import asyncio
from collections.abc import Callable

import pytest

from modelway_platform.discovery.embedded import LONGEST_TTL_SECONDS, SHORTEST_TTL_SECONDS, Leases
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry

KEY = VersionKey("vision", "digits", "v1")
ONE = Endpoint(id="r1", key=KEY, host="127.0.0.1", port=9001, package="sha256:" + "a" * 64)
TWO = Endpoint(id="r2", key=KEY, host="127.0.0.1", port=9002)
TABLE = RouteTable(
    number=3,
    keys=(),
    models=(
        ModelEntry(
            project="vision", model="digits", access="key", idempotent=False, timeout_seconds=30.0, max_body_bytes=10,
            versions=(
                VersionEntry(
                    version="v1", weight=1,
                    replicas=(
                        ReplicaEntry(id="r1", host="127.0.0.1", port=9001),
                        ReplicaEntry(id="r2", host="127.0.0.1", port=9002),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[None]:
    return []


@pytest.fixture
def leases(clock: Callable[[], float], told: list[None]) -> Leases:
    return Leases(clock, lambda: told.append(None))


def test_registered_until_the_lease_is_over(leases: Leases, clock: Clock, told: list[None]) -> None:
    assert leases.register(TWO, 5) == 5
    assert leases.register(ONE, 3) == 3
    assert leases.endpoints() == (ONE, TWO)
    clock.now += 3
    assert leases.expire() == (ONE,)
    assert leases.expire() == ()
    assert leases.endpoints() == (TWO,)
    assert len(told) == 3


def test_renewing_is_no_news(leases: Leases, clock: Clock, told: list[None]) -> None:
    for _ in range(5):
        leases.register(ONE, 3)
        clock.now += 2
        assert leases.expire() == ()
    assert len(told) == 1


def test_leaving(leases: Leases, told: list[None]) -> None:
    leases.register(ONE, 5)
    leases.register(TWO, 5)
    assert leases.deregister("r1")
    assert not leases.deregister("r1")
    assert leases.drop("r2")
    assert leases.endpoints() == ()
    assert len(told) == 4


def test_leases_have_bounds(leases: Leases) -> None:
    assert leases.register(ONE, 0.01) == SHORTEST_TTL_SECONDS
    assert leases.register(ONE, 1e9) == LONGEST_TTL_SECONDS


def test_who_takes_an_address_takes_the_place_of_who_had_it(leases: Leases) -> None:
    leases.register(ONE, 5)
    usurper = Endpoint(id="r9", key=VersionKey("a", "b", "v1"), host="127.0.0.1", port=9001)
    leases.register(usurper, 5)
    assert leases.endpoints() == (usurper,)


def test_a_restart_forgets_nobody_before_the_grace_is_over(leases: Leases, clock: Clock, told: list[None]) -> None:
    leases.seed(None)
    leases.seed(TABLE, grace=10)
    assert [endpoint.id for endpoint in leases.endpoints()] == ["r1", "r2"]
    assert told == []
    leases.register(ONE, 30)
    clock.now += 10
    assert [endpoint.id for endpoint in leases.expire()] == ["r2"]
    assert leases.endpoints() == (ONE,)


def test_seeding_overrides_no_registration(leases: Leases) -> None:
    leases.register(ONE, 5)
    leases.seed(TABLE)
    assert leases.endpoints()[0] == ONE


async def test_expiry_runs_by_itself() -> None:
    gone = asyncio.Event()
    leases = Leases(on_change=lambda: None)
    leases.register(ONE, 1)
    leases.on_change = gone.set
    running = asyncio.create_task(leases.expire_forever(every=0.02))
    await asyncio.wait_for(gone.wait(), 3)
    assert leases.endpoints() == ()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def many_leases(count: int) -> tuple[Leases, list[float], list[str]]:
    now = [0.0]
    told: list[str] = []
    leases = Leases(clock=lambda: now[0], on_held=told.append)
    for index in range(count):
        key = VersionKey("vision", f"m{index}", "v1")
        leases.register(Endpoint(id=f"r{index}", key=key, host="127.0.0.1", port=9000 + index), 10)
    return leases, now, told


def test_when_most_leases_end_at_once_nobody_is_forgotten_for_a_while() -> None:
    leases, now, told = many_leases(10)
    now[0] = 11
    assert leases.expire() == ()
    assert leases.expire() == ()
    assert (len(leases.endpoints()), leases.held, len(told)) == (10, 10, 1)
    for index in range(8):  # control was away, not they
        leases.register(leases.endpoints()[index], 10)
    assert {each.id for each in leases.expire()} == {"r8", "r9"}
    assert leases.held == 0
    now[0] = 22
    assert leases.expire() == ()
    now[0] = 22 + 601
    assert len(leases.expire()) == 8  # nobody is away for so long and right


def test_a_few_that_end_are_believed() -> None:
    leases, now, told = many_leases(3)
    now[0] = 11
    assert len(leases.expire()) == 3
    leases, now, told = many_leases(10)
    for index in range(6):
        leases.register(leases.endpoints()[index], 100)
    now[0] = 11
    assert len(leases.expire()) == 4
    assert told == []


def test_a_view_says_what_changed_since_another() -> None:
    leases, _, _ = many_leases(3)
    first = leases.view(-1)
    assert {str(key) for key in first.by_version} == {f"vision/m{index}/v1" for index in range(3)}
    assert leases.view(first.number).touched == frozenset()
    leases.deregister("r1")
    leases.register(leases.endpoints()[0], 10)  # a renewal changes nothing
    second = leases.view(first.number)
    assert second.touched == {ModelKey("vision", "m1")}
    assert VersionKey("vision", "m1", "v1") not in second.by_version
    taken = Endpoint(id="new", key=VersionKey("vision", "m9", "v1"), host="127.0.0.1", port=9000)
    leases.register(taken, 10)
    assert leases.view(second.number).touched == {ModelKey("vision", "m0"), ModelKey("vision", "m9")}
