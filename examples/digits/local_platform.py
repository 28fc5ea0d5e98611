"""Runs `modelway` commands and one platform of our own, in a directory that is removed with its owner."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelway.client import ControlClient, Server
from modelway.errors import ModelwayError

MODELWAY = str(Path(sys.executable).parent / "modelway")
STOP_SECONDS = 60.0


class DemoError(Exception):
    """A step of the demo failed; the message says what it printed."""


def fresh_directory(parent: Path) -> Path:
    """A new directory named by our pid; those whose owner is gone are removed."""
    parent.mkdir(exist_ok=True)
    for old in parent.iterdir():
        if old.name.isdigit() and not Path("/proc", old.name).exists():
            shutil.rmtree(old, ignore_errors=True)
    directory = parent / str(os.getpid())
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalPlatform:
    """One `modelway up` with its state below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.log = directory / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        """Run one `modelway` command against this platform and return what it printed."""
        done = subprocess.run(
            [MODELWAY, *arguments],
            env=os.environ | {"MODELWAY_HOME": str(self.home), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(
                f"`modelway {' '.join(arguments)}` failed with {done.returncode}:\n{done.stderr}{done.stdout}"
            )
        return done.stdout

    def start(self, workers: int, seconds: float = 20.0) -> None:
        """Start it on free ports and wait until it can be asked."""
        ports = ("--port", str(free_port()), "--control-port", str(free_port()), "--workers", str(workers))
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops the platform in order.
            self._process = subprocess.Popen(
                [MODELWAY, "up", "--directory", str(self.home), *ports],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(
                    f"`modelway up` is not ready:\n{self.log.read_text(encoding='utf-8', errors='replace')}"
                )
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with self.control() as control:
                control.status()
        except (OSError, ValueError, ModelwayError):
            return False
        return True

    @property
    def context(self) -> dict[str, Any]:
        """Addresses and admin key, as `modelway up` wrote them."""
        return json.loads((self.home / "context.json").read_text(encoding="utf-8"))

    def control(self) -> ControlClient:
        return ControlClient(Server(url=self.context["control"], key=self.context["key"]))

    def wait_until_ready(self, seconds: float, report: Callable[[list[dict[str, Any]]], None]) -> None:
        """Report the deployments again and again until all are ready."""
        deadline = time.monotonic() + seconds
        with self.control() as control:
            while True:
                deployments = control.list_all("deployments")
                report(deployments)
                phases = [deployment["status"]["phase"] for deployment in deployments]
                if all(phase == "Ready" for phase in phases):
                    return
                if "Failed" in phases or time.monotonic() > deadline:
                    raise DemoError(f"the deployments are not ready:\n{json.dumps(deployments, indent=2)}")
                time.sleep(0.1)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()
