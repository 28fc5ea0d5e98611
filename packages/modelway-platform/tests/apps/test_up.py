"""`modelway up` as a person runs it: real processes, ended completely."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.apps.child_process import PART_VARIABLE
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.deploy.operators.processes import process_table

MODELWAY = (sys.executable, "-m", "modelway.cli.main")


class Up:
    """One `modelway up` on free ports."""

    def __init__(self, root: Path) -> None:
        self.directory = StateDirectory(root=root)
        self.output = root.with_suffix(".out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*MODELWAY, "up", "--directory", str(root), "--port", "0", "--control-port", "0", "--workers", "2"],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "is ready" in self.said() or self.process.poll() is not None, 110)
        assert self.process.poll() is None, self.said()
        self.context = json.loads(self.directory.context.read_text())

    def said(self) -> str:
        return self.output.read_text()

    def parts(self) -> list[int]:
        """Pids of control and workers."""
        instance = self.directory.instance()
        return sorted(marked.identity.pid for marked in process_table.find_marked(instance, PART_VARIABLE))

    def status(self, path: str, door: str = "control") -> int:
        connection = http.client.HTTPConnection(self.context[door].removeprefix("http://"), timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.context['key']}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def until(what: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Up]]:
    made: list[Up] = []

    def make() -> Up:
        made.append(Up(tmp_path / "state"))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        for pid in one.parts():
            os.kill(pid, signal.SIGKILL)


def test_says_what_is_needed_once_and_ends_completely(start: Callable[[], Up]) -> None:
    one = start()
    assert one.directory.context.stat().st_mode & 0o777 == 0o600
    assert one.context["key"] in one.said()
    assert one.context["gateway"] in one.said()
    assert one.context["control"] in one.said()
    assert one.context["console"] in one.said()
    assert len(one.parts()) == 7, "control, two workers, jobs, console, collector, watcher"
    assert one.status("/v1/status") == 200
    assert one.status("/_/readyz", "gateway") == 200
    assert one.status("/livez", "console") == 200
    assert one.stop() == 0
    assert one.parts() == []
    again = start()
    assert again.context["key"] == one.context["key"]
    assert again.context["key"] not in again.said()
    assert again.stop(signal.SIGTERM) == 0


def test_a_fallen_control_is_replaced_while_the_gateway_goes_on(start: Callable[[], Up]) -> None:
    one = start()
    control = next(pid for pid in one.parts() if b"apps.control" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(control, signal.SIGKILL)
    until(lambda: "control was killed by signal 9; starting it again" in one.said(), 1)
    assert one.status("/_/readyz", "gateway") == 200
    until(lambda: one.status("/v1/status") == 200)
    assert one.stop() == 0


def test_killed_itself_it_takes_its_parts_along_and_can_be_started_at_once(start: Callable[[], Up]) -> None:
    one = start()
    parts = one.parts()
    one.process.kill()
    one.process.wait()
    again = start()
    assert not set(parts) & set(again.parts())
    assert again.context["key"] == one.context["key"]
    assert again.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--port", "{busy}"), "choose another with --port"),
        (("--control-port", "{busy}"), "choose another with --control-port"),
        (("--control-port", "7", "--port", "7"), "--port and --control-port are both 7"),
        (("--workers", "0"), "--workers 0: give a number from 1 to 64"),
        (("--host", "192.0.2.1"), "give an address of this machine: --host"),
    ],
)
def test_refusals_name_the_flag(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        words = [word.format(busy=busy.getsockname()[1]) for word in arguments]
        defaults = ("--port", "0", "--control-port", "0") if "port" not in arguments[0] else ()
        command = [*MODELWAY, "up", "--directory", str(tmp_path), *defaults, *words]
        if arguments[0] == "--control-port" and "--port" not in arguments:
            command += ["--port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 1
    assert told in done.stderr
