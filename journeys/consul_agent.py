"""A real Consul for tests: one agent in development mode on loopback, gone with its folder."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from journeys.ports import free_ports

_KEPT = Path(__file__).resolve().parent.parent / ".cache" / "parts" / "consul"


def program() -> str:
    """Where Consul is: on PATH, named by MODELWAY_TEST_CONSUL, or where scripts/test-parts keeps it; empty if nowhere."""
    kept = _KEPT / "consul"
    return os.environ.get("MODELWAY_TEST_CONSUL") or shutil.which("consul") or (str(kept) if kept.is_file() else "")


class ConsulAgent:
    """One agent; it may be ended and started again with the same address, and has forgotten everything then.

    Args:
        folder: Where its log is.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "consul.log"
        self.port, self._server, self._lan, self._wan = free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """As replicas and control take it."""
        return f"consul://127.0.0.1:{self.port}"

    def start(self) -> Self:
        command = [
            *(program(), "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-log-level", "warn"),
            *("-http-port", str(self.port), "-dns-port", "-1", "-grpc-port", "-1", "-server-port", str(self._server)),
            *("-serf-lan-port", str(self._lan), "-serf-wan-port", str(self._wan)),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        ends = time.monotonic() + 30
        while not self._ready():
            assert self._process.poll() is None, self._log.read_text(errors="replace")
            assert time.monotonic() < ends, self._log.read_text(errors="replace")
            time.sleep(0.05)
        return self

    def _ready(self) -> bool:
        try:
            return bool(self.ask("GET", "/v1/status/leader")) and bool(self.ask("GET", "/v1/catalog/nodes"))
        except (OSError, ValueError):
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def kill(self) -> None:
        """At once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """It is there and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
