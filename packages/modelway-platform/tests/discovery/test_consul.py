"""Consul itself, killed, paused and bare of memory: nobody is forgotten because it is away."""

import asyncio
import json
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from journeys.consul_agent import ConsulAgent, program

from modelway.errors import InvalidRequestError, UnavailableError
from modelway_platform.discovery.consul_index import Cursor, knows_leader
from modelway_platform.discovery.consul_services import read_instances
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.providers import ProviderSettings, make_followers, read_providers
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry

if TYPE_CHECKING:
    from conftest import Consul

V1 = VersionKey("vision", "digits", "v1")
ONE = Endpoint(id="digits-1", key=V1, host="127.0.0.1", port=9001)
TWO = Endpoint(id="digits-2", key=V1, host="127.0.0.1", port=9002)


@pytest.fixture
def own_agent(tmp_path: Path) -> Iterator[ConsulAgent]:
    if not program():
        pytest.skip("consul is not installed")
    agent = ConsulAgent(tmp_path).start()
    yield agent
    agent.kill()


async def test_a_consul_that_is_away_and_comes_back_without_its_memory_costs_nobody(
    own_agent: ConsulAgent, consul: "Callable[[ConsulAgent], Consul]"
) -> None:
    provider = consul(own_agent)
    await provider.open()
    try:
        await provider.join(ONE)
        await provider.join(TWO)
        await provider.until("digits-1", "digits-2")
        told = provider.told
        own_agent.kill()
        await asyncio.sleep(1.0)
        assert {each.id for each in provider.leases.endpoints()} == {"digits-1", "digits-2"}
        own_agent.start()
        async with asyncio.timeout(20):  # replicas find out when they renew, and say again who they are
            while len(own_agent.ask("GET", "/v1/health/service/modelway?passing")) < 2:
                assert {each.id for each in provider.leases.endpoints()} == {"digits-1", "digits-2"}
                await asyncio.sleep(0.02)
        assert provider.told == told
        await provider.leave(ONE)  # and it is followed again
        await provider.until("digits-2")
    finally:
        await provider.close()


async def test_a_consul_that_says_nothing_changes_nothing(
    own_agent: ConsulAgent, consul: "Callable[[ConsulAgent], Consul]"
) -> None:
    provider = consul(own_agent)
    await provider.open()
    try:
        await provider.join(ONE)
        await provider.until("digits-1")
        own_agent.pause()
        await asyncio.sleep(1.5)
        assert [each.id for each in provider.leases.endpoints()] == ["digits-1"]
        own_agent.resume()
        await provider.join(TWO)
        await provider.until("digits-1", "digits-2")
    finally:
        own_agent.resume()
        await provider.close()


async def test_what_others_register_by_the_same_name_is_checked(
    own_agent: ConsulAgent, consul: "Callable[[ConsulAgent], Consul]"
) -> None:
    provider = consul(own_agent)
    await provider.open()
    meta = {"project": "vision", "model": "digits", "version": "v1"}
    try:
        odd: tuple[dict[str, Any], ...] = (
            {"Meta": {**meta, "project": "../admin"}},
            {"Meta": {**meta, "version": "v1\\r\\nx: y"}},
            {"Meta": {}},
            {"Meta": meta, "Address": "a/b"},
            {"Meta": meta, "Port": 0},
            {"Meta": {**meta, "package": "latest"}},
            {"Meta": {**meta, "replica": "../../x"}},
        )
        for number, service in enumerate(odd):
            body = {"ID": f"odd-{number}", "Name": "modelway", "Port": 9100 + number, "Address": "127.0.0.1", **service}
            own_agent.ask("PUT", "/v1/agent/service/register", body)
        own_agent.ask(
            "PUT",
            "/v1/agent/service/register",
            {"ID": "plain", "Name": "modelway", "Port": 9200, "Meta": {**meta, "grpc_port": "none"}},
        )
        await provider.until("plain")
        (found,) = provider.leases.endpoints()
        assert found == Endpoint(id="plain", key=V1, host="127.0.0.1", port=9200)  # the node's address, for it had none
    finally:
        await provider.close()


def test_cursors_follow_what_consul_says_of_its_index() -> None:
    assert Cursor().query() == ""
    first, backwards = Cursor().after({"x-consul-index": "17"})
    assert (first, backwards) == (Cursor(index=17), False)
    assert first.query() == "index=17&wait=55s"
    assert first.after({"x-consul-index": "17"}) == (Cursor(index=17), False)
    assert first.after({"x-consul-index": "5"}) == (Cursor(), True)
    assert Cursor().after({"x-consul-index": "0"}) == (Cursor(index=1), False)
    assert Cursor().after({}) == (Cursor(), False)
    assert Cursor().after({"x-consul-index": "-4"}) == (Cursor(), False)
    hashed, _ = Cursor().after({"x-consul-contenthash": "a b"})
    assert hashed.query() == "hash=a+b&wait=55s"


def test_a_stale_answer_without_a_leader_is_known_as_one() -> None:
    assert knows_leader({})
    assert not knows_leader({"x-consul-knownleader": "false"})


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"Service": []}]', b"<html>", b"[" * 10_000])
def test_other_answers_are_refused(body: bytes) -> None:
    with pytest.raises(UnavailableError):
        read_instances(body)


def test_failing_instances_are_told_apart() -> None:
    def one(name: str, *statuses: str) -> dict[str, object]:
        return {"Service": {"ID": name}, "Checks": [{"Status": status} for status in statuses]}

    found = read_instances(
        json.dumps([one("a", "passing", "passing"), one("b", "passing", "critical"), one("c", "warning")]).encode()
    )
    assert [each.id for each in found.passing] == ["a", "c"]
    assert found.failing == {"b"}


def test_the_configuration_is_read_strictly() -> None:
    assert read_providers({}) == ProviderSettings()
    assert read_providers({"MODELWAY_DISCOVERY": "embedded, consul://c:1?service=m"}).consul == "consul://c:1?service=m"
    for wrong in (
        "consul://",
        "consul://c/x",
        "consul://c:x",
        "consul://c?dc=1",
        "zookeeper://z",
        "consul://u@c",
        "c:1",
    ):
        with pytest.raises(InvalidRequestError):
            read_providers({"MODELWAY_DISCOVERY": wrong})
    assert make_followers(ProviderSettings(), Leases()) == ()


def test_seeds_stay_until_the_provider_was_heard() -> None:
    clock = [0.0]
    leases = Leases(lambda: clock[0])
    replicas = (ReplicaEntry(id="digits-1", host="127.0.0.1", port=9001),)
    model = ModelEntry(
        project="vision",
        model="digits",
        access="key",
        idempotent=False,
        timeout_seconds=30.0,
        max_body_bytes=10,
        versions=(VersionEntry(version="v1", weight=1, replicas=replicas),),
    )
    leases.seed(RouteTable(number=3, keys=(), models=(model,)), inf)
    clock[0] = 1000.0
    assert leases.expire() == ()
    leases.end_seeds(5)
    clock[0] = 1004.0
    assert leases.expire() == ()
    clock[0] = 1006.0
    assert leases.expire() == (ONE,)
