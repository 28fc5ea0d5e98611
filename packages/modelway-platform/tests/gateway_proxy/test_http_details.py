"""Corners of RFC 9112 and RFC 9110 that a proxy meets: trailers, 100-continue, HEAD, HTTP/1.0, ends in the middle."""

import socket
import threading
from typing import Any

import pytest

POST = b"POST /p/m/predict HTTP/1.1\r\nhost: h\r\n"


def test_trailers_of_a_request_end_at_the_gateway(gateway: Any, replica: Any, call: Any) -> None:
    only = replica()
    gateway.table(only)
    chunked = POST + b"trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"
    caller = call(chunked)
    assert caller.answer().status == 200
    (received,) = only.requests
    assert received.body == b"hello"
    assert received.header("x-sum") is None
    assert received.header("trailer") is None
    caller.send(POST + b"content-length: 2\r\n\r\n{}")  # and the connection goes on
    assert caller.answer().status == 200


def test_trailers_of_an_answer_end_at_the_gateway(gateway: Any, replica: Any, call: Any) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"
    )
    gateway.table(replica(answer))
    caller = call(POST + b"content-length: 2\r\n\r\n{}")
    received = caller.answer()
    assert (received.body, received.header("trailer")) == (b"hello", None)
    caller.send(POST + b"content-length: 2\r\n\r\n{}")
    assert caller.answer().body == b"hello"


def test_a_body_that_will_be_refused_is_not_invited(gateway: Any, replica: Any, call: Any) -> None:
    only = replica()
    gateway.table(only, access="key", max_body_bytes=10)
    expecting = POST + b"expect: 100-continue\r\ncontent-length: 1000\r\n"
    assert call(expecting + b"\r\n").answer().status == 401
    assert call(expecting + b"x-api-key: mw_caller\r\n\r\n").answer().status == 413
    assert not only.requests


def test_an_invited_body_reaches_the_replica_without_the_expectation(gateway: Any, replica: Any, call: Any) -> None:
    only = replica()
    gateway.table(only)
    caller = call(POST + b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n")
    assert caller.head().status == 100
    caller.send(b"hello")
    assert caller.answer().status == 200
    (received,) = only.requests
    assert (received.body, received.header("expect")) == (b"hello", None)


def test_interim_answers_of_a_replica_are_not_passed_on(gateway: Any, replica: Any, call: Any) -> None:
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    )
    gateway.table(replica(answer))
    caller = call(POST + b"content-length: 2\r\n\r\n{}")
    assert caller.answer().status == 200
    assert caller.silent(0.2)


@pytest.mark.parametrize(
    "framing", [b"content-length: 5\r\n\r\nhello", b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_an_old_caller_gets_what_it_understands(gateway: Any, replica: Any, call: Any, framing: bytes) -> None:
    gateway.table(replica(b"HTTP/1.1 200 OK\r\n" + framing))
    caller = call(b"GET /p/m/predict HTTP/1.0\r\nhost: h\r\n\r\n")
    head = caller.head()
    assert head.status == 200
    assert head.header("transfer-encoding") is None
    assert head.header("connection") == "close"
    assert caller.rest() == b"hello"


def test_an_old_caller_that_asks_for_it_keeps_its_connection(gateway: Any, replica: Any, call: Any) -> None:
    gateway.table(replica(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"))
    caller = call()
    for _ in range(2):
        caller.send(b"GET /p/m/predict HTTP/1.0\r\nhost: h\r\nconnection: keep-alive\r\n\r\n")
        answer = caller.answer()
        assert (answer.body, answer.header("connection")) == (b"hello", "keep-alive")


def test_head_says_the_length_and_sends_nothing(gateway: Any, replica: Any, call: Any) -> None:
    gateway.table(replica(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"))
    caller = call(b"HEAD /p/m/predict HTTP/1.1\r\nhost: h\r\n\r\n")
    assert caller.answer(to_head=True).header("content-length") == "5"
    assert caller.silent(0.2)


@pytest.mark.parametrize("sent", [b"GET /p/m", POST, POST + b"content-length: 9\r\n\r\nhalf"])
def test_a_caller_that_ends_in_the_middle_is_not_waited_for(gateway: Any, replica: Any, call: Any, sent: bytes) -> None:
    reached, gone = threading.Event(), threading.Event()

    def script(peer: Any) -> None:
        try:
            peer.more()
            reached.set()
            peer.request()
        finally:
            gone.set()

    gateway.table(replica(script))
    caller = call(sent)
    assert b"half" not in sent or reached.wait(5)
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.ended()
    if b"half" in sent:
        assert gone.wait(5)


def test_a_replica_that_half_closes_behind_its_answer_is_not_asked_again(gateway: Any, replica: Any, call: Any) -> None:
    noticed = threading.Semaphore(0)

    def script(peer: Any) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        peer.socket.shutdown(socket.SHUT_WR)
        peer.rest()
        noticed.release()

    only = replica(script)
    gateway.table(only)
    caller = call()
    for _ in range(3):
        caller.send(POST + b"content-length: 2\r\n\r\n{}")
        assert caller.answer().status == 200
        assert noticed.acquire(timeout=30)  # before that, asking again is right: nobody could know
