"""The asyncio client against servers that behave, misbehave, and vanish."""

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Callable
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.client.answer_head import NotHttpError, read_chunk_size, read_head, request_head
from modelway.client.async_http_client import AsyncHttpClient
from modelway.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelwayError,
    NotFoundError,
    UnavailableError,
)

Serve = Callable[[Callable[[Any], Any]], Any]
RawServer = Any


async def test_answers_are_read_and_connections_used_again(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says(body=asked.body * 2, headers={"X-A": "1"}))
    async with AsyncHttpClient(server.url + "/base/", headers={"Authorization": "Bearer k"}) as client:
        for body in (b"ab", b"", b"x" * 3_000_000):
            answer = await client.request("POST", "/a%20b", body=body, headers={"X-B": "2"})
            assert (answer.status, answer.body, answer.headers["x-a"]) == (200, body * 2, "1")
        chunked = serve(lambda asked: says(chunks=[b"a", b"bc", b"d" * 70_000]))
        async with AsyncHttpClient(chunked.url) as other:
            assert (await other.request("GET", "/")).body == b"abc" + b"d" * 70_000
    assert {asked.connection for asked in server.asked} == {server.asked[0].connection}
    first = server.asked[0]
    assert (first.path, first.headers["authorization"], first.headers["x-b"]) == ("/base/a%20b", "Bearer k", "2")
    assert first.headers["host"] == server.url.removeprefix("http://")


async def test_calls_go_side_by_side_over_as_many_connections_as_allowed(serve: Serve, says: Any) -> None:
    there, all_there = threading.Semaphore(0), threading.Event()

    def answer(asked: Any) -> Any:
        there.release()
        all_there.wait(10)
        return says()

    server = serve(answer)
    async with AsyncHttpClient(server.url, connections=3) as client:
        calls = [asyncio.ensure_future(client.request("GET", "/")) for _ in range(7)]
        for _ in range(3):
            await asyncio.to_thread(there.acquire)
        assert not there.acquire(blocking=False), "three at a time"
        all_there.set()
        assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 7
    assert len({asked.connection for asked in server.asked}) == 3


async def test_errors_are_typed_and_named(serve: Serve, says: Any, unused_tcp_port: int) -> None:
    server = serve(lambda asked: says(404, b'{"error":{"code":"model_not_found","message":"no"}}'))
    async with AsyncHttpClient(server.url, hints={"model_not_found": "look again"}) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.request("GET", "/x")
        assert (caught.value.error_code, caught.value.hint) == ("model_not_found", "look again")
        with pytest.raises(NotFoundError):
            await client.stream("GET", "/x")
        with pytest.raises(InvalidRequestError, match="header") as hidden:
            await client.request("GET", "/x", headers={"X-Key": "secret\r\nX: y"})
        assert "secret" not in str(hidden.value)
        assert hidden.value.__cause__ is None
    async with AsyncHttpClient(f"http://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(UnavailableError, match="refused"):
            await client.request("GET", "/")


ANSWERS = (
    (b"", "without an answer"),
    (b"HTTP/1.1 200 OK\r\ncontent-le", "without an answer"),
    (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "without an answer"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nabcdef", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", "without an answer"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n", "not HTTP"),
)


@pytest.mark.parametrize(("said", "words"), ANSWERS)
async def test_answers_that_are_none(raw_server: RawServer, said: bytes, words: str) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        with contextlib.suppress(OSError):
            connection.sendall(said)

    with raw_server(talk) as url:
        async with AsyncHttpClient(url) as client:
            with pytest.raises(UnavailableError, match=words):
                await client.request("POST", "/", body=b"1")


async def test_early_hints_and_bodies_that_end_with_the_connection(raw_server: RawServer) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + b"to the end" * 3)

    with raw_server(talk) as url:
        async with AsyncHttpClient(url) as client:
            for _ in range(2):
                assert (await client.request("GET", "/")).body == b"to the end" * 3


async def test_a_farewell_on_an_idle_connection_is_no_answer(raw_server: RawServer) -> None:
    """What a server says before it closes an idle connection must not be taken for the answer to the next request."""
    said = threading.Event()

    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)
        if number == 0:
            connection.sendall(b"HTTP/1.1 408 Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        said.set()

    with raw_server(talk) as url:
        async with AsyncHttpClient(url) as client:
            assert (await client.request("POST", "/")).body == b"0"
            await asyncio.to_thread(said.wait, 10)
            await asyncio.sleep(0.05)
            assert (await client.request("POST", "/")).body == b"1"


async def gone(connection: socket.socket) -> bool:
    connection.settimeout(10)
    try:
        return await asyncio.to_thread(connection.recv, 1) == b""
    except ConnectionError:
        return True


async def test_a_cancelled_call_ends_its_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with AsyncHttpClient(f"http://127.0.0.1:{port}", connections=1) as client:
            call = asyncio.ensure_future(client.request("POST", "/", body=b"1"))
            connection, _ = await asyncio.to_thread(listener.accept)
            with connection:
                await asyncio.to_thread(connection.recv, 65536)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert await gone(connection)
            with pytest.raises(DeadlineExceededError):  # its place in the pool is free again
                await client.request("POST", "/", until=asyncio.get_running_loop().time() + 0.05)


async def test_a_stream_that_is_left_ends_its_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with AsyncHttpClient(f"http://127.0.0.1:{port}", connections=1) as client:
            for way in ("closed", "dropped"):
                begun = asyncio.ensure_future(client.stream("POST", "/"))
                connection, _ = await asyncio.to_thread(listener.accept)
                with connection:
                    await asyncio.to_thread(connection.recv, 65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\na\nb\n\r\n")
                    stream = await begun
                    lines = stream.lines()
                    assert [await anext(lines), await anext(lines)] == [b"a", b"b"]
                    if way == "closed":
                        stream.close()
                    del stream, lines, begun
                    gc.collect()
                    assert await gone(connection)


async def test_a_stream_read_to_its_end_gives_its_connection_back(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: says(chunks=[b"one\r\ntw", b"o\n\n", b"three"]))
    async with AsyncHttpClient(server.url) as client:
        for _ in range(2):
            async with await client.stream("POST", "/") as stream:
                assert [line async for line in stream.lines()] == [b"one", b"two", b"three"]
    assert len({asked.connection for asked in server.asked}) == 1


@settings(max_examples=300, deadline=None)
@given(
    status=st.integers(200, 599),
    fields=st.lists(
        st.tuples(
            st.sampled_from(["content-length", "transfer-encoding", "connection", "x-a", "X-B"]),
            st.sampled_from(
                ["0", "5", "5, 5", "5, 6", "-1", "chunked", "gzip", "close", "keep-alive", "Chunked", "a b"]
            ),
        ),
        max_size=4,
    ),
)
def test_heads_are_read_as_another_library_reads_them(status: int, fields: list[tuple[str, str]]) -> None:
    data = f"HTTP/1.1 {status} OK\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in fields) + b"\r\n"
    other = h11.Connection(h11.CLIENT)
    other.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    other.send(h11.EndOfMessage())
    other.receive_data(data + b"5\r\n12345\r\n0\r\n\r\n")
    try:
        head: Any = other.next_event()
        body: Any = other.next_event()
    except h11.RemoteProtocolError:
        head = body = None
    try:
        found = read_head(data, "GET")
    except NotHttpError:
        # We refuse more: encodings we never asked for, and lengths that contradict each other beside chunks.
        assert (
            head is None or "transfer-encoding" in dict(head.headers) or isinstance(body, h11.Data | h11.EndOfMessage)
        )
        return
    assert head is not None
    assert found.status == head.status_code
    if found.chunked:
        assert bytes(body.data) == b"12345"
    elif found.length == 0:
        assert isinstance(body, h11.EndOfMessage)
    elif found.length is not None:
        assert len(body.data) == found.length


@given(st.binary(max_size=300))
def test_no_octets_do_more_than_be_refused(data: bytes) -> None:
    for read in (lambda: read_head(data + b"\r\n\r\n", "GET"), lambda: read_chunk_size(data + b"\r\n")):
        with contextlib.suppress(NotHttpError):
            read()


def test_heads_of_requests_are_lines() -> None:
    assert request_head("GET", "/a", {"Host": "b"}) == b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
    for headers in ({"a": "b\nc"}, {"a\r\n": "b"}, {"a": "\N{SNOWMAN}"}, {"a": "\0"}):
        with pytest.raises(ValueError):  # noqa: PT011 - what it says is not shown to anybody
            request_head("GET", "/", headers)
    with pytest.raises(ModelwayError):
        AsyncHttpClient("ftp://x")
