"""One connection, many requests: persistence, pipelining, interim answers, and what each version of HTTP expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
CHUNKED = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b"


def post(target: bytes, body: bytes) -> bytes:
    return POST % (target, len(body), body)


def test_requests_share_a_connection(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    for number in range(50):
        caller.send(post(b"/echo", b"%d" % number))
        answer = caller.answer()
        assert (answer.status, answer.body) == (200, b"%d" % number)
        assert "connection" not in answer.headers
        assert "date" in answer.headers
    assert server.connections == 1


def test_close_is_honoured(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = caller.answer()
    assert answer.headers["connection"] == "close"
    assert caller.ended()


@pytest.mark.parametrize("header", [b"Connection", b"Proxy-Connection"])
def test_http_1_0(server: Server, call: Callable[..., Caller], header: bytes) -> None:
    server.start()
    caller = call()
    caller.send(b"GET /a HTTP/1.0\r\n\r\n")
    assert caller.answer().headers["connection"] == "close"
    assert caller.ended()
    caller = call()
    for _ in range(2):
        caller.send(b"GET /a HTTP/1.0\r\n%b: keep-alive\r\n\r\n" % header)
        assert caller.answer().headers["connection"] == "keep-alive"
    caller.send(b"GET /stream HTTP/1.0\r\n%b: keep-alive\r\n\r\n" % header)
    answer = caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"piece 0 piece 1 piece 2 ", "close")
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("version", [b"2.0", b"0.9"])
def test_proxy_connection_does_not_hide_the_version(
    server: Server, call: Callable[..., Caller], version: bytes
) -> None:
    server.start()
    caller = call()
    caller.send(b"GET /a HTTP/%b\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\n" % version)
    assert caller.answer().status == 505


def test_stream(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send((GET % b"/stream?100") + (GET % b"/after"))
    answer = caller.answer()
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["x-a"] == "b"
    assert answer.body == b"".join(b"piece %d " % number for number in range(100))
    assert caller.answer().body == b"/after"


def test_head_has_no_body(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(b"".join(b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in (b"/abc", b"/stream")))
    assert caller.answer(head=True).headers["content-length"] == "4"
    assert "transfer-encoding" not in caller.answer(head=True).headers
    caller.send(GET % b"/after")
    assert caller.answer().body == b"/after"
    caller = call()
    caller.send(b"HEAD /refuse-early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert caller.answer(head=True).status == 403
    assert caller.ended()


@pytest.mark.parametrize("status", [204, 304])
def test_bodiless_statuses(server: Server, call: Callable[..., Caller], status: int) -> None:
    server.start()
    caller = call()
    caller.send((GET % (b"/status?%d" % status)) + (GET % b"/after"))
    assert caller.answer().status == status
    assert caller.answer().body == b"/after"


def test_chunked_with_extensions_and_trailers(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    body = b'5;a=b\r\nhello\r\n1;q="x y"\r\n!\r\n0000;z\r\nX-Trailer: a\r\nHost: evil\r\n\r\n'
    caller.send((CHUNKED % (b"/echo", body)) * 2 + GET % b"/after")
    assert [caller.answer().body for _ in range(3)] == [b"hello!", b"hello!", b"/after"]


def test_thousands_in_one_segment(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(b"".join(post(b"/echo", b"%d" % number) for number in range(5000)))
    assert [caller.answer().body for _ in range(5000)] == [b"%d" % number for number in range(5000)]


def test_thousands_with_slow_answers_between(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    targets = [b"/later" if number % 100 == 0 else b"/echo" for number in range(2000)]
    caller.send(b"".join(post(target, b"%d" % number) for number, target in enumerate(targets)))
    expected = [(b"later:%d" if target == b"/later" else b"%d") % number for number, target in enumerate(targets)]
    assert [caller.answer().body for _ in targets] == expected


def test_pipelined_in_pieces_behind_a_slow_answer(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    data = GET % b"/hold" + post(b"/echo", b"0123456789") + CHUNKED % (b"/echo", b"3\r\nabc\r\n0\r\n\r\n")
    for at in range(len(data)):
        caller.send(data[at : at + 1])
    server.release()
    assert [caller.answer().body for _ in range(3)] == [b"held:", b"0123456789", b"abc"]


def test_body_of_a_waiting_request_arrives_later(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold" + b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
    server.release()
    assert caller.answer().body == b"held:"
    caller.send(b"def" + GET % b"/after")
    assert caller.answer().body == b"abcdef"
    assert caller.answer().body == b"/after"


def test_one_at_a_time(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold" + GET % b"/hold")
    server.wait_for(lambda: bool(server.events.held))
    assert caller.nothing_for(0.05)
    assert server.events.count("GET /hold") == 1
    server.release()
    server.release()
    assert [caller.answer().body for _ in range(2)] == [b"held:", b"held:"]


def test_malformed_behind_good_ones(server: Server, call: Callable[..., Caller]) -> None:
    """Those before it get their answers, in order, however slow; then it is refused."""
    server.start()
    caller = call()
    caller.send(GET % b"/hold" + post(b"/echo", b"b") + GET % b"/later" + b"\x00\x01\x02\r\n\r\n")
    server.release()
    assert [caller.answer().body for _ in range(3)] == [b"held:", b"b", b"later:"]
    answer = caller.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert caller.ended()


def test_broken_body_behind_a_good_request(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold" + CHUNKED % (b"/echo", b"3\r\nabc\r\nzz\r\n"))
    server.release()
    assert caller.answer().body == b"held:"
    assert caller.answer().status == 400
    assert caller.ended()
    assert server.events.count("left") == 1  # the request with the broken body


def test_blank_lines_before_a_request(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(b"\r\n\r\n" + GET % b"/a" + b"\r\n")
    assert caller.answer().body == b"/a"
    caller.send(b"\r\n" + GET % b"/b")
    assert caller.answer().body == b"/b"


def test_continue(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    for _ in range(2):
        caller.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue \r\n\r\n")
        assert caller.answer().status == 100
        caller.send(b"abc")
        assert caller.answer().body == b"abc"


def test_continue_for_a_request_that_waited(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(GET % b"/hold" + b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    server.release()
    assert caller.answer().body == b"held:"
    assert caller.answer().status == 100
    caller.send(b"abc")
    assert caller.answer().body == b"abc"


def test_no_continue_for_a_refused_body(server: Server, call: Callable[..., Caller]) -> None:
    server.start(max_body_bytes=10)
    for target, length, status in ((b"/echo", 11, 413), (b"/refuse-early", 3, 403)):
        caller = call()
        caller.send(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (target, length)
        )
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert caller.ended()


def test_other_expectations(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(b"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n")
    assert caller.answer().status == 417


def test_refusal_of_a_request_that_is_all_in_keeps_the_connection(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    caller = call()
    caller.send(post(b"/refuse-early", b"abc") + GET % b"/after")
    assert caller.answer().status == 403
    assert caller.answer().body == b"/after"


def test_answer_before_the_body_ends_the_connection(server: Server, call: Callable[..., Caller]) -> None:
    """Also where everything came in one segment: what is behind the last answer is not acted on."""
    server.start()
    caller = call()
    caller.send(post(b"/answer-early", b"abc") + GET % b"/after")
    answer = caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"early", "close")
    assert caller.ended()
    assert "GET /after" not in server.events.seen


def test_bug_in_a_hook(server: Server, call: Callable[..., Caller]) -> None:
    server.start()
    for before in (b"", GET % b"/later"):
        caller = call()
        caller.send(before + GET % b"/raise" + GET % b"/after")
        if before:
            assert caller.answer().body == b"later:"
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (500, "close")
        assert b"a bug" not in answer.body
        assert caller.ended()
    assert [str(each["exception"]) for each in server.events.loop_errors] == ["a bug", "a bug"]
    assert "GET /after" not in server.events.seen
