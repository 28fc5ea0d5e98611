"""The process: an orderly end, the supervisor's end, and its own addresses."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class Load:
    """Callers on threads, each one request after the other; a connection that ends in between is made anew."""

    def __init__(self, port: int, call: Callable[..., Peer], callers: int) -> None:
        self.failures: list[str] = []
        self.answered = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._port = port
        self._call = call
        self._threads = [threading.Thread(target=self._run) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                caller = self._call(port=self._port)
            except ConnectionRefusedError:
                return  # nobody listens any more: not a failed request
            with suppress(StopIteration):
                self._ask(caller)
            caller.close()

    def _ask(self, caller: Peer) -> None:
        while not self._stop.is_set():
            try:
                caller.send(GET % b"/p/m/predict")
                answer = caller.answer()
            except (OSError, Exception) as error:  # noqa: BLE001 (whatever it is, the request failed)
                with self._lock:
                    self.failures.append(repr(error))
                return
            with self._lock:
                self.answered += 1
                if answer.status != 200:
                    self.failures.append(answer.first)
            if answer.header("connection") == "close":
                return


def slow(peer: Peer) -> None:
    while peer.request():
        time.sleep(0.005)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_a_busy_worker_drains_without_a_failure(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    worker = process(table({"v1": (1, [replica(slow), replica(slow)])}))
    load = Load(worker.port, call, 8)
    time.sleep(0.3)
    assert worker.terminate() == 0
    load.stop()
    assert not load.failures
    assert load.answered > 50
    lines = [each for path in (worker.folder / "access").iterdir() for each in path.read_bytes().splitlines()]
    assert len([json.loads(each) for each in lines]) == load.answered


def test_one_of_two_workers_is_replaced_without_a_failure(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one = process(table({"v1": (1, [replica(slow), replica(slow)])}))
    process(index=1, port=one.port)
    load = Load(one.port, call, 8)
    time.sleep(0.2)
    assert one.terminate() == 0
    process(port=one.port)
    time.sleep(0.2)
    load.stop()
    assert not load.failures


def test_an_answer_on_its_way_is_finished(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    asked = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            time.sleep(0.04)
            peer.send(b"2\r\nok\r\n")
        peer.send(b"0\r\n\r\n")

    worker = process(table({"v1": (1, [replica(script)])}))
    caller = call(GET % b"/p/m/predict", port=worker.port)
    idle = call(port=worker.port)
    assert asked.wait(5)
    worker.process.send_signal(signal.SIGTERM)
    assert caller.answer().body == b"ok" * 20
    assert idle.ended()
    caller.close()
    assert worker.process.wait(3) == 0


def test_a_worker_without_a_supervisor_ends(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    worker = process(table({"v1": (1, [replica()])}))
    assert call(GET % b"/p/m/predict", port=worker.port).answer().status == 200
    os.write(worker.lifeline, b"something said is no end")
    time.sleep(0.05)
    assert call(GET % b"/p/m/predict", port=worker.port).answer().status == 200
    os.close(worker.lifeline)
    worker.lifeline = os.open(os.devnull, os.O_RDONLY)
    assert worker.process.wait(5) == 0


def test_an_address_that_is_taken_is_said(
    process: Callable[..., Process], replica: Callable[..., Replica], table: type[Table], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        worker = process(table({"v1": (1, [replica()])}), wait=False, port=taken.getsockname()[1])
        assert worker.process.wait(10) == 1
        assert "Address already in use" in worker.errors()


def test_many_descriptors_are_allowed(
    process: Callable[..., Process], replica: Callable[..., Replica], table: type[Table]
) -> None:
    lowered = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))"
    worker = process(table({"v1": (1, [replica()])}), before=lowered)
    with open(f"/proc/{worker.process.pid}/limits", encoding="utf-8") as limits:  # noqa: PTH123
        (line,) = [each for each in limits if each.startswith("Max open files")]
    assert line.split()[3:5] == ["4096", "4096"]


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/_/livez", 200, b'{"status":"live"}'),
        ("HEAD", "/_/livez", 200, b""),
        ("GET", "/_/readyz", 200, b'{"status":"ready","table":1}'),
        ("GET", "/_/livez?x", 200, b'{"status":"live"}'),
        ("POST", "/_/livez", 405, b"method_not_allowed"),
        ("GET", "/_/", 404, b"not_found"),
        ("GET", "/_/livez/", 404, b"not_found"),
        ("GET", "/_/../p/m/predict", 404, b"not_found"),
        ("GET", "/_", 401, b"unauthenticated"),
        ("GET", "/_x/livez", 401, b"unauthenticated"),
        ("GET", "//_/livez", 401, b"unauthenticated"),
        ("GET", "/%5f/livez", 401, b"unauthenticated"),
    ],
)
def test_own_addresses(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    method: str,
    path: str,
    status: int,
    body: bytes,
) -> None:
    gateway.table(replica(), access="key")
    answer = call(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).answer(to_head=method == "HEAD")
    assert answer.status == status
    assert body in answer.body


def test_not_ready_before_the_first_table(gateway: Gateway, call: Callable[..., Peer]) -> None:
    caller = call(GET % b"/_/readyz")
    answer = caller.answer()
    assert (answer.status, answer.error, answer.header("retry-after")) == (503, "not_ready", "1")
    caller.send(GET % b"/_/livez")
    assert caller.answer().status == 200
    caller.send(GET % b"/_/metrics")
    answer = caller.answer()
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
