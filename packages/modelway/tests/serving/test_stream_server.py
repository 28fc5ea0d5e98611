"""Streams and async stages over real sockets: forms, slow readers, callers who leave, errors on the way."""

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

HANDLER = """
import asyncio, time
from collections.abc import AsyncIterator, Iterator
from modelway import Handler, inference

class Streamer(Handler):
    def load(self) -> None:
        self.made = self.open = 0

    @inference
    def count(self, to: int, fail_at: int = -1) -> Iterator[dict[str, int]]:
        self.open += 1
        try:
            for number in range(to):
                if number == fail_at:
                    raise RuntimeError("secret")
                self.made += 1
                yield {"number": number}
        finally:
            self.open -= 1

    @inference
    async def wide(self, pieces: int, size: int) -> AsyncIterator[str]:
        self.open += 1
        try:
            for _ in range(pieces):
                self.made += 1
                yield "x" * size
        finally:
            self.open -= 1

    @inference
    async def slow(self, pieces: int, seconds: float) -> AsyncIterator[float]:
        for _ in range(pieces):
            await asyncio.sleep(seconds)
            yield time.time()

    @inference
    async def wait(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @inference
    def state(self) -> dict[str, int]:
        return {"made": self.made, "open": self.open}
"""

Serve = Callable[..., Any]


@pytest.fixture(params=["0", "1"], ids=["thread", "process"])
def server(request: pytest.FixtureRequest, serve: Serve, project: Path) -> Any:
    (project / "streamer.py").write_text(HANDLER)
    return serve("streamer:Streamer", "--model-processes", request.param).until_ready()


@pytest.fixture
def caller(server: Any) -> Generator[http.client.HTTPConnection, None, None]:
    connection = server.connect()
    yield connection
    connection.close()


def post(
    caller: http.client.HTTPConnection, path: str, body: Any, accept: str = "*/*", **headers: str
) -> http.client.HTTPResponse:
    caller.request("POST", path, json.dumps(body), {"Accept": accept, **headers})
    return caller.getresponse()


def until_closed(server: Any) -> dict[str, int]:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        _, state, _ = server.ask("POST", "/state", {})
        if not state["open"]:
            return state
        time.sleep(0.02)
    raise AssertionError("the generator was not closed")


def test_forms_errors_and_connections_kept(server: Any, caller: http.client.HTTPConnection) -> None:
    answer = post(caller, "/count", {"to": 3}, "text/event-stream", **{"X-Request-Id": "r1"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert (answer.headers["transfer-encoding"], answer.headers["x-request-id"]) == ("chunked", "r1")
    assert answer.read() == b"".join(b'data: {"number":%d}\n\n' % number for number in range(3))
    answer = post(caller, "/count", {"to": 2})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.read() == b'{"number":0}\n{"number":1}\n'
    answer = post(caller, "/count", {"to": 2}, "application/json")
    assert json.loads(answer.read()) == [{"number": 0}, {"number": 1}]
    answer = post(caller, "/count", {"to": 0}, "text/event-stream")
    assert (answer.status, answer.read()) == (200, b"")

    answer = post(caller, "/count", {"to": 9, "fail_at": 1}, "text/event-stream", **{"X-Request-Id": "r2"})
    first, last, rest = answer.read().split(b"\n\n")
    assert (answer.status, first, rest) == (200, b'data: {"number":0}', b"")
    assert last.startswith(b"event: error\ndata: ")
    error = json.loads(last.partition(b"data: ")[2])["error"]
    assert (error["code"], error["request_id"], "secret" in str(error)) == ("handler_failed", "r2", False)
    answer = post(caller, "/count", {"to": 9, "fail_at": 1})
    assert json.loads(answer.read().splitlines()[-1])["error"]["code"] == "handler_failed"
    for refused, status in (({"to": 9, "fail_at": 0}, 500), ({"to": "x"}, 422)):
        answer = post(caller, "/count", refused, "text/event-stream")
        assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
        assert json.loads(answer.read())["error"]["code"]
    text = server.ask("GET", "/metrics")[1].decode()
    assert re.search(r'requests_total\{[^}]*"count",code="500"\} 3$', text, re.MULTILINE)


def test_pieces_arrive_as_they_are_made(caller: http.client.HTTPConnection) -> None:
    answer = post(caller, "/slow", {"pieces": 4, "seconds": 0.1}, "text/event-stream")
    delays: list[float] = []
    while line := answer.readline():
        if line.startswith(b"data: "):
            delays.append(time.time() - float(line[6:]))
    assert len(delays) == 4
    assert max(delays) < 0.09


def test_async_requests_wait_side_by_side(server: Any) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(server.ask, ["POST"] * 16, ["/wait"] * 16, [{"seconds": 0.3}] * 16))
    assert [body for _, body, _ in answers] == ["done"] * 16
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [("/wide", {"pieces": 100000, "size": 10000}, 5000), ("/count", {"to": 2**40}, 2_000_000)],
)
def test_a_caller_who_does_not_read_stops_the_model_and_nobody_else(
    server: Any, path: str, body: dict[str, int], most: int
) -> None:
    data = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as lazy:
        lazy.sendall(b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(data), data))
        made = -1
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            _, state, _ = server.ask("POST", "/state", {})
            if state["made"] == made > 0:
                break
            made = state["made"]
            time.sleep(0.1)
        assert 0 < made < most
        assert server.ask("POST", "/state", {})[1]["made"] == made
    assert until_closed(server)["made"] <= made + 200


def test_a_caller_who_leaves_ends_the_stream(server: Any, caller: http.client.HTTPConnection) -> None:
    for path, body in (("/count", {"to": 2**40}), ("/slow", {"pieces": 10**6, "seconds": 0.001})):
        with socket.create_connection(("127.0.0.1", server.port)) as leaving:
            data = json.dumps(body).encode()
            leaving.sendall(
                b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(data), data)
            )
            assert leaving.recv(1000).startswith(b"HTTP/1.1 200")
        until_closed(server)
    assert post(caller, "/count", {"to": 1}).read() == b'{"number":0}\n'


def test_a_stream_under_way_is_finished_before_the_server_ends(server: Any, caller: http.client.HTTPConnection) -> None:
    answer = post(caller, "/slow", {"pieces": 10, "seconds": 0.1})
    answer.readline()
    server.process.terminate()
    assert len(answer.read().splitlines()) == 9
    assert server.process.wait(10) == 0
