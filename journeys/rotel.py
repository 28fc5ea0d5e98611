"""Rotel, an OpenTelemetry collector that nobody here wrote: takes OTLP either way, hands what it has decoded on to a receiver of the test."""

import os
import subprocess
import time
from pathlib import Path
from typing import Self

from journeys.otlp_receivers import Heard, HttpReceiver
from journeys.ports import free_ports

_KEPT = Path(__file__).resolve().parent.parent / ".cache" / "rotel"


def program() -> str:
    """Where it is: named by MODELWAY_TEST_ROTEL, or where scripts/test-parts keeps it; empty if nowhere."""
    kept = next(_KEPT.glob("lib/python3*/site-packages/rotel/rotel-agent"), None)
    return os.environ.get("MODELWAY_TEST_ROTEL") or (str(kept) if kept is not None else "")


class Rotel:
    """A collector on free ports of loopback, until its end.

    Args:
        folder: For its log.
        options: Of its own.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._sink = HttpReceiver()
        self._log = folder / "rotel.log"
        self._options = options
        self.http_port, self.grpc_port = free_ports(2)
        self.start()

    @property
    def heard(self) -> Heard:
        """What came through it."""
        return self._sink.heard

    def endpoint(self, protocol: str) -> str:
        return f"http://127.0.0.1:{self.http_port if protocol == 'http' else self.grpc_port}"

    def start(self) -> None:
        command = [
            *(program(), "start", "--exporter", "otlp"),
            *(
                "--otlp-http-endpoint",
                f"127.0.0.1:{self.http_port}",
                "--otlp-grpc-endpoint",
                f"127.0.0.1:{self.grpc_port}",
            ),
            *("--otlp-exporter-endpoint", self._sink.endpoint, "--otlp-exporter-protocol", "http"),
            *("--otlp-exporter-compression", "gzip", "--batch-timeout", "20ms", *self._options),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait_for(self, what: str, there: object, seconds: float = 60) -> None:
        """Until `there()` is true of what was heard."""
        assert callable(there)
        deadline = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < deadline, f"{what}: {self._log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._sink.close()
