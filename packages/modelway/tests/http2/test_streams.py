"""Requests and answers side by side, within both sides' windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
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


def test_a_body_comes_back_in_one_answer(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    for stream in (1, 3, 5):
        peer.send(peer.head(stream, ended=False), DataFrame(stream, b"hello %d" % stream, flags=["END_STREAM"]))
        frames = peer.until(lambda each: "END_STREAM" in each.flags)
        assert [type(each) for each in frames] == [HeadersFrame, DataFrame, HeadersFrame]
        assert frames[1].data == b"hello %d" % stream  # type: ignore[attr-defined]
        assert frames[2].lines == {b"end": b"yes"}  # type: ignore[attr-defined]


def test_padding_priority_continuations_and_unknown_frames(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    block = peer.head(1).data
    first = HeadersFrame(1, block[:3], flags=["PADDED", "PRIORITY"])
    first.pad_length, first.depends_on, first.stream_weight = 7, 0, 3
    last = ContinuationFrame(1, block[5:], flags=["END_HEADERS"])
    peer.send(PriorityFrame(9, depends_on=0, stream_weight=1))
    peer.raw(b"\0\0\3\x77\xff\0\0\0\1abc")
    peer.send(first, ContinuationFrame(1, block[3:5]), last)
    data = DataFrame(1, b"padded", flags=["PADDED", "END_STREAM"])
    data.pad_length = 200
    peer.send(data)
    assert peer.answer(1) == b"padded"


def test_forty_streams_are_answered_in_any_order(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    numbers = [2 * n + 1 for n in range(40)]
    peer.send(*[peer.head(number, "/hold") for number in numbers])
    server.wait_for(lambda: len(server.events.held) == 40)
    server.events.held.reverse()
    server.release()
    seen = [each.stream_id for each in peer.until(lambda each: each.stream_id == 1 and "END_STREAM" in each.flags)]
    assert sorted(set(seen)) == numbers
    assert seen[0] == numbers[-1]


def test_more_streams_than_allowed_are_refused_and_may_be_sent_again(server: Server, call: Call) -> None:
    server.start(max_streams=2)
    peer = call().greet()
    peer.send(*[peer.head(number, "/hold") for number in (1, 3, 5)])
    assert peer.reset(5) == 7  # REFUSED_STREAM: nothing was done
    peer.send(DataFrame(5, b"was on its way", flags=["END_STREAM"]))
    server.release()
    assert peer.answer(1) == peer.answer(3) == b"held"
    peer.send(peer.head(7))
    assert peer.answer(7) == b""


def test_large_answers_heed_windows_that_open_bit_by_bit(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/big?300000"))
    first = peer.until(lambda each: isinstance(each, DataFrame))
    size = len(first[-1].data)  # type: ignore[attr-defined]
    while size < 65_535:
        frame = peer.frame()
        assert isinstance(frame, DataFrame)
        size += len(frame.data)
    assert size == 65_535
    assert peer.alive()  # nothing more came in between
    peer.send(WindowUpdateFrame(1, window_increment=100_000))
    assert peer.alive()  # the connection's window is closed still
    peer.send(WindowUpdateFrame(0, window_increment=1))
    assert len(peer.until(lambda each: isinstance(each, DataFrame))[-1].data) == 1  # type: ignore[attr-defined]
    peer.send(WindowUpdateFrame(0, window_increment=1_000_000), WindowUpdateFrame(1, window_increment=1_000_000))
    assert len(peer.answer(1)) == 300_000 - 65_536


def test_answers_share_a_narrow_connection(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet(INITIAL_WINDOW_SIZE=1_000_000)
    peer.send(peer.head(1, "/big?500000"), peer.head(3, "/big?500000"))
    seen: list[int] = []
    while len(seen) < 4:
        frame = peer.frame()
        if isinstance(frame, DataFrame):
            seen.append(frame.stream_id)
            if len(seen) == 4:
                break
    peer.send(WindowUpdateFrame(0, window_increment=500_000))
    frames = peer.until(lambda each: isinstance(each, DataFrame) and each.stream_id == 3)
    assert frames  # it need not wait for the end of the first


def test_a_window_that_shrinks_below_nothing_and_grows_again(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet(INITIAL_WINDOW_SIZE=1000)
    peer.send(peer.head(1, "/big?5000"))
    assert len(peer.until(lambda each: isinstance(each, DataFrame))[-1].data) == 1000  # type: ignore[attr-defined]
    peer.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}))
    peer.send(WindowUpdateFrame(1, window_increment=1000))  # from -1000 to 0
    assert peer.alive()
    peer.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 4000}))
    assert len(peer.answer(1)) == 4000


def test_larger_frames_where_the_peer_takes_them(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet(INITIAL_WINDOW_SIZE=1 << 20, MAX_FRAME_SIZE=1 << 20)
    peer.send(WindowUpdateFrame(0, window_increment=1 << 20))
    peer.send(peer.head(1, "/big?200000"))
    sizes = [
        len(each.data) for each in peer.until(lambda each: "END_STREAM" in each.flags) if isinstance(each, DataFrame)
    ]
    assert sizes == [65_536, 65_536, 65_536, 200_000 - 3 * 65_536]


def test_a_smaller_table_is_acknowledged_before_the_next_block(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet(HEADER_TABLE_SIZE=0)
    peer.decoder.max_allowed_table_size = 0
    for stream in (1, 3):
        peer.send(peer.head(stream))
        assert peer.answer(stream) == b""


def test_pieces_are_sent_as_they_are_taken(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet(INITIAL_WINDOW_SIZE=0)
    peer.send(peer.head(1, "/pieces?20"))
    assert peer.alive()
    peer.send(WindowUpdateFrame(1, window_increment=12))
    assert len(peer.until(lambda each: isinstance(each, DataFrame) and len(each.data) == 2)) >= 3
    peer.send(WindowUpdateFrame(1, window_increment=88))
    assert len(peer.answer(1)) == 88


def test_an_answer_before_the_whole_request(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/refuse", ended=False))
    frames = peer.until(lambda each: isinstance(each, RstStreamFrame))
    assert frames[-1].error_code == 0  # type: ignore[attr-defined]
    assert "END_STREAM" in frames[-2].flags
    peer.send(*[DataFrame(1, b"x" * 1000) for _ in range(20)])  # it could not know
    peer.send(peer.block(1, peer.encoder.encode([("trailer", "x")])))
    peer.send(peer.head(3))
    assert peer.answer(3) == b""


def test_windows_of_ours_are_opened_as_data_comes(server: Server, call: Call) -> None:
    server.start(stream_window=65_535, connection_window=65_535)
    peer = call().greet()
    for stream in range(1, 20, 2):
        peer.send(peer.head(stream, ended=False))
        peer.send(*[DataFrame(stream, b"x" * 16_000) for _ in range(2)])
        peer.send(DataFrame(stream, b"", flags=["END_STREAM"]))
        assert len(peer.answer(stream, grant=True)) == 32_000


def test_large_bodies_take_turns(server: Server, call: Call) -> None:
    server.start(max_reserved_bytes=80_000, stream_window=1000, connection_window=1 << 20)
    peer = call().greet()
    for stream in (1, 3):
        peer.send(peer.head(stream, "/wide", ("size", "50000"), ended=False), DataFrame(stream, b"x" * 1000))
    granted = peer.until(lambda each: isinstance(each, WindowUpdateFrame) and each.stream_id > 0)[-1]
    assert (granted.stream_id, granted.window_increment) == (1, 49_000)  # type: ignore[attr-defined]
    assert peer.alive()
    peer.send(*[DataFrame(1, b"x" * 7_000, flags=["END_STREAM"] if n == 6 else []) for n in range(7)])
    granted = peer.until(lambda each: isinstance(each, WindowUpdateFrame) and each.stream_id == 3)[-1]
    assert granted.window_increment == 49_000  # type: ignore[attr-defined]
    peer.send(RstStreamFrame(3, error_code=8))
    server.wait_for(lambda: "left /wide" in server.events.seen)
    assert peer.alive()


def test_a_stream_that_is_reset_is_left_and_its_answer_dropped(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/hold"), peer.head(3, "/hold"))
    server.wait_for(lambda: len(server.events.held) == 2)
    peer.send(RstStreamFrame(1, error_code=8))
    server.wait_for(lambda: "left /hold" in server.events.seen)
    server.release()
    frames = peer.until(lambda each: "END_STREAM" in each.flags)
    assert {each.stream_id for each in frames} == {3}
    assert server.events.seen.count("left /hold") == 1


@pytest.mark.parametrize("how", ["close", "half", "goaway"])
def test_a_peer_that_goes(server: Server, call: Call, how: str) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/hold"))
    server.wait_for(lambda: len(server.events.held) == 1)
    if how == "close":
        peer.close()
    elif how == "half":
        peer.socket.shutdown(1)
    else:
        peer.send(GoAwayFrame(0, last_stream_id=0))
        server.release()
        assert peer.answer(1) == b"held"
        assert not peer.end()
        return
    server.wait_for(lambda: "left /hold" in server.events.seen)
    server.release()
    server.wait_for(lambda: not server.listener.connections)


def test_another_implementation_gets_along(server: Server, call: Call) -> None:
    server.start()
    peer = call()
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    client.initiate_connection()
    bodies: dict[int, bytes] = {}
    for number in range(10):
        stream = client.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "x"), ("n", str(number))]
        client.send_headers(stream, head)
        client.send_data(stream, b"x" * number * 700, end_stream=True)
        bodies[stream] = b""
    ended: set[int] = set()
    while len(ended) < 10:
        peer.raw(client.data_to_send())
        for event in client.receive_data(peer.socket.recv(65_536)):
            if isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                ended.add(event.stream_id)
    assert [len(each) for each in bodies.values()] == [n * 700 for n in range(10)]


def test_pings_are_answered_with_what_they_said(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(PingFrame(0, opaque_data=b"12345678"))
    found = peer.until(lambda each: isinstance(each, PingFrame))[-1]
    assert found.opaque_data == b"12345678"  # type: ignore[attr-defined]


def test_a_bug_in_a_hook_ends_the_connection_and_is_told_to_the_loop(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/hold"), peer.head(3, "/raise"))
    assert peer.fault() == 2
    assert "left /hold" in server.events.seen
    assert len(server.events.loop_errors) == 1
