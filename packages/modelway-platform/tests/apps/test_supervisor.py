"""The supervisor over stand-in children: restarts, order of the end, and what happens when it dies itself."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import ModelwayError
from modelway_platform.apps.child_process import ChildSettings
from modelway_platform.apps.rolling import Rolling
from modelway_platform.apps.supervisor import ROLL_SIGNAL, Supervisor

CHILD = """
import os, signal, sys, time
name, lifeline, notes, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
def say(text):
    with open(notes, "a") as file:
        file.write(f"{name} {text} {os.getpid()}\\n")
def stop(*_):
    time.sleep(0.1)
    say("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
say("started")
if mode == "fall":
    sys.exit(7)
if mode == "orphan" and os.fork() == 0:
    time.sleep(0.2)
    os._exit(0)
os.read(lifeline, 1)
say("lost its supervisor")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    return path


def notes_in(tmp_path: Path) -> list[list[str]]:
    path = tmp_path / "notes"
    return [line.rsplit(" ", 1) for line in path.read_text().splitlines()] if path.exists() else []


def run_program(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program])


async def until(what: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def started(tmp_path: Path) -> set[str]:
    return {what.split()[0] for what, _ in notes_in(tmp_path) if what.endswith("started")}


def child(script: Path, name: str, lifeline: int, mode: str = "") -> ChildSettings:
    arguments = (sys.executable, "-I", str(script), name, str(lifeline), str(script.parent / "notes"), mode)
    return ChildSettings(name=name, arguments=arguments, environment={}, lifeline=lifeline, stop_seconds=5)


async def test_restarts_what_falls_and_ends_workers_before_control(script: Path, tmp_path: Path) -> None:
    lifeline, held = os.pipe()
    said: list[str] = []
    ready: list[bool] = []
    supervisor = Supervisor(
        child(script, "control", lifeline),
        Rolling(lambda _, index: child(script, f"worker-{index}", lifeline), 2, tmp_path, tmp_path / "roll"),
        say=said.append,
    )
    running = asyncio.create_task(
        supervisor.run(lambda: until(lambda: len(started(tmp_path)) == 3), lambda: ready.append(True))
    )
    await until(lambda: ready)
    first = {what: int(pid) for what, pid in notes_in(tmp_path)}
    killed = time.monotonic()
    os.kill(first["control started"], signal.SIGKILL)
    os.kill(first["worker-1 started"], signal.SIGKILL)
    await until(lambda: len(notes_in(tmp_path)) == 5)
    assert time.monotonic() - killed < 10
    assert sorted(said) == [
        "control was killed by signal 9; starting it again",
        "worker-1 was killed by signal 9; starting it again",
    ]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    ends = [what for what, _ in notes_in(tmp_path) if what.endswith("stopped")]
    assert sorted(ends[:2]) == ["worker-0 stopped", "worker-1 stopped"]
    assert ends[2:] == ["control stopped"]
    os.close(lifeline)
    os.close(held)


async def test_a_part_that_cannot_start_is_an_error_and_ends_the_others(script: Path, tmp_path: Path) -> None:
    lifeline, held = os.pipe()
    supervisor = Supervisor(
        child(script, "control", lifeline, "fall"),
        Rolling(lambda _, __: child(script, "worker", lifeline), 1, tmp_path, tmp_path / "roll"),
        say=lambda _: None,
    )
    with pytest.raises(ModelwayError, match="control ended with status 7 before the platform was ready"):
        await supervisor.run(lambda: asyncio.sleep(30), lambda: None)
    os.close(lifeline)
    os.close(held)


async def test_a_successor_that_ends_is_told_at_once_and_the_worker_before_goes_on(
    script: Path, tmp_path: Path
) -> None:
    lifeline, held = os.pipe()
    said: list[str] = []
    ready = asyncio.Event()

    def successor(_: int, index: int) -> ChildSettings:
        return child(script, f"worker-{index}", lifeline, "fall" if index else "")

    supervisor = Supervisor(
        child(script, "control", lifeline), Rolling(successor, 1, tmp_path, tmp_path / "roll"), say=said.append
    )

    async def answering() -> None:
        await until(lambda: {"control", "worker-0"} <= started(tmp_path))

    running = asyncio.create_task(supervisor.run(answering, ready.set))
    await asyncio.wait_for(ready.wait(), 60)
    os.kill(os.getpid(), ROLL_SIGNAL)
    await until((tmp_path / "roll").exists)
    assert "the new worker ended before it served; the old ones go on" in (tmp_path / "roll").read_text()
    assert not any("stopped" in what for what, _ in notes_in(tmp_path))
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    os.close(held)
    os.close(lifeline)


async def test_children_notice_when_the_supervisor_is_killed(script: Path, tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
from pathlib import Path
from modelway_platform.apps.child_process import ChildSettings
from modelway_platform.apps.rolling import Rolling
from modelway_platform.apps.supervisor import Supervisor
lifeline, held = os.pipe()
def child(name):
    arguments = (sys.executable, "-I", {str(script)!r}, name, str(lifeline), {str(tmp_path / "notes")!r}, "")
    return ChildSettings(name=name, arguments=arguments, environment={{}}, lifeline=lifeline)
supervisor = Supervisor(child("control"), Rolling(lambda *_: child("worker"), 1, Path("."), Path("roll")), say=lambda _: None)
asyncio.run(supervisor.run(lambda: asyncio.sleep(0), lambda: None))
"""
    process = run_program(program)
    try:
        await until(lambda: started(tmp_path) == {"control", "worker"})
    finally:
        process.kill()
        process.wait()
    await until(lambda: sum(what.endswith("lost its supervisor") for what, _ in notes_in(tmp_path)) == 2)
    for _, pid in notes_in(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
