"""One contract for all route providers: who joins is seen whole, who leaves or falls silent goes, and others stay."""

from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint

if TYPE_CHECKING:
    from conftest import Provider

pytestmark = [pytest.mark.slow]
V1 = VersionKey("vision", "digits", "v1")
ONE = Endpoint(
    id="digits-1", key=V1, host="127.0.0.1", port=9001, package="sha256:" + "a" * 64, secure=True, grpc_port=9101
)
TWO = Endpoint(id="digits-2", key=V1, host="127.0.0.1", port=9002)
OTHER = Endpoint(id="cats-1", key=VersionKey("vision", "cats", "v2"), host="127.0.0.2", port=9001)


async def test_who_joins_is_seen_whole(provider: "Provider") -> None:
    await provider.join(ONE)
    await provider.until("digits-1")
    assert provider.leases.endpoints() == (provider.seen(ONE),)
    assert provider.told == 1


async def test_each_version_has_its_own_and_changes_name_their_model(provider: "Provider") -> None:
    await provider.join(ONE)
    await provider.join(OTHER)
    await provider.until("digits-1", "cats-1")
    before = provider.leases.view(0)
    assert before.by_version == {V1: (provider.seen(ONE),), OTHER.key: (provider.seen(OTHER),)}
    await provider.join(TWO)
    await provider.until("digits-1", "digits-2", "cats-1")
    after = provider.leases.view(before.number)
    assert after.by_version[V1] == (provider.seen(ONE), provider.seen(TWO))
    assert after.touched == {ModelKey("vision", "digits")}


async def test_who_leaves_is_gone_and_the_others_stay(provider: "Provider") -> None:
    for each in (ONE, TWO, OTHER):
        await provider.join(each)
    await provider.until("digits-1", "digits-2", "cats-1")
    await provider.leave(ONE)
    await provider.until("digits-2", "cats-1", seconds=5)
    await provider.leave(OTHER)
    await provider.until("digits-2", seconds=5)


async def test_who_falls_silent_is_gone_after_a_while(provider: "Provider") -> None:
    await provider.join(ONE)
    await provider.join(TWO)
    await provider.until("digits-1", "digits-2")
    await provider.fall_silent(TWO)
    await provider.until("digits-1", seconds=20)


async def test_most_at_once_are_kept_for_now(provider: "Provider") -> None:
    many = [Endpoint(id=f"many-{n}", key=V1, host="127.0.0.1", port=9100 + n) for n in range(6)]
    for each in many:
        await provider.join(each)
    await provider.until(*(each.id for each in many))
    for each in many:
        await provider.fall_silent(each)
    await provider.when(lambda: provider.leases.held == 6)
    assert len(provider.leases.endpoints()) == 6
    assert len(provider.held) == 1


async def test_who_comes_again_elsewhere_is_known_there_alone(provider: "Provider") -> None:
    await provider.join(ONE)
    await provider.until("digits-1")
    await provider.leave(ONE)
    moved = Endpoint(id="digits-1", key=V1, host="127.0.0.1", port=9003)
    await provider.join(moved)
    await provider.when(lambda: provider.leases.endpoints() == (provider.seen(moved),))


async def test_a_process_seen_to_end_is_gone_at_once_and_does_not_come_back(provider: "Provider") -> None:
    await provider.join(ONE)
    await provider.join(TWO)
    await provider.until("digits-1", "digits-2")
    await provider.fall_silent(ONE)
    assert provider.leases.drop("digits-1")
    await provider.join(OTHER)  # a change, after which a provider outside says again that ONE is there
    await provider.until("digits-2", "cats-1")
