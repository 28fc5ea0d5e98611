"""Frames that only make work are answered up to a point; calls that are made and taken give room for more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hyperframe.frame import (
    DataFrame,
    Frame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Peer, Server

    Call = Callable[..., Peer]

CALM = 11


FLOODS: dict[str, Callable[[Peer], list[Frame]]] = {
    "settings": lambda peer: [SettingsFrame(0)] * 3000,
    "pings": lambda peer: [PingFrame(0, opaque_data=b"12345678")] * 3000,
    "empty data": lambda peer: [DataFrame(1)] * 3000,
    "priorities": lambda peer: [PriorityFrame(1, depends_on=0, stream_weight=1)] * 3000,
    "windows of the connection": lambda peer: [WindowUpdateFrame(0, window_increment=1)] * 3000,
    "resets": lambda peer: [
        frame for n in range(3, 603, 2) for frame in (peer.head(n, "/hold"), RstStreamFrame(n, error_code=8))
    ],
    "resets that we are made to send": lambda peer: [
        frame for n in range(3, 603, 2) for frame in (peer.head(n, "/hold"), DataFrame(n, b"x"))
    ],
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_ends_the_connection(server: Server, call: Call, kind: str) -> None:
    server.start(nuisances=500)
    peer = call().greet()
    peer.send(peer.head(1, "/patient", ended=False))
    frames = FLOODS[kind](peer)
    try:
        for at in range(0, len(frames), 50):
            peer.send(*frames[at : at + 50])
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert peer.fault() == CALM
    server.wait_for(lambda: not server.listener.connections)
    begun = sum(1 for each in server.events.seen if each.startswith("begun"))
    assert begun < 160
    assert not server.events.loop_errors


def test_a_busy_connection_may_have_more_of_everything(server: Server, call: Call) -> None:
    server.start(nuisances=100)
    peer = call().greet()
    for stream in range(1, 801, 2):
        peer.send(
            peer.head(stream, ended=False),
            WindowUpdateFrame(0, window_increment=5),
            PingFrame(0, opaque_data=b"12345678"),
            DataFrame(stream, b"hello", flags=["END_STREAM"]),
        )
        assert peer.answer(stream) == b"hello"


def test_calls_that_are_ended_because_their_time_is_over_are_no_flood(server: Server, call: Call) -> None:
    """A gateway has one connection for many impatient callers."""
    server.start(nuisances=100)
    peer = call().greet()
    for stream in range(1, 1001, 2):
        peer.send(peer.head(stream, "/brief"), RstStreamFrame(stream, error_code=8))
    assert peer.alive()


def test_a_small_block_that_means_much(server: Server, call: Call) -> None:
    """A line of some kilobytes is put into the table once, and then named by one octet many times (an HPACK bomb)."""
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/echo", ("filler", "x" * 3900)))
    assert peer.answer(1) == b""
    peer.send(peer.block(3, peer.encoder.encode([(":method", "POST")]) + b"\xbe" * 4000))
    assert peer.fault() == CALM
    server.wait_for(lambda: not server.listener.connections)


def test_time_makes_up_for_some(server: Server, call: Call) -> None:
    server.start(nuisances=100, nuisance_seconds=0.0)
    peer = call().greet()
    for _ in range(5):
        peer.send(*[PingFrame(0, opaque_data=b"12345678")] * 90)
        assert peer.alive()


def test_answers_to_pings_do_not_pile_up(server: Server, call: Call) -> None:
    server.start(write_stall_seconds=30)
    peer = call(4096).greet(INITIAL_WINDOW_SIZE=2**31 - 1)
    peer.send(WindowUpdateFrame(0, window_increment=2**31 - 1 - 65_535))
    peer.send(peer.head(1, f"/big?{32 << 20}"))
    server.wait_for(lambda: server.connection._write_paused)  # pyright: ignore[reportPrivateUsage]
    peer.send(*[PingFrame(0, opaque_data=b"12345678")] * 300)
    server.wait_for(lambda: "left /big?33554432" in server.events.seen)
