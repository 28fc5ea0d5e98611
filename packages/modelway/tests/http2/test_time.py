"""Everything has a time: a peer that is silent, slow or takes nothing is cut off, one that makes progress is not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame, SettingsFrame, WindowUpdateFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Peer, Server

    Call = Callable[..., Peer]

CANCEL, CALM = 8, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize("octets", [b"", PREFACE[:5]])
def test_no_preface(server: Server, call: Call, octets: bytes) -> None:
    server.start(head_seconds=0.05)
    peer = call()
    peer.raw(octets)
    assert peer.end() == []


@pytest.mark.parametrize(
    "octets",
    [PREFACE, PREFACE + b"\0\0\0\4", PREFACE + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\4\1\5\0\0\0\1\x82"],
)
def test_frames_that_do_not_end(server: Server, call: Call, octets: bytes) -> None:
    server.start(head_seconds=0.05)
    peer = call()
    peer.raw(octets)
    assert peer.fault() == CALM


def test_a_block_that_does_not_end(server: Server, call: Call) -> None:
    server.start(head_seconds=0.1)
    peer = call().greet()
    peer.send(peer.block(1, b"\x83", whole=False))
    assert peer.fault() == CALM


def test_frames_of_which_a_byte_comes_now_and_then(server: Server, call: Call) -> None:
    server.start(head_seconds=0.2)
    peer = call().greet()
    began = time.monotonic()
    try:
        for octet in peer.head(1, "/echo", ("a", "b" * 400)).serialize():
            peer.raw(bytes([octet]))
            time.sleep(0.02)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert time.monotonic() - began < 5


def test_a_body_that_stops_and_one_that_may(server: Server, call: Call) -> None:
    server.start(body_idle_seconds=0.1)
    peer = call().greet()
    peer.send(peer.head(1, "/patient", ended=False), peer.head(3, ended=False), DataFrame(3, b"x"))
    assert peer.reset(3) == CANCEL
    assert server.events.seen.count("overdue") == 1
    time.sleep(0.2)
    peer.send(DataFrame(1, b"at last", flags=["END_STREAM"]))
    assert peer.answer(1) == b"at last"


def test_a_body_that_only_drips(server: Server, call: Call) -> None:
    server.start(body_idle_seconds=0.3, min_bytes_per_second=1000)
    peer = call().greet()
    peer.send(peer.head(1, ended=False))
    ends = time.monotonic() + 30
    while "overdue" not in server.events.seen:
        assert time.monotonic() < ends
        peer.send(DataFrame(1, b"x"))
        time.sleep(0.02)


def test_a_deadline(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/late"))
    assert peer.reset(1) == CANCEL
    assert "late" in server.events.seen


def test_an_answer_that_is_not_taken(server: Server, call: Call) -> None:
    server.start(write_stall_seconds=0.2)
    peer = call().greet(INITIAL_WINDOW_SIZE=10)
    peer.send(peer.head(1, "/big?1000"))
    assert peer.reset(1) == CANCEL
    server.wait_for(lambda: "left /big?1000" in server.events.seen)
    peer.send(peer.head(3))
    assert peer.answer(3) == b""


def test_an_answer_that_is_taken_slowly(server: Server, call: Call) -> None:
    server.start(write_stall_seconds=2)
    peer = call().greet(INITIAL_WINDOW_SIZE=0)
    peer.send(peer.head(1, "/big?30"))
    for _ in range(3):
        time.sleep(0.8)
        peer.send(WindowUpdateFrame(1, window_increment=10))
    assert len(peer.answer(1)) == 30


def test_a_peer_that_does_not_read(server: Server, call: Call) -> None:
    server.start(write_stall_seconds=0.2)
    peer = call(4096).greet(INITIAL_WINDOW_SIZE=2**31 - 1)
    peer.send(WindowUpdateFrame(0, window_increment=2**31 - 1 - 65_535))
    peer.send(peer.head(1, f"/big?{64 << 20}"), peer.head(3, "/hold"))
    server.wait_for(lambda: not server.listener.connections)
    assert "left /hold" in server.events.seen


def test_a_silent_peer_is_asked_for_a_sign_of_life(server: Server, call: Call) -> None:
    server.start(head_seconds=1, keep_alive_seconds=0.1, sign_of_life_seconds=1)
    peer = call().greet()
    for _ in range(3):  # who answers, stays
        asked = peer.until(lambda each: isinstance(each, PingFrame))[-1]
        peer.send(PingFrame(0, opaque_data=asked.opaque_data, flags=["ACK"]))  # type: ignore[attr-defined]
    peer.send(peer.head(1, "/hold"))
    server.wait_for(lambda: "left /hold" in server.events.seen)
    assert isinstance(peer.end()[-1], PingFrame)


def test_a_connection_without_calls_ends_in_an_orderly_way(server: Server, call: Call) -> None:
    server.start(head_seconds=1, idle_seconds=0.2)
    peer = call().greet()
    peer.send(peer.head(1, "/hold"))
    time.sleep(1.4)
    server.release()
    assert peer.answer(1) == b"held"
    frames = peer.end()
    farewells = [(each.last_stream_id, each.error_code) for each in frames if isinstance(each, GoAwayFrame)]
    assert farewells == [(2**31 - 1, 0), (1, 0)]


def test_slow_but_sure(server: Server, call: Call) -> None:
    server.start(body_idle_seconds=1.0, head_seconds=1.0)
    peer = call().greet()
    peer.send(peer.head(1, ended=False))
    for _ in range(6):
        time.sleep(0.05)
        peer.send(DataFrame(1, b"x" * 100))
    peer.send(DataFrame(1, b"", flags=["END_STREAM"]), SettingsFrame(0))
    assert len(peer.answer(1)) == 600
