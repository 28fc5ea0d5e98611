"""WebSocket connections through a real worker process, with a WebSocket library nobody here wrote at both ends."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from journeys.authority import Authority
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request as Handshake

SECRET = "mw_caller"
OFFER = (
    b"GET /p/m/live HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class At:
    """A replica known by its port."""

    def __init__(self, port: int) -> None:
        self.port = port


class Model:
    """A model server that speaks WebSocket: what it saw of each handshake, and how it behaves."""

    def __init__(self) -> None:
        self.handshakes: list[Handshake] = []
        self.closed: list[int | None] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.server: Server

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.handshakes.append(connection.request)
        try:
            async for message in connection:
                if message == "count":
                    for number in range(5):
                        await connection.send(str(number))
                        await asyncio.sleep(0.01)
                elif message == "flood":
                    for _ in range(64):
                        await connection.send(bytes(1 << 20))
                elif message == "bye":
                    await connection.close()
                else:
                    await self.reads.wait()
                    await connection.send(message)
        except ConnectionClosed:
            pass
        finally:
            await connection.wait_closed()
            self.closed.append(connection.close_code)

    @property
    def at(self) -> At:
        return At(next(iter(self.server.sockets)).getsockname()[1])


@asynccontextmanager
async def model() -> AsyncGenerator[Model]:
    made = Model()
    async with serve(made.talk, "127.0.0.1", 0, max_size=None, compression=None) as made.server:
        yield made


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def url(worker: Any, path: str = "/p/m/live") -> str:
    return f"ws://127.0.0.1:{worker.port}{path}"


def caller(worker: Any, **options: Any) -> Any:
    return connect(url(worker), max_size=None, compression=None, proxy=None, **options)


def records(worker: Any) -> list[dict[str, Any]]:
    paths = sorted((worker.folder / "access").glob("*.ndjson"))
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


async def test_messages_go_both_ways_and_leave_one_record(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        async with caller(worker, additional_headers={"x-request-id": "ws-1"}) as connection:
            response = connection.response
            assert response is not None
            assert response.headers["modelway-version"] == "v1"
            assert response.headers["x-request-id"] == "ws-1"
            for message in ("a", b"\x00\xff", "ü" * 100_000):
                await connection.send(message)
                assert await connection.recv() == message
            await connection.send("count")
            assert [await connection.recv() for _ in range(5)] == list("01234")
        await until(lambda: bool(records(worker)))
        (record,) = records(worker)
        assert (record["status"], record["version"], record["request_id"]) == (101, "v1", "ws-1")
        assert record["bytes_in"] > 200_000
        assert record["bytes_out"] > 200_000
        assert record["duration_us"] > 30_000
        assert live.closed == [1000]
        forwarded = live.handshakes[0].headers
        assert forwarded["upgrade"] == "websocket"
        assert "authorization" not in forwarded


async def test_a_route_that_does_not_declare_it_has_no_websocket(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}))
        with pytest.raises(InvalidStatus) as refused:
            await caller(worker)
        assert refused.value.response.status_code in {400, 426}  # the server's own answer to an ordinary request
        assert not live.handshakes


async def test_keys_are_checked_as_for_any_request(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True, access="key"))
        with pytest.raises(InvalidStatus) as refused:
            await caller(worker)
        assert refused.value.response.status_code == 401
        async with caller(worker, additional_headers={"authorization": f"Bearer {SECRET}"}) as connection:
            await connection.send("in")
            assert await connection.recv() == "in"
        assert "authorization" not in live.handshakes[0].headers


async def test_versions_share_connections_by_weights_and_dead_replicas_are_passed_over(
    process: Any, table: Any
) -> None:
    async with model() as one, model() as two:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            dead = At(gone.getsockname()[1])
        worker = process(table({"v1": (3, [one.at]), "v2": (1, [dead, two.at])}, websocket=True))
        versions: list[str] = []
        for _ in range(8):
            async with caller(worker) as connection:
                assert connection.response is not None
                versions.append(connection.response.headers["modelway-version"])
        assert sorted(versions) == ["v1"] * 6 + ["v2"] * 2


async def test_a_caller_that_does_not_read_stops_the_model_not_the_gateways_memory(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        async with caller(worker, max_queue=1) as connection:
            await connection.send("flood")
            await asyncio.sleep(1.0)
            assert resident(worker) < 120 * 1024 * 1024
            sizes = [len(await connection.recv()) for _ in range(64)]
            assert sizes == [1 << 20] * 64


async def test_a_model_that_does_not_read_stops_the_caller(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        async with caller(worker) as connection:
            live.reads.clear()
            sent = 0

            async def flood() -> None:
                nonlocal sent
                for _ in range(64):
                    await connection.send(bytes(1 << 20))
                    sent += 1

            flooding = asyncio.create_task(flood())
            await asyncio.sleep(1.0)
            assert sent < 48
            assert resident(worker) < 120 * 1024 * 1024
            live.reads.set()
            received = 0
            while received < 64:
                assert len(await connection.recv()) == 1 << 20
                received += 1
            await flooding


async def test_when_the_caller_leaves_the_model_hears_of_it(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        connection: ClientConnection = await caller(worker)
        await connection.send("in")
        connection.transport.abort()
        await until(lambda: bool(live.closed))
        assert live.closed == [1006]
        await until(lambda: bool(records(worker)))


async def test_when_the_model_closes_the_caller_hears_why(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        async with caller(worker) as connection:
            await connection.send("bye")
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000


async def test_a_drain_gives_open_connections_a_moment_and_ends_them(process: Any, table: Any) -> None:
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True))
        async with caller(worker) as connection:
            await connection.send("before")
            assert await connection.recv() == "before"
            ending = asyncio.create_task(asyncio.to_thread(worker.terminate))
            await asyncio.sleep(0.6)
            await connection.send("meanwhile")
            assert await connection.recv() == "meanwhile"
            began = time.monotonic()
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            assert time.monotonic() - began < 5
            assert await ending == 0
        assert [each["status"] for each in records(worker)] == [101]


async def test_idle_connections_end_and_their_number_is_bounded(process: Any, table: Any) -> None:
    before = "import modelway_platform.gateway.proxy.tunnels.tunnel as t; t.IDLE_SECONDS = 1.0\n"
    before += "import modelway_platform.gateway.proxy.caller as c; c.MAX_TUNNELS = 1"
    async with model() as live:
        worker = process(table({"v1": (1, [live.at])}, websocket=True), before=before)
        async with caller(worker) as connection:
            with pytest.raises(InvalidStatus) as refused:
                await caller(worker)
            assert refused.value.response.status_code == 503
            for _ in range(4):
                await connection.send("still here")
                await connection.recv()
                await asyncio.sleep(0.4)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(connection.recv(), 8)
        async with caller(worker) as connection:
            await connection.send("room again")
            assert await connection.recv() == "room again"


async def test_it_works_over_tls(process: Any, table: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("gateway", "127.0.0.1")
    settings = f", certificates=(CertificatePair(certificate=Path({str(files[0])!r}), key=Path({str(files[1])!r})),)"
    async with model() as live:
        worker = process(
            table({"v1": (1, [live.at])}, websocket=True),
            before="from modelway_platform.gateway.proxy.edge.edge import CertificatePair",
            settings=settings,
        )
        trusting = ssl.create_default_context(cafile=str(authority.file))
        where = f"wss://127.0.0.1:{worker.port}/p/m/live"
        async with connect(where, ssl=trusting, max_size=None, compression=None, proxy=None) as connection:
            await connection.send(bytes(4 << 20))
            assert await connection.recv() == bytes(4 << 20)
            await connection.send("bye")
            with pytest.raises(ConnectionClosed):
                await connection.recv()
        await until(lambda: bool(records(worker)))
        assert [each["status"] for each in records(worker)] == [101]


# What no library sends


def test_what_follows_an_offer_at_once_is_never_read_as_a_request(gateway: Any, replica: Any, call: Any) -> None:
    refusing = replica(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
    gateway.table(refusing, websocket=True)
    caller = call(OFFER + b"GET /p/m/smuggled HTTP/1.1\r\nhost: h\r\n\r\n")
    answer = caller.answer()
    assert answer.first == "HTTP/1.1 403 Forbidden"
    assert answer.header("connection") == "close"
    assert caller.ended()
    assert [each.first for each in refusing.requests] == ["GET /live HTTP/1.1"]


def test_early_bytes_reach_the_model_behind_the_handshake(gateway: Any, replica: Any, call: Any) -> None:
    def script(peer: Any) -> None:
        peer.request()
        peer.send(
            b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-own: 1\r\n\r\nlate"
        )
        assert peer.take(5) == b"early"
        peer.send(b"done")

    gateway.table(replica(script), websocket=True)
    caller = call(OFFER + b"early")
    head = caller.head()
    assert head.first == "HTTP/1.1 101 Switching Protocols"
    assert (head.header("upgrade"), head.header("x-own")) == ("websocket", "1")
    assert caller.rest() == b"latedone"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_a_replica_that_switches_to_something_else_has_failed(
    gateway: Any, replica: Any, call: Any, answer: bytes
) -> None:
    gateway.table(replica(answer), websocket=True)
    assert call(OFFER).answer().first.startswith("HTTP/1.1 50")


def test_nobody_switches_without_being_asked(gateway: Any, replica: Any, call: Any) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    gateway.table(replica(switching), websocket=True)
    caller = call(b"GET /p/m/live HTTP/1.1\r\nhost: h\r\n\r\n")
    assert caller.answer().first.startswith("HTTP/1.1 50")


def test_an_offer_behind_another_request_is_refused(gateway: Any, replica: Any, call: Any) -> None:
    gateway.table(replica(), websocket=True)
    caller = call(b"GET /p/m/live HTTP/1.1\r\nhost: h\r\n\r\n" + OFFER)
    assert caller.answer().first == "HTTP/1.1 200 OK"
    assert caller.answer().first == "HTTP/1.1 400 Bad Request"


def test_a_side_that_has_ended_still_hears_the_other(gateway: Any, replica: Any, call: Any) -> None:
    def script(peer: Any) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        assert peer.rest() == b"all I say"
        peer.send(b"and the answer")

    gateway.table(replica(script), websocket=True)
    caller = call(OFFER)
    caller.head()
    caller.send(b"all I say")
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.rest() == b"and the answer"


def resident(worker: Any) -> int:
    with Path(f"/proc/{worker.process.pid}/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096
