"""Answers of every kind come through whole, and what is behind them does not."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from journeys.raw_peers import Ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Received, Replica

ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 500\r\n\r\n',
    "error": b"HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "no phrase": b"HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno",
    "unregistered": b"HTTP/1.1 799 X\r\nContent-Length: 2\r\n\r\nno",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    "long head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 300 + b"\r\nContent-Length: 2\r\n\r\nok",
}
ENDED_BY_CLOSING = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "nothing": b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n",
    "old": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "close chunked": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "old length": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "proxy-connection": b"HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 5\r\n\r\nhello",
}
REQUEST = b"%b /p/m/predict HTTP/1.%d\r\nHost: x\r\nX-Request-Id: same\r\n\r\n"
Seen = tuple[int, list[tuple[str, str]], bytes]


def seen(answer: Received) -> Seen:
    return answer.status, answer.headers, answer.body


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_split_anywhere_are_the_same(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str
) -> None:
    answer = ANSWERS[name]
    cuts = iter([len(answer), len(answer), *range(1, len(answer))])

    def script(peer: Peer) -> None:
        while peer.request():
            cut = next(cuts)
            peer.send(answer[:cut])
            time.sleep(0.0006)
            peer.send(answer[cut:])

    gateway.table(replica(script), idempotent=True)
    caller = call()
    caller.send(REQUEST % (b"GET", 1))
    whole = seen(caller.answer())
    assert (b"llo" in answer) == (whole[2] == b"hello")
    for each in range(len(answer)):
        caller.send(REQUEST % (b"GET", 1))
        assert seen(caller.answer()) == whole, each
    assert {each["status"] for each in gateway.records()} == {whole[0]}


@pytest.mark.parametrize("name", ANSWERS | ENDED_BY_CLOSING)
@pytest.mark.parametrize("minor", [0, 1])
def test_answers_byte_by_byte(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str, minor: int
) -> None:
    answer = (ANSWERS | ENDED_BY_CLOSING)[name]
    size = 0

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send_split(answer, size)
            if name in ENDED_BY_CLOSING:
                return

    gateway.table(replica(script))
    got: list[Seen] = []
    for size in (1000, 1, 1000):  # noqa: B007 (the script reads it)
        caller = call(REQUEST % (b"GET", minor))
        got.append(seen(caller.answer()))
        if minor == 0:
            assert caller.ended()
    assert got[0] == got[1] == got[2]
    assert (b"llo" in answer) == (got[0][2] == b"hello")
    names = [each for each, _ in got[0][1]]
    assert ("transfer-encoding" in names) == (
        minor == 1 and "content-length" not in names and got[0][0] not in {204, 304}
    )


@pytest.mark.parametrize("name", ANSWERS)
def test_connections_are_kept(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str
) -> None:
    only = replica(ANSWERS[name])
    gateway.table(only)
    caller = call()
    for _ in range(5):
        caller.send(REQUEST % (b"GET", 1))
        caller.answer()
    assert len(only.peers) == 1


@pytest.mark.parametrize("name", ENDED_BY_CLOSING)
def test_connections_are_not_kept(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(ENDED_BY_CLOSING[name])
        if "no" not in name and name != "old":
            assert peer.ended()  # the gateway closes, too

    only = replica(script)
    gateway.table(only)
    caller = call()
    for turn in range(1, 4):
        caller.send(REQUEST % (b"GET", 1))
        assert caller.answer().status == 200
        assert len(only.peers) == turn
        assert gateway.idle() == 0


@pytest.mark.parametrize("name", ANSWERS | ENDED_BY_CLOSING)
def test_answers_to_head_have_no_body(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str
) -> None:
    """Whether or not the replica sends one."""
    whole = (ANSWERS | ENDED_BY_CLOSING)[name]
    begins = whole.rindex(b"HTTP/1")
    ends = whole.index(b"\r\n\r\n", begins) + 4
    bodies = iter([b"", b"", whole[ends:] or b"hello", b""])

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(whole[:ends] + next(bodies))

    gateway.table(replica(script), idempotent=True)
    caller = call()
    for _ in range(4):
        caller.send(REQUEST % (b"HEAD", 1))
        answer = caller.answer(to_head=True)
        assert answer.status == int(whole[begins + 9 : begins + 12])
        assert answer.header("transfer-encoding") is None
    assert caller.silent(0.02)


def test_head_keeps_the_connection(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def script(peer: Peer) -> None:
        while True:
            method = peer.request().first.split(" ")[0]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (b"" if method == "HEAD" else b"hello"))

    only = replica(script)
    gateway.table(only)
    caller = call()
    for method in (b"HEAD", b"GET", b"HEAD", b"HEAD", b"GET"):
        caller.send(REQUEST % (method, 1))
        answer = caller.answer(to_head=method == b"HEAD")
        assert answer.header("content-length") == "5"
        assert answer.body == (b"" if method == b"HEAD" else b"hello")
    assert len(only.peers) == 1


EXTRA = [b"x", b"\r\nx", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"0\r\n\r\n", b"\r\n\r\n"]


@pytest.mark.parametrize("name", ["length", "empty", "chunked", "204", "304", "interim"])
@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("when", ["at once", "later"])
def test_what_is_behind_an_answer_reaches_nobody(  # noqa: PLR0917
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str, extra: bytes, when: str
) -> None:
    answered, written, given_up = (threading.Semaphore(0) for _ in range(3))

    def script(peer: Peer) -> None:
        peer.request()
        if when == "later":  # not read together with the answer, however late the gateway reads
            peer.send(ANSWERS[name])
            assert answered.acquire(timeout=30)
            peer.send(extra)
        else:
            peer.send(ANSWERS[name] + extra)
        written.release()
        try:
            while peer.request():  # the gateway ends it: a replica that does may do so while the next request comes
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
        except (Ended, ConnectionResetError):
            given_up.release()
            raise

    only = replica(script)
    gateway.table(only)
    caller = call()
    expected = {"interim": 201, "204": 204, "304": 304}.get(name, 200)
    goes_on = extra == b"\r\n\r\n" and when == "at once"  # empty lines before an answer are read over
    for _ in range(3):
        caller.send(REQUEST % (b"GET", 1))
        answer = caller.answer()
        assert (answer.status, answer.body) in {(expected, b"hello"), (expected, b""), (200, b"next")}
        assert (answer.body == b"next") <= goes_on
        if answer.body != b"next":
            answered.release()
            assert written.acquire(timeout=30)  # what comes behind the next request would be its answer
            assert goes_on or given_up.acquire(timeout=30)
    assert caller.silent(0.01)


GARBAGE = {
    "text": b"hello there\r\n\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00",
    "bare lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "http/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "rtsp": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ice": b"ICE/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status": b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok",
    "low status": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "coded": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coded only": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "nul": b"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 2\r\n\r\nok",
    "space before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "empty lines": b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000,
    "only interim": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("size", [1 << 20, 47])
def test_garbage_is_no_answer(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], name: str, size: int
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send_split(GARBAGE[name], max(size, len(GARBAGE[name]) // 8))
        if name == "only interim":
            return
        assert not peer.rest()

    gateway.table(replica(script), timeout=2)
    caller = call(REQUEST % (b"POST", 1))
    if name == "bad chunk" and size == 47:
        assert not caller.rest().endswith(b"0\r\n\r\n")  # the head was on its way already
    else:
        answer = caller.answer()
        assert (answer.status, answer.error) == (502, "replica_failed")
    assert gateway.records()[-1]["code"] == "replica_failed"
    assert gateway.idle() == 0


def test_a_large_head_comes_through(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    lines = b"".join(b"X-%d: %b\r\n" % (each, b"y" * 500) for each in range(60))
    gateway.table(replica(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok"))
    caller = call()
    for _ in range(3):
        caller.send(REQUEST % (b"GET", 1))
        assert len(caller.answer().headers) == 63


def test_pipelined_requests_are_answered_in_order(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def script(peer: Peer) -> None:
        while True:
            asked = peer.request()
            if asked.target == "/slow":
                time.sleep(0.02)
            if asked.target == "/head":
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
                continue
            body = asked.target.encode() + asked.body
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    gateway.table(replica(script), max_body_bytes=10)
    get, post = b"GET /p/m/%b HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /p/m/%b HTTP/1.1\r\nHost: x\r\n%b"
    requests = [
        get % b"slow",
        post % (b"a", b"Content-Length: 3\r\n\r\nabc"),
        get % b"metrics",
        post % (b"b", b"Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"),
        b"HEAD /p/m/head HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /_/livez HTTP/1.1\r\nHost: x\r\n\r\n",
        get % b"slow",
        get % b"z",
    ]
    expected = [b"/slow", b"/aabc", 404, b"/bde", b"", b'{"status":"live"}', b"/slow", b"/z"]
    for size in (1 << 20, 11):
        caller = call()
        caller.send_split(b"".join(requests), size)
        for turn, wanted in enumerate(expected):
            answer = caller.answer(to_head=turn == 4)
            assert answer.status == wanted if isinstance(wanted, int) else answer.body == wanted


def test_bodies_of_every_framing_arrive(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only)
    head = b"POST /p/m/a HTTP/1.1\r\nHost: x\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n"
    for size in (1 << 20, 1):
        caller = call()
        caller.send_split(head + b"Content-Length: 5\r\n\r\nhello", size)
        assert caller.answer().status == 200
        caller.send_split(chunked, size)
        assert caller.answer().status == 200
    assert {each.body for each in only.requests} == {b"hello"}
    assert not [each for each in only.requests if b";" in each.framing or b"X-Trailer" in each.framing]
    assert [each["bytes_in"] for each in gateway.records()] == [5] * 4
