"""What is passed on of heads, in both directions, and the request's id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Received, Replica

IDS = r"[0-9a-f]{16}-[0-9a-f]+"


def through(gateway: Gateway, only: Replica, caller: Peer, lines: bytes) -> tuple[Received, Received]:
    """(what the replica got, what the caller got)."""
    gateway.table(only)
    caller.send(b"GET /p/m/predict HTTP/1.1\r\nHost: there\r\n" + lines + b"\r\n")
    answer = caller.answer()
    return only.requests[-1], answer


def test_ordinary_headers_pass_in_order(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    lines = b"Accept: a/b\r\nX-A:  1 \r\nX-A: 2\r\nCookie: c\r\nTraceparent: 00-1\r\nX-Utf: \xc3\xa4\r\n"
    got, _ = through(gateway, replica(), call(), lines)
    assert got.first == "GET /predict HTTP/1.1"
    expected = [
        ("host", "there"),
        ("accept", "a/b"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("cookie", "c"),
        ("traceparent", "00-1"),
        ("x-utf", "Ã¤"),
    ]
    assert got.headers[:-1] == expected
    assert got.headers[-1][0] == "x-request-id"


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer x",
        "X-API-Key: x",
        "x_api_key: x",
        "Modelway-Version: v9",
        "MODELWAY-Anything: x",
        "modelway_version: x",
        "X-Request-Id: a b",
        "X_Request_Id: forged",
        "Connection: close, X-Secret, host, content-length\r\nX-Secret: 1",
        "Connection: X-Secret\r\nConnection: keep-alive\r\nX-Secret: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: close",
        "Proxy-Authorization: x",
        "TE: trailers",
        "Trailer: X-A",
        "Upgrade: websocket\r\nConnection: upgrade",
    ],
)
def test_what_ends_at_the_gateway(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], line: str
) -> None:
    got, _ = through(gateway, replica(), call(), line.encode() + b"\r\n")
    assert [name for name, _ in got.headers] == ["host", "x-request-id"]
    assert re.fullmatch(IDS, got.header("x-request-id") or "")


def test_old_caller_without_host(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    only = replica()
    gateway.table(only)
    caller = call(b"GET /p/m/predict HTTP/1.0\r\n\r\n")
    assert caller.answer().body == b"ok"
    assert caller.ended()
    assert only.requests[0].first.endswith("HTTP/1.1")
    assert only.requests[0].header("host") == "modelway"


@pytest.mark.parametrize(
    ("method", "length"), [("GET", None), ("HEAD", None), ("DELETE", None), ("POST", "0"), ("PUT", "0"), ("PATCH", "0")]
)
def test_an_empty_body_is_said_where_one_is_expected(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], method: str, length: str | None
) -> None:
    only = replica()
    gateway.table(only)
    call(f"{method} /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n".encode()).answer(to_head=True)
    assert only.requests[0].first == f"{method} /predict HTTP/1.1"
    assert only.requests[0].header("content-length") == length


@pytest.mark.parametrize("given", ["abc", "A-1_b.c~d:e/f+g=h@i", "x" * 128, "abc \t"])
def test_a_good_id_is_kept(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], given: str
) -> None:
    got, answer = through(gateway, replica(), call(), f"x-ReQuest-id: {given}\r\n".encode())
    expected = given.strip()
    assert (got.header("x-request-id"), answer.header("x-request-id")) == (expected, expected)
    assert gateway.records()[0]["request_id"] == expected


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "ä", "a,b", "{}", "a\\b", "a%0d"])
def test_a_bad_id_is_replaced(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], given: str
) -> None:
    got, answer = through(gateway, replica(), call(), b"X-Request-Id: " + given.encode() + b"\r\n")
    made = got.header("x-request-id") or ""
    assert re.fullmatch(IDS, made)
    assert answer.header("x-request-id") == made == gateway.records()[0]["request_id"]


def test_ids_are_all_different(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    only, caller = replica(), call()
    made = {through(gateway, only, caller, b"")[1].header("x-request-id") for _ in range(20)}
    assert len(made) == 20


def test_refusals_carry_the_id(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    gateway.table(replica(), access="key")
    answer = call(b"GET /p/m/x HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n").answer()
    assert (answer.status, answer.header("x-request-id")) == (401, "mine")


def test_the_answers_head(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    only = replica(
        b"HTTP/1.1 299 Whatever\r\nServer: s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Request-Id: forged\r\nModelway-Version:"
        b" forged\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: x\r\n"
        b"Trailer: x\r\nTE: x\r\nUpgrade: h2c\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nok"
    )
    _, answer = through(gateway, only, call(), b"X-Request-Id: mine\r\n")
    assert answer.status == 299
    assert answer.body == b"ok"
    assert answer.headers == [
        ("server", "s"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("content-length", "2"),
        ("content-type", "a/b"),
        ("x-request-id", "mine"),
        ("modelway-version", "v1"),
    ]


def test_lengths_cannot_be_listed_away(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica(b"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\nok")
    gateway.table(only)
    caller = call(
        b"POST /p/m/a HTTP/1.1\r\nHost: x\r\nConnection: content-length, host\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert caller.answer().body == b"ok"
    assert (only.requests[0].body, only.requests[0].header("host")) == (b"abc", "x")


@pytest.mark.parametrize("size", [1, 7])
def test_a_head_in_many_segments(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], size: int
) -> None:
    only = replica()
    gateway.table(only)
    caller = call()
    request = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nContent-Length: 10\r\n\r\n0123456789"
    for _ in range(2):
        caller.send_split(request, size)
        assert caller.answer().body == b"ok"
    assert [each.body for each in only.requests] == [b"0123456789"] * 2


def test_continue_is_answered_here(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, max_body_bytes=100)
    head = b"POST /p/m/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    caller = call(head % 3)
    assert caller.answer().status == 100
    caller.send(b"abc")
    assert caller.answer().body == b"ok"
    assert only.requests[0].header("expect") is None
    refused = call(head % 101).answer()
    assert (refused.status, refused.header("connection")) == (413, "close")
