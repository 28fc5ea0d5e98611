"""What breaks HTTP/2 ends the stream or the connection with the code RFC 9113 names, and costs nobody else anything."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Peer, Server

    Call = Callable[..., Peer]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PROTOCOL, FLOW_CONTROL, CLOSED, SIZE, CANCEL, COMPRESSION, CALM = 1, 3, 5, 6, 8, 9, 11


def raw(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


BROKEN = {
    "data on stream 0": (raw(0, 0, 0, b"x"), PROTOCOL),
    "data on a stream that was not begun": (raw(0, 0, 7, b"x"), PROTOCOL),
    "data on an even stream": (raw(0, 0, 2, b"x"), PROTOCOL),
    "padding longer than the data": (raw(0, 8, 1, b"\x05abc"), PROTOCOL),
    "padded, but empty": (raw(0, 8, 1), PROTOCOL),
    "head on stream 0": (raw(1, 5, 0, b"\x82"), PROTOCOL),
    "head on an even stream": (raw(1, 5, 2, b"\x82"), PROTOCOL),
    "priority cut off": (raw(1, 0x25, 3, b"\0\0\0\0"), SIZE),
    "nonsense for a head": (raw(1, 5, 3, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    "a frame within a block": (raw(1, 1, 3, b"\x82") + raw(6, 0, 0, bytes(8)), PROTOCOL),
    "a continuation of another stream": (raw(1, 1, 3, b"\x82") + raw(9, 4, 5, b"\x82"), PROTOCOL),
    "a continuation of nothing": (raw(9, 4, 3, b"\x82"), PROTOCOL),
    "too many continuations": (raw(1, 1, 3) + raw(9, 0, 3, b"\x82") * 10, CALM),
    "a block without end": (raw(1, 1, 3, b"\x82" * 16_384) + raw(9, 0, 3, b"\x82" * 16_384) * 2, CALM),
    "a list without end": (raw(1, 5, 3, b"\x82" * 8000), CALM),
    "priority of the wrong size": (raw(2, 0, 3, bytes(4)), SIZE),
    "priority of stream 0": (raw(2, 0, 0, bytes(5)), PROTOCOL),
    "reset of stream 0": (raw(3, 0, 0, bytes(4)), PROTOCOL),
    "reset of a stream that was not begun": (raw(3, 0, 9, bytes(4)), PROTOCOL),
    "reset of the wrong size": (raw(3, 0, 1, bytes(3)), SIZE),
    "settings of a stream": (raw(4, 0, 1), PROTOCOL),
    "settings cut off": (raw(4, 0, 0, bytes(5)), SIZE),
    "settings acknowledged with some": (raw(4, 1, 0, bytes(6)), SIZE),
    "too many settings": (raw(4, 0, 0, b"\0\x04\0\0\0\1" * 65), SIZE),
    "push neither on nor off": (raw(4, 0, 0, b"\0\2\0\0\0\2"), PROTOCOL),
    "a window that is too large": (raw(4, 0, 0, b"\0\4\xff\xff\xff\xff"), FLOW_CONTROL),
    "frames that are too small": (raw(4, 0, 0, b"\0\5\0\0\0\1"), PROTOCOL),
    "frames that are too large": (raw(4, 0, 0, b"\0\5\x01\0\0\0"), PROTOCOL),
    "a promise": (raw(5, 4, 1, bytes(8)), PROTOCOL),
    "a ping of the wrong size": (raw(6, 0, 0, bytes(7)), SIZE),
    "a ping of a stream": (raw(6, 0, 1, bytes(8)), PROTOCOL),
    "a farewell of a stream": (raw(7, 0, 1, bytes(8)), PROTOCOL),
    "a farewell cut off": (raw(7, 0, 0, bytes(7)), SIZE),
    "a window that grows by nothing": (raw(8, 0, 0, bytes(4)), PROTOCOL),
    "a window of the wrong size": (raw(8, 0, 0, bytes(3)), SIZE),
    "a window of a stream that was not begun": (raw(8, 0, 9, b"\0\0\0\1"), PROTOCOL),
    "the connection's window beyond all bounds": (raw(8, 0, 0, b"\x7f\xff\xff\xff"), FLOW_CONTROL),
    "a frame beyond the size": (raw(0, 0, 1, bytes(16_385)), SIZE),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_connection_ends(server: Server, call: Call, name: str) -> None:
    server.start()
    octets, code = BROKEN[name]
    other, peer = call().greet(), call().greet()
    other.send(other.head(1, "/hold"))
    peer.send(peer.head(1, "/hold"))
    server.wait_for(lambda: len(server.events.held) == 2)
    peer.raw(octets)
    assert peer.fault() == code
    assert server.events.seen.count("left /hold") == 1
    server.release()
    assert other.answer(1) == b"held"
    assert not server.events.loop_errors


HEADS = {
    "no path": [(":method", "POST"), (":scheme", "http")],
    "an empty path": [(":method", "POST"), (":scheme", "http"), (":path", "")],
    "a path that is none": [(":method", "POST"), (":scheme", "http"), (":path", "x/y")],
    "two methods": [(":method", "POST"), (":method", "GET"), (":scheme", "http"), (":path", "/")],
    "an unknown pseudo-header": [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":status", "200")],
    "a pseudo-header behind a header": [(":method", "POST"), (":scheme", "http"), ("a", "b"), (":path", "/")],
    "a name in capitals": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("A", "b")],
    "a name with a space": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("a b", "c")],
    "an empty name": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("", "c")],
    "a line end in a value": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("a", "b\r\nc: d")],
    "a zero in a value": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("a", "b\0")],
    "a space before a value": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("a", " b")],
    "connection": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("connection", "close")],
    "transfer-encoding": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("transfer-encoding", "chunked")],
    "te that is not trailers": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("te", "gzip")],
    "two hosts": [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("host", "b")],
    "two lengths": [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        ("content-length", "1"),
        ("content-length", "2"),
    ],
    "a length that is none": [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "+1")],
}


@pytest.mark.parametrize("name", HEADS)
def test_a_malformed_head_ends_its_stream(server: Server, call: Call, name: str) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.block(1, peer.encoder.encode(HEADS[name]), ended=False), DataFrame(1, b"x", flags=["END_STREAM"]))
    assert peer.reset(1) == PROTOCOL
    peer.send(peer.head(3))
    assert peer.answer(3) == b""
    assert "begun /" not in server.events.seen


def test_bodies_that_are_not_as_long_as_they_say(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    for stream, said, came, ended in ((1, "5", b"1234", False), (3, "3", b"1234", False), (5, "1", b"", True)):
        peer.send(peer.head(stream, "/echo", ("content-length", said), ended=ended))
        if not ended:
            peer.send(DataFrame(stream, came, flags=["END_STREAM"]))
        assert peer.reset(stream) == PROTOCOL
    assert not [each for each in server.events.seen if each.startswith("whole")]
    peer.send(peer.head(7, "/echo", ("content-length", "2"), ended=False), DataFrame(7, b"12", flags=["END_STREAM"]))
    assert peer.answer(7) == b"12"


def test_streams_that_break_the_rules_end_alone(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1, "/hold"), DataFrame(1, b"after the end"))
    assert peer.reset(1) == CLOSED
    peer.send(peer.head(11, "/hold"), peer.head(11))
    assert peer.reset(11) == CLOSED
    peer.send(peer.head(13, "/hold"), WindowUpdateFrame(13, window_increment=2**31 - 1))
    assert peer.reset(13) == FLOW_CONTROL
    peer.send(peer.head(15, "/hold"))
    peer.raw(raw(8, 0, 15, bytes(4)))
    assert peer.reset(15) == PROTOCOL
    peer.send(peer.head(17, ended=False), peer.block(17, peer.encoder.encode([(":path", "/")])))
    assert peer.reset(17) == PROTOCOL
    peer.send(peer.head(19, ended=False), peer.block(19, peer.encoder.encode([("a", "b")]), ended=False))
    assert peer.reset(19) == PROTOCOL
    assert server.events.seen.count("left /hold") == 4
    assert peer.alive()


def test_more_data_than_a_window_allows(server: Server, call: Call) -> None:
    server.start(stream_window=10_000, connection_window=100_000)
    peer = call().greet()
    peer.send(peer.head(1, ended=False), DataFrame(1, b"x" * 10_001))
    assert peer.reset(1) == FLOW_CONTROL
    assert peer.alive()


def test_data_for_a_stream_that_is_over(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(peer.head(1))
    assert peer.answer(1) == b""
    peer.send(DataFrame(1, b"x"))
    assert peer.fault() == CLOSED
    peer = call().greet()
    peer.send(peer.head(1))
    assert peer.answer(1) == b""
    peer.send(peer.head(1))
    assert peer.fault() == CLOSED


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSN"],
)
def test_other_protocols_hear_so_in_http_1(server: Server, call: Call, octets: bytes) -> None:
    server.start()
    peer = call()
    peer.raw(octets)
    peer.socket.shutdown(socket.SHUT_WR)
    answer = b""
    while data := peer.socket.recv(4096):
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 ")
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"HTTP/2" in body


def test_the_preface_byte_by_byte_and_settings_first(server: Server, call: Call) -> None:
    server.start()
    peer = call()
    for at in range(len(PREFACE)):
        peer.raw(PREFACE[at : at + 1])
    peer.raw(raw(4, 0, 0))
    peer.send(peer.head(1))
    assert peer.answer(1) == b""
    wrong = call()
    wrong.raw(PREFACE + raw(6, 0, 0, bytes(8)))
    assert wrong.fault() == PROTOCOL


def test_frames_byte_by_byte(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    for octet in peer.head(1, ended=False).serialize() + DataFrame(1, b"slow", flags=["END_STREAM"]).serialize():
        peer.raw(bytes([octet]))
    assert peer.answer(1) == b"slow"


kinds = st.integers(0, 12)
numbers = st.sampled_from([0, 1, 1, 1, 2, 3, 5, 7, 2**31 - 1])
frames = st.builds(raw, kinds, st.integers(0, 255), numbers, st.binary(max_size=40))
valid = st.sampled_from(
    [
        raw(1, 4, 1, b"\x83\x86\x84"),
        raw(1, 5, 3, b"\x83\x86\x84"),
        raw(1, 0, 5, b"\x83\x86\x84"),
        raw(9, 4, 5, b""),
        raw(0, 1, 1, b"body"),
        raw(3, 0, 3, bytes(4)),
        raw(6, 0, 0, bytes(8)),
        raw(8, 0, 0, b"\0\0\0\1"),
        raw(4, 0, 0, b"\0\4\0\0\xff\xff"),
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.lists(st.one_of(valid, valid, frames, st.binary(max_size=12)), max_size=12))
def test_any_frames_at_all(server: Server, call: Call, octets: list[bytes]) -> None:
    if not hasattr(server, "listener"):
        server.start()
    peer = call()
    try:
        peer.greet()
        for each in octets:
            peer.raw(each)
        peer.socket.shutdown(socket.SHUT_WR)
        last: list[Frame] = peer.end()
    except (BrokenPipeError, ConnectionResetError):
        last = []
    finally:
        peer.close()
    assert all(each.error_code != 2 for each in last if isinstance(each, GoAwayFrame | RstStreamFrame))
    assert not server.events.loop_errors
    other = call().greet()
    other.send(other.head(1))
    assert other.answer(1) == b""
    other.close()


def test_settings_are_acknowledged_each(server: Server, call: Call) -> None:
    server.start()
    peer = call().greet()
    peer.send(*[SettingsFrame(0, settings={SettingsFrame.MAX_CONCURRENT_STREAMS: n}) for n in range(5)])
    for _ in range(5):
        peer.until(lambda each: isinstance(each, SettingsFrame) and "ACK" in each.flags)
