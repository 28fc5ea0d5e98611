"""A replica that does not register itself is led: asked until ready, rehearsed over the network, registered, kept so."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from modelway.packaging.manifest import Example
from modelway_platform.deploy.operators.containers.lead import Lead, NotRehearsedError
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint

EXAMPLES = [Example(endpoint="double", request={"x": 2}, response=4)]


@dataclass
class Server:
    """A model server in as many lines as these tests need; says what it is told."""

    ready: bool = True
    factor: int = 2
    port: int = 0
    asked: list[str] = field(default_factory=list[str])

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [
                    line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length")
                ]
                body = await reader.readexactly(int(lengths[0]) if lengths else 0)
                path = head.split()[1]
                self.asked.append(path)
                status, said = (
                    (200, b"{}") if self.ready else (503, b'{"error": {"code": "not_ready", "message": "-"}}')
                )
                if path == "/double":
                    said = json.dumps(json.loads(body)["x"] * self.factor).encode()
                writer.write(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%s" % (status, len(said), said))
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


def endpoint(server: Server) -> Endpoint:
    return Endpoint(id="r1", key=VersionKey("p", "m", "v1"), host="127.0.0.1", port=server.port)


async def until_registered(leases: Leases, *, registered: bool = True) -> None:
    async with asyncio.timeout(30):
        while bool(leases.endpoints()) is not registered:
            leases.expire()
            await asyncio.sleep(0.01)


async def test_it_is_registered_only_after_it_has_rehearsed(server: Server) -> None:
    leases = Leases()
    server.ready = False
    task = asyncio.create_task(Lead(registry=leases).lead(endpoint(server), EXAMPLES))
    async with asyncio.timeout(30):
        while len(server.asked) < 3:  # noqa: ASYNC110 - the server cannot tell
            await asyncio.sleep(0.01)
    assert not leases.endpoints()
    server.ready = True
    await until_registered(leases)
    assert server.asked[server.asked.index("/double") - 1] == "/readyz"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_answers_something_else_is_refused(server: Server) -> None:
    leases = Leases()
    server.factor = 3
    with pytest.raises(
        NotRehearsedError, match=r"golden example 1 \(double\) as its package says: \$: expected 4, got 6"
    ):
        await Lead(registry=leases).lead(endpoint(server), EXAMPLES)
    assert not leases.endpoints()


async def test_one_that_is_not_ready_any_more_loses_its_lease(server: Server) -> None:
    leases = Leases()
    task = asyncio.create_task(Lead(registry=leases, ttl=1.0).lead(endpoint(server), ()))
    await until_registered(leases)
    server.ready = False
    await until_registered(leases, registered=False)
    server.ready = True
    await until_registered(leases)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_port_for_grpc_is_registered_where_somebody_listens(server: Server) -> None:
    leases = Leases()
    for grpc_port, expected in ((server.port, server.port), (9, 0)):
        leading = asyncio.create_task(
            Lead(registry=leases).lead(replace(endpoint(server), grpc_port=grpc_port), EXAMPLES)
        )
        async with asyncio.timeout(30):
            while not leases.endpoints():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert leases.endpoints()[0].grpc_port == expected
        leading.cancel()
        with suppress(asyncio.CancelledError):
            await leading
        leases.drop("r1")
