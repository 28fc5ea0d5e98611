"""Streams of a real model server, through the gateway: piece by piece, and ended when the caller leaves."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

HANDLER = """
import asyncio, time
from collections.abc import AsyncIterator
from modelway import Handler, inference

class Ticks(Handler):
    def load(self) -> None:
        self.open = 0

    @inference
    async def ticks(self, count: int) -> AsyncIterator[float]:
        self.open += 1
        try:
            for _ in range(count):
                await asyncio.sleep(0.1)
                yield time.time()
        finally:
            self.open -= 1

    @inference
    def running(self) -> int:
        return self.open
"""


class ModelServer:
    """What a route table needs to know of a replica."""

    def __init__(self, port: int) -> None:
        self.port = port


@pytest.fixture
def model(tmp_path: Path) -> Generator[ModelServer, None, None]:
    (tmp_path / "ticks.py").write_text(HANDLER)
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "ticks:Ticks", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().decode()
        yield ModelServer(int(ready.split("http://127.0.0.1:")[1].split()[0]))
        process.terminate()


def ask(port: int, endpoint: str, body: bytes) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = (
        f"POST /p/m/{endpoint} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    caller.sendall(head.encode() + body)
    return caller


def test_pieces_pass_as_they_are_made(gateway: Any, model: ModelServer) -> None:
    gateway.table(model)
    with ask(gateway.port, "ticks", b'{"count": 4}') as caller, caller.makefile("rb") as answer:
        delays: list[float] = []
        while (line := answer.readline()) != b"0\r\n":
            assert line
            if line.startswith(b"data: "):
                delays.append(time.time() - float(line[6:]))
    assert len(delays) == 4
    assert max(delays) < 0.09


def test_a_caller_who_leaves_the_gateway_ends_the_stream_in_the_model(gateway: Any, model: ModelServer) -> None:
    gateway.table(model)
    with ask(gateway.port, "ticks", b'{"count": 100000}') as caller:
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
    ends = time.monotonic() + 5
    open_streams = b""
    while time.monotonic() < ends and not open_streams.endswith(b"\r\n\r\n0"):
        with ask(gateway.port, "running", b"{}") as caller:
            open_streams = caller.recv(4096)
        time.sleep(0.02)
    assert open_streams.endswith(b"\r\n\r\n0")
