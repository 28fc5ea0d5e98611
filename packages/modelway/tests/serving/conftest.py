"""Model servers as real processes, and a stand-in for the control plane they register with."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HANDLER = '''
import os, time
from dataclasses import dataclass
from modelway import Context, Handler, inference, postprocess

@dataclass
class Total:
    total: float
    pid: int

class Adder(Handler):
    """Adds numbers."""

    def load(self) -> None:
        time.sleep(float(os.environ.get("LOAD_SECONDS", "0")))
        while not os.path.exists(os.environ.get("LOADED_ONCE_THERE_IS", ".")):
            time.sleep(0.01)
        if os.environ.get("LOAD_FAILS"):
            raise RuntimeError("the file is broken")
        self.calls = 0

    @inference(max_batch_size=16)
    def add(self, rows: list[list[float]]) -> list[Total]:
        """Add numbers.

        They are added in order.
        """
        if any(len(row) == 0 for row in rows):
            raise ArithmeticError("nothing to add: secret")
        return [Total(sum(row), os.getpid()) for row in rows]

    @inference
    def wait(self, seconds: float) -> int:
        self.calls += 1
        time.sleep(seconds)
        return self.calls

    @inference
    def patient(self, seconds: float, context: Context) -> str:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not context.cancelled:
            time.sleep(0.005)
        return self.device

    def unload(self) -> None:
        print("unloaded", flush=True)
'''

PROJECT = """
[project]
name = "adder"
version = "1.0"
dependencies = []

[tool.modelway]
handler = "adder:Adder"
"""


class ModelServer:
    """A `modelway serve` process."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        port = () if "--port" in arguments else ("--port", "0")
        command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", *arguments, *port]
        self._log = folder / f"server-{time.monotonic_ns()}.log"
        self.port = 0
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until_ready(self, seconds: float = 20) -> "ModelServer":
        self.until(lambda: "\ntry it:" in f"\n{self.log}", seconds)
        line = next(line for line in self.log.splitlines() if line.startswith("ready"))
        self.port = int(line.split("http://127.0.0.1:")[1].split()[0])
        return self

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends or (self.process.poll() is not None and not condition()):
                raise AssertionError(f"did not happen; exit {self.process.poll()}; log:\n{self.log}")
            time.sleep(0.01)

    def connect(self, timeout: float = 10) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        connection = self.connect()
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, body=data, headers=headers or {})
            answer = connection.getresponse()
            raw = answer.read()
            named = {name.lower(): value for name, value in answer.getheaders()}
            is_json = named.get("content-type") == "application/json"
            return answer.status, json.loads(raw) if is_json and raw else raw, named
        finally:
            connection.close()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Control:
    """Takes registrations like the control API, and can be away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str, float]] = []
        self.broken = False
        control = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                control.asked.append(
                    (
                        self.command,
                        self.path,
                        json.loads(body or b"null"),
                        self.headers["authorization"],
                        time.monotonic(),
                    )
                )
                data = b'{"ttlSeconds": 0.6}'
                self.send_response(503 if control.broken else 200)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_DELETE = do_PUT  # noqa: N815 - the name http.server looks for

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - its name there

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def methods(self) -> list[str]:
        return [each[0] for each in list(self.asked)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def control() -> Generator[Control, None, None]:
    made = Control()
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with a handler, settings and a golden example."""
    (tmp_path / "adder.py").write_text(HANDLER)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "examples.json").write_text('[{"endpoint": "add", "request": {"rows": [1, 2]}}]')
    return tmp_path


@pytest.fixture
def serve(project: Path) -> Generator[Callable[..., ModelServer], None, None]:
    """`serve(*arguments, VARIABLE="x")` starts a model server of the project."""
    made: list[ModelServer] = []

    def start(*arguments: str, **environment: str) -> ModelServer:
        server = ModelServer(project, arguments or (".",), environment)
        made.append(server)
        return server

    yield start
    for each in made:
        each.close()


IN_PROCESSES = {"MODELWAY_MODEL_PROCESSES": "1"}
"""What has the model run in a process of its own; what callers see is the same."""


@pytest.fixture(scope="module", params=[{}, IN_PROCESSES], ids=["thread", "process"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[ModelServer, None, None]:
    """One ready server for tests that only ask, once with the model in a thread, once in a process."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "adder.py").write_text(HANDLER)
    server = ModelServer(folder, ("adder:Adder", "--name", "demo/adder/v1", "--queue-size", "64"), request.param)
    yield server.until_ready()
    server.close()


@pytest.fixture(scope="module")
def serve_code(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[..., ModelServer], None, None]:
    """`serve_code(module, code, *arguments)` starts a model server that is ready, for all tests of a module."""
    made: list[ModelServer] = []

    def start(module: str, code: str, *arguments: str) -> ModelServer:
        folder = tmp_path_factory.mktemp(module)
        (folder / f"{module}.py").write_text(code)
        made.append(ModelServer(folder, arguments, {}))
        return made[-1].until_ready(40)

    yield start
    for each in made:
        each.close()
