"""Callers that leave, half or whole, and a server that stops: nothing is lost, nothing is kept."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from modelway.http1 import listen, reuseport_socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from conftest import Caller, Server

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def reset(caller: Caller) -> None:
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()


def end(caller: Caller) -> None:
    caller.close()


def half_close(caller: Caller) -> None:
    caller.socket.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", [end, reset, half_close], ids=["end", "reset", "half"])
@pytest.mark.parametrize("data", [GET % b"/hold", BODY + b"x", GET % b"/endless"])
def test_leaving_is_told_once(
    server: Server, call: Callable[..., Caller], leave: Callable[[Caller], None], data: bytes
) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/a" + data)
    server.wait_for(lambda: len(server.events.seen) >= 3)
    assert caller.answer().body == b"/a"
    leave(caller)
    server.wait_for(lambda: server.connections == 0)
    assert server.events.count("left") == 1
    if server.events.held:
        server.release()  # the late answer goes nowhere and does no harm
    assert not server.events.loop_errors


@pytest.mark.parametrize("data", [b"", b"GET / HT", GET % b"/a"])
def test_leaving_with_nothing_outstanding_is_not_told(server: Server, call: Callable[..., Caller], data: bytes) -> None:
    server.start()
    caller = call()
    caller.send(data)
    if data.endswith(b"\r\n\r\n"):
        assert caller.answer().status == 200
    server.wait_for(lambda: server.connections == 1)
    caller.close()
    server.wait_for(lambda: server.connections == 0)
    assert server.events.count("left") == 0


def test_half_closed_caller_gets_what_was_answered(server: Server, call: Callable[..., Caller]) -> None:
    """The answer made at once, and all of a large one; only work still going on is given up."""
    server.start()
    for target, size in ((b"/a", 2), (b"/big?20000000", 20_000_000)):
        caller = call()
        caller.send(GET % target)
        half_close(caller)
        assert len(caller.answer().body) == size
        assert caller.ended()


def test_leaving_with_requests_in_line(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send((GET % b"/hold") * 3)
    server.wait_for(lambda: bool(server.events.held))
    reset(caller)
    server.release()
    server.wait_for(lambda: server.connections == 0 or bool(server.events.held))
    if server.events.held:
        server.release()
    server.wait_for(lambda: server.connections == 0)
    assert not server.events.loop_errors


def test_late_answers_are_ignored(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold")
    server.wait_for(lambda: bool(server.events.held))
    connection = server.connection
    server.release()
    assert caller.answer().body == b"held:"

    def again() -> None:
        connection.respond(200, b"twice")
        connection.start_stream(200, b"text/plain")
        connection.send_chunk(b"twice")
        connection.end_stream()
        connection.reject(500, "internal", "twice")

    server.call(again)
    caller.send(GET % b"/after")
    assert caller.answer().body == b"/after"


# Drain


def begin_drain(server: Server, seconds: float) -> Future[bool]:
    result = asyncio.run_coroutine_threadsafe(server.listener.drain(seconds), server.loop)
    server.wait_for(lambda: server.listener.draining)
    return result


def test_drain(server: Server, call: Callable[..., Caller]) -> None:
    """Idle ones end at once, new ones soon, busy ones get their answer with an end, half a request may still be finished."""
    server.start(linger_seconds=5, first_request_seconds=0.3)
    idle, fresh, busy, begun, large = (call(), call(), call(), call(), call(receive_buffer=4096))
    idle.send(GET % b"/a")
    assert idle.answer().status == 200
    busy.send(GET % b"/hold" + GET % b"/never-begun")
    begun.send(BODY)
    large.send(GET % b"/big?20000000")
    server.wait_for(lambda: len(server.events.seen) == 7 and server.connections == 5)
    clean = begin_drain(server, 10)
    assert idle.ended()
    assert fresh.ended()
    with pytest.raises(OSError, match="refused"):
        call()
    begun.send(b"x" * 1000)
    answer = begun.answer()
    assert (answer.body, answer.headers["connection"]) == (b"x" * 1000, "close")
    assert begun.ended()
    begun.close()
    server.release()
    answer = busy.answer()
    assert (answer.body, answer.headers["connection"]) == (b"held:", "close")
    assert busy.ended()
    busy.close()
    assert len(large.answer().body) == 20_000_000
    assert clean.result(5)
    assert "GET /never-begun" not in server.events.seen
    assert server.connections == 0


def test_the_first_request_of_who_had_just_connected_is_answered(server: Server, call: Callable[..., Caller]) -> None:
    server.start(first_request_seconds=30)
    fresh = call()
    server.wait_for(lambda: server.connections == 1)
    clean = begin_drain(server, 30)
    fresh.send(GET % b"/first")
    answer = fresh.answer()
    assert (answer.body, answer.headers["connection"]) == (b"/first", "close")
    assert fresh.ended()
    fresh.close()
    assert clean.result(20)


def test_a_request_that_has_arrived_unseen_is_answered(server: Server, call: Callable[..., Caller]) -> None:
    """The loop learns of a drain before it reads what came in the meantime."""
    server.start()
    caller = call()
    caller.send(GET % b"/a")
    assert caller.answer().status == 200

    async def send_and_drain() -> bool:
        caller.send(GET % b"/b")
        return await server.listener.drain(30)

    clean = asyncio.run_coroutine_threadsafe(send_and_drain(), server.loop)
    answer = caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"/b", "close")
    caller.close()
    assert clean.result(20)


def test_before_a_drain_new_callers_are_still_answered(server: Server, call: Callable[..., Caller]) -> None:
    """A replica that leaves says so in each answer for a moment; who comes meanwhile must not meet a closed door."""
    server.start()
    known = call()
    known.send(GET % b"/a")
    assert "connection" not in known.answer().headers
    server.call(lambda: setattr(server.listener, "draining", True))
    known.send(GET % b"/b")
    newcomer = call()
    newcomer.send(GET % b"/c")
    for caller, body in ((known, b"/b"), (newcomer, b"/c")):
        answer = caller.answer()
        assert (answer.body, answer.headers["connection"]) == (body, "close")
        assert caller.ended()


def test_drain_is_bounded(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold")
    server.wait_for(lambda: bool(server.events.held))
    began = time.monotonic()
    assert server.run(server.listener.drain(0.2)) is False
    assert 0.2 <= time.monotonic() - began < 1
    assert server.events.count("left") == 1
    assert server.connections == 0


def test_drain_waits_only_a_moment_for_callers_that_do_not_end(server: Server, call: Callable[..., Caller]) -> None:
    server.start(linger_seconds=0.1)
    caller = call()
    caller.send(GET % b"/hold")
    server.wait_for(lambda: bool(server.events.held))
    clean = begin_drain(server, 10)
    server.release()
    assert clean.result(2)
    assert caller.answer().body == b"held:"


# Nothing is kept


def test_thousands_of_connections(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    callers = [call() for _ in range(2000)]
    for each in callers:
        each.send(GET % b"/a")
    for each in callers:
        assert each.answer().body == b"/a"
    assert server.connections == 2000
    for each in callers:
        each.close()
    server.wait_for(lambda: server.connections == 0)


def test_connections_are_freed(server: Server, call: Callable[..., Caller]) -> None:
    """By reference counting alone: no cycle is left that only the collector would find."""
    server.start()
    gone: list[weakref.ref[object]] = []
    gc.disable()
    try:
        for data in (
            GET % b"/a",
            GET % b"/hold" + GET % b"/a",
            BODY,
            b"\x00\r\n\r\n",
            b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
            b"GE",
            GET % b"/raise",
        ):
            caller = call()
            caller.send(data)
            server.wait_for(lambda: server.connections == 1)
            gone.append(server.call(lambda: weakref.ref(server.connection)))
            time.sleep(0.02)
            if server.events.held:
                server.release()  # with a request in line nothing is read, so nobody is seen to leave
            caller.close()
            server.wait_for(lambda: server.connections == 0)
            server.events.held.clear()
            server.events.loop_errors.clear()
        server.call(lambda: None)
        assert [each() for each in gone] == [None] * len(gone)
    finally:
        gc.enable()


def test_memory_does_not_grow(server: Server, call: Callable[..., Caller], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="asyncio")  # its complaints about callers who are gone would be kept
    server.start()

    def round_of_connections() -> None:
        for data in (GET % b"/a", BODY, b"\x00", (GET % b"/a") * 50):
            for _ in range(50):
                caller = call()
                caller.send(data)
                caller.close()
        last = call()
        last.send(GET % b"/a")
        assert last.answer().status == 200
        last.close()
        server.wait_for(lambda: server.connections == 0)

    round_of_connections()
    server.events.seen.clear()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(5):
        round_of_connections()
    server.events.seen.clear()
    gc.collect()
    assert len(gc.get_objects()) - before < 3000  # the callers of the test itself


async def test_address_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await listen(lambda _: pytest.fail("no connection"), port=taken.getsockname()[1])


async def test_two_listeners_share_a_port() -> None:
    first = reuseport_socket("127.0.0.1", 0)
    listeners = [await listen(lambda _: pytest.fail("no connection"), sock=first)]
    with suppress(OSError):
        listeners.append(await listen(lambda _: pytest.fail("no connection"), port=listeners[0].port))
    assert [each.port for each in listeners] == [listeners[0].port] * 2
    await asyncio.gather(*(each.close() for each in listeners))
