"""Heads seen before go past the parser, with the same result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelway.http1.known_heads import MAX_HEADS, MAX_SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

POST = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b"
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def known(server: Server) -> int:
    return len(server.listener.known_heads._requests)  # pyright: ignore[reportPrivateUsage]


def post(target: bytes, body: bytes, lines: bytes = b"") -> bytes:
    return POST % (target, len(body), lines, body)


def test_each_body_is_its_own(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    for number in range(1000, 1100):
        caller.send(post(b"/echo", b"%d" % number))
        assert caller.answer().body == b"%d" % number
    assert known(server) == 1


def test_pieces_and_several_at_once(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    data = post(b"/echo", b"0123")
    for _ in range(3):
        caller.send(data)
        assert caller.answer().body == b"0123"
    assert known(server) == 1
    for at in range(1, len(data)):
        caller.send(data[:at])
        server.call(lambda: None)
        caller.send(data[at:] + data + data[:at])
        assert [caller.answer().body for _ in range(2)] == [b"0123"] * 2
        caller.send(data[at:])
        assert caller.answer().body == b"0123"


@pytest.mark.parametrize("target", [b"/hold", b"/later", b"/raise", b"/refuse-early", b"/answer-early", b"/stream"])
def test_the_same_again_and_again(server: Server, call: Callable[..., Caller], target: bytes) -> None:
    server.start()
    answers: list[object] = []
    for _ in range(5):
        caller = call()
        caller.send(post(target, b"abc"))
        if target == b"/hold":
            server.release()
        answer = caller.answer()
        answers.append((answer.status, answer.body, answer.headers.get("connection")))
        caller.close()
    assert answers == [answers[0]] * 5
    server.wait_for(lambda: server.connections == 0)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /a HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        b"\r\n\r\n" + GET,
        b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3000 + b"\r\n\r\n",
    ],
)
def test_only_plain_heads_are_kept(server: Server, call: Callable[..., Caller], data: bytes) -> None:
    server.start()
    caller = call()
    for _ in range(4):
        caller.send(data)
        answer = caller.answer()
        if answer.status == 100:
            answer = caller.answer()
        assert answer.status == 200
    assert known(server) == 0


def test_body_over_the_limit(server: Server, call: Callable[..., Caller]) -> None:
    server.start(max_body_bytes=3)
    caller = call()
    for _ in range(5):
        caller.send(post(b"/echo", b"abcd"))
        assert caller.answer().status == 413
        caller.send(post(b"/echo", b"abc"))
        assert caller.answer().body == b"abc"


def test_bounded(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    for start in range(0, MAX_HEADS + MAX_SEEN + 100, 1000):
        caller = call()
        for number in range(start, start + 1000):
            data = post(b"/echo", b"", b"X: %d\r\n" % number)
            for _ in range(2):
                caller.send(data)
                assert caller.answer().status == 200
        caller.close()
    assert known(server) <= MAX_HEADS
    assert len(server.listener.known_heads._seen) <= MAX_SEEN  # pyright: ignore[reportPrivateUsage]


def test_heads_that_always_differ_are_not_looked_up_for_ever(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    for number in range(100):
        caller.send(post(b"/echo", b"%d" % number, b"X-Request-Id: %d\r\n" % number))
        assert caller.answer().body == b"%d" % number
    assert known(server) == 0
    assert len(server.listener.known_heads._seen) < 20  # pyright: ignore[reportPrivateUsage]


def test_during_a_drain(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    callers = [call(), call()]
    for _ in range(3):
        callers[0].send(GET)
        assert callers[0].answer().body == b"/a"
    server.call(lambda: setattr(server.listener, "draining", True))
    callers[0].send(GET)
    assert callers[0].answer().headers["connection"] == "close"
    assert callers[0].ended()
