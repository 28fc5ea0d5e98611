"""Waiting for parts that start: as long as they live, with a word now and then, and not for ever."""

import asyncio
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import ModelwayError
from modelway_platform.apps.child_process import ChildSettings
from modelway_platform.apps.probes import Patience, until_answering
from modelway_platform.apps.rolling import Rolling
from modelway_platform.apps.supervisor import Supervisor

CONTROL, GATEWAY = ("control", "http://c", "/readyz"), ("the gateway", "http://g", "/_/readyz")
AT_ONCE = Patience(pause=0)


class SlowStart:
    """A clock that moves with each look, and parts that answer after so many seconds of it."""

    def __init__(self, **after: float) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self._after = after

    def clock(self) -> float:
        return self.now

    def answers(self, url: str, _path: str) -> bool:
        self.now += 1.0
        return self.now - 100.0 >= self._after[url[-1]]

    async def wait(self, patience: Patience = AT_ONCE) -> None:
        await until_answering(
            (CONTROL, GATEWAY),
            say=self.said.append,
            hint="look there",
            patience=patience,
            answers=self.answers,
            clock=self.clock,
        )


async def test_a_start_of_minutes_is_waited_for_and_told_of() -> None:
    start = SlowStart(c=95, g=97)
    await start.wait()
    assert start.said == [f"control is still starting, after {seconds} s" for seconds in (10, 40, 70)]


async def test_a_quick_start_says_nothing() -> None:
    start = SlowStart(c=1, g=2)
    await start.wait()
    assert not start.said


async def test_there_is_an_end_after_minutes_and_it_says_who_was_not_ready() -> None:
    start = SlowStart(c=5, g=1e9)
    with pytest.raises(ModelwayError, match="the gateway was not ready after 300 s") as ended:
        await start.wait()
    assert ended.value.hint == "look there"
    assert start.now < 100 + 305


@pytest.fixture
def late() -> Iterator[tuple[str, threading.Event]]:
    """A real server that says 503 until it is told to be ready."""
    ready = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if ready.is_set() else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", ready
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_server_that_is_not_ready_yet_is_asked_until_it_is(late: tuple[str, threading.Event]) -> None:
    url, ready = late

    def say(_: str) -> None:
        ready.set()

    patience = Patience(silent=0.2)
    await asyncio.wait_for(until_answering((("control", url, "/readyz"),), say=say, patience=patience), 60)
    assert ready.is_set(), "it waited until it was said"


async def test_a_part_that_ends_meanwhile_ends_the_waiting(
    tmp_path: Path, supervisor_child: Callable[..., ChildSettings]
) -> None:
    lifeline, held = os.pipe()
    try:
        supervisor = Supervisor(
            supervisor_child("control", lifeline),
            Rolling(lambda _p, _i: supervisor_child("gateway", lifeline), 0, tmp_path, tmp_path / "roll"),
            say=lambda _: None,
        )
        never = SlowStart(c=1e9, g=1e9)
        with pytest.raises(ModelwayError, match="control ended with status 7 before the platform was ready"):
            await supervisor.run(lambda: never.wait(Patience(seconds=1e12, pause=0.01)), lambda: None)
    finally:
        os.close(lifeline)
        os.close(held)


@pytest.fixture
def supervisor_child() -> Callable[..., ChildSettings]:
    """One that falls after a moment."""

    def make(name: str, lifeline: int) -> ChildSettings:
        program = ("/bin/sh", "-c", "sleep 0.3; exit 7")
        return ChildSettings(name=name, arguments=program, environment={}, lifeline=lifeline, stop_seconds=5)

    return make
