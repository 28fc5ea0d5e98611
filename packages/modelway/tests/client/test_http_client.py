"""The HTTP client over real sockets: reuse, broken connections, timeouts, streams, typed errors."""

import io
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelway.client.addresses import path_of
from modelway.client.http_client import HttpClient, Timeouts
from modelway.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelwayError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)

Serve = Callable[[Callable[[Any], Any]], Any]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def read_head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    return data


def test_keeps_one_connection_for_many_requests(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says(body=b'{"n":1}'))
    with HttpClient(server.url, headers={"Authorization": "Bearer mw_x"}) as client:
        answers = [client.request("GET", "/a", query={"q": "x y&z"}) for _ in range(3)]
    assert [answer.json() for answer in answers] == [{"n": 1}] * 3
    assert len({asked.connection for asked in server.asked}) == 1
    assert server.asked[0].path == "/a?q=x+y%26z"
    assert server.asked[0].headers["authorization"] == "Bearer mw_x"


def test_a_prefix_in_the_url_is_kept(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says())
    with HttpClient(server.url + "/platform/") as client:
        client.request("GET", "/v1/status")
    assert server.asked[0].path == "/platform/v1/status"


def test_a_connection_closed_while_idle_is_not_used_again(raw_server: Any) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        read_head(connection)
        connection.sendall(OK)  # and is closed on return, without having said so

    with raw_server(talk) as url, HttpClient(url) as client:
        for _ in range(3):
            client.request("POST", "/x", body=b"1")
            time.sleep(0.05)


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PUT", 2), ("POST", 1)])
def test_only_what_is_safe_to_repeat_is_sent_again(raw_server: Any, method: str, times: int) -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket, number: int) -> None:
        heads.append(read_head(connection))
        connection.sendall(OK)
        if number == 0:
            heads.append(read_head(connection))  # the second request arrives, then the server dies

    with raw_server(talk) as url, HttpClient(url) as client:
        client.request("GET", "/first")
        if times == 2:
            assert client.request(method, "/second").status == 200
        else:
            with pytest.raises(UnavailableError, match="closed the connection without an answer"):
                client.request(method, "/second", body=b"{}")
    assert len([head for head in heads if b"/second" in head]) == times


def test_nobody_there_is_said_with_the_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}", hints={"unreachable": "start it"})
    with pytest.raises(UnavailableError, match="connection refused") as caught:
        client.request("GET", "/")
    assert (caught.value.error_code, caught.value.hint) == ("unreachable", "start it")


def test_a_silent_server_runs_into_the_timeout(raw_server: Any) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        read_head(connection)
        connection.recv(1)

    start = time.monotonic()
    late = pytest.raises(DeadlineExceededError, match=r"did not answer within 0\.1 s")
    with raw_server(talk) as url, HttpClient(url, timeouts=Timeouts(silence=0.1)) as client, late:
        client.request("GET", "/")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "octets",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_a_broken_answer_is_unreachable_not_a_traceback(raw_server: Any, octets: bytes) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        read_head(connection)
        connection.sendall(octets)

    with raw_server(talk) as url, HttpClient(url) as client, pytest.raises(UnavailableError) as caught:
        client.request("POST", "/")
    assert caught.value.error_code == "unreachable"


def test_an_upload_is_streamed_and_an_early_refusal_is_read(raw_server: Any) -> None:
    refusal = b'{"error":{"code":"payload_too_large","message":"too large","hint":"make it smaller"}}'

    def talk(connection: socket.socket, number: int) -> None:
        read_head(connection)
        connection.sendall(
            b"HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(refusal), refusal)
        )
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # a polite server: reads on for a moment, so that its answer is not lost
            pass

    size = 8_000_000
    with raw_server(talk) as url, HttpClient(url) as client, pytest.raises(InvalidRequestError) as caught:
        client.request("POST", "/p", body=io.BytesIO(b"x" * size), headers={"Content-Length": str(size)})
    assert (caught.value.error_code, caught.value.hint) == ("payload_too_large", "make it smaller")


def test_lines_are_seen_as_they_come_and_closing_stops_the_server(serve: Serve, says: Any) -> None:
    stopped: list[bool] = []

    def chunks() -> Iterator[bytes]:
        try:
            for number in range(10_000):
                yield b'{"n":%d}\n\n' % number
                time.sleep(0.02)
        finally:
            stopped.append(True)

    server = serve(lambda asked: says(chunks=chunks()))
    start = time.monotonic()
    with HttpClient(server.url) as client, client.stream("GET", "/w") as stream:
        lines = stream.lines()
        assert [next(lines) for _ in range(3)] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert time.monotonic() - start < 2
    until = time.monotonic() + 5
    while not stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert stopped


def test_a_stream_may_be_silent_only_as_long_as_allowed(serve: Serve, says: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"1\n"
        time.sleep(1)

    server = serve(lambda asked: says(chunks=chunks()))
    with HttpClient(server.url) as client, client.stream("GET", "/w", silence=0.1) as stream:
        lines = stream.lines()
        assert next(lines) == b"1"
        with pytest.raises(DeadlineExceededError):
            next(lines)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "version_not_found", NotFoundError),
        (503, "overloaded", OverloadedError),
        (500, "brand_new", ModelwayError),
    ],
)
def test_our_errors_come_back_as_their_classes(
    serve: Serve, says: Any, status: int, code: str, kind: type[ModelwayError]
) -> None:
    body = b'{"error":{"code":"%s","message":"m","hint":"","request_id":"r1","details":[{"line":3}]}}' % code.encode()
    server = serve(lambda asked: says(status, body, headers={"retry-after": "7"}))
    with HttpClient(server.url) as client, pytest.raises(kind) as caught:
        client.request("GET", "/x")
    error = caught.value
    assert (error.error_code, error.message, error.request_id, error.details) == (code, "m", "r1", ({"line": 3},))
    assert error.hint == "try again in 7 s"


@pytest.mark.parametrize("body", [b"<html>a page</html>", b'{"detail":"x"}', b'{"error":"text"}', b"[]", b""])
def test_a_strangers_error_says_who_was_asked(serve: Serve, says: Any, body: bytes) -> None:
    server = serve(lambda asked: says(404, body, headers={"content-type": "text/html"}))
    with (
        HttpClient(server.url) as client,
        pytest.raises(NotFoundError, match=r"GET http://.*/x was answered with status 404$"),
    ):
        client.request("GET", "/x", query={"secret": "1"})


def test_redirections_are_not_followed(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says(302, b"", headers={"location": "http://127.0.0.1:1/"}))
    with HttpClient(server.url) as client, pytest.raises(ModelwayError, match="status 302"):
        client.request("GET", "/x")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:7070", "ftp://h", "http://", "http://u:secret@h", "http://h?a=1", "http://h:99999", "http://[x"]
)
def test_unusable_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        HttpClient(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["mw_x\r\nX-Evil: 1", "mw_\u20ac"])
def test_a_header_that_cannot_be_sent_is_refused_without_showing_it(serve: Serve, says: Any, value: str) -> None:
    server = serve(lambda asked: says())
    with (
        HttpClient(server.url, headers={"Authorization": value}) as client,
        pytest.raises(InvalidRequestError) as caught,
    ):
        client.request("GET", "/")
    assert "mw_" not in "".join(traceback.format_exception(caught.value))
    assert server.asked == []


def test_no_name_leaves_its_place_in_a_path() -> None:
    assert path_of("a b", "c/d?e#f", "ü", "sha256:0") == "/a%20b/c%2Fd%3Fe%23f/%C3%BC/sha256:0"
    for bad in ("", ".", "..", "\udcff"):
        with pytest.raises(InvalidRequestError):
            path_of("a", bad)
