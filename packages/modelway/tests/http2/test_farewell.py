"""A drain in two steps: no call is lost between saying that no more are wanted and naming the last one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame, RstStreamFrame, WindowUpdateFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Peer, Server

    Call = Callable[..., Peer]


def farewell(peer: Peer) -> GoAwayFrame:
    found = peer.until(lambda each: isinstance(each, GoAwayFrame))[-1]
    assert isinstance(found, GoAwayFrame)
    return found


def test_calls_between_the_two_steps_are_answered_and_later_ones_ignored(server: Server, call: Call) -> None:
    server.start(farewell_seconds=20)
    peer = call().greet()
    peer.send(peer.head(1, "/hold"))
    server.wait_for(lambda: bool(server.events.held))
    drained = asyncio.run_coroutine_threadsafe(server.listener.drain(20), server.loop)
    first = farewell(peer)
    assert (first.last_stream_id, first.error_code) == (2**31 - 1, 0)
    ping = peer.until(lambda each: isinstance(each, PingFrame))[-1]
    peer.send(peer.head(3, "/hold"))  # it had not read the farewell yet
    peer.send(PingFrame(0, opaque_data=ping.opaque_data, flags=["ACK"]))  # type: ignore[attr-defined]
    assert farewell(peer).last_stream_id == 3
    peer.send(peer.head(5, ended=False), WindowUpdateFrame(5, window_increment=1), DataFrame(5, b"x"))
    peer.send(RstStreamFrame(5, error_code=8))
    assert peer.alive()
    server.wait_for(lambda: len(server.events.held) == 2)
    server.release()
    assert peer.answer(1) == peer.answer(3) == b"held"
    assert peer.end() == []
    assert drained.result(20) is True
    assert "begun /echo" not in server.events.seen


def test_a_peer_that_does_not_answer_the_ping_is_not_waited_for_long(server: Server, call: Call) -> None:
    server.start(farewell_seconds=0.1)
    call().greet()
    assert server.run(server.listener.drain(20)) is True


def test_connections_made_while_draining(server: Server, call: Call) -> None:
    server.start()
    idle = call()
    held = call().greet()
    held.send(held.head(1, "/hold"))
    server.wait_for(lambda: bool(server.events.held))
    drained = asyncio.run_coroutine_threadsafe(server.listener.drain(20), server.loop)
    farewell(held)
    idle.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")  # accepted before, greeted after
    idle.send(idle.head(1))
    assert idle.answer(1) == b""
    idle.end()
    server.release()
    assert held.answer(1) == b"held"
    held.end()
    assert drained.result(20) is True


def test_what_is_not_answered_in_time_is_dropped(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/hold"))
    server.wait_for(lambda: bool(server.events.held))
    assert server.run(server.listener.drain(0.2)) is False
    assert "left /hold" in server.events.seen
