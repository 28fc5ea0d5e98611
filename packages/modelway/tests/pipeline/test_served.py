"""A pipeline in a real model server, with a stand-in for the gateway that its deployed step is behind."""

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

MODULE = """
from modelway import Handler, Pipeline, RemoteStep, Step, inference, together

class Double(Handler):
    @inference(max_batch_size=8)
    def double(self, numbers: list[int]) -> list[int]:
        if 13 in numbers:
            raise ArithmeticError("secret: thirteen")
        return [2 * each for each in numbers]

class Both(Pipeline):
    double = Step(Double)
    caption = RemoteStep("text/caption", endpoint="say")

    @inference
    async def run(self, numbers: list[int], text: str = "") -> dict[str, object]:
        doubled = await together(self.double(each) for each in numbers)
        return {"doubled": doubled, "caption": await self.caption(text=text)}
"""


class Gateway(ThreadingHTTPServer):
    """Answers as told and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.status, self.answer = 200, json.dumps("fine").encode()
        self.stay_silent = False
        self.callers_left = 0


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        gateway = self.server
        assert isinstance(gateway, Gateway)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        gateway.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        if gateway.stay_silent:
            select.select([self.connection], [], [], 30)
            gateway.callers_left += self.connection.recv(1) == b""
            self.close_connection = True
            return
        self.send_response(gateway.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(gateway.answer)))
        self.end_headers()
        self.wfile.write(gateway.answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server calls it by
        """Nothing is written."""


class Served:
    """`modelway serve` on the module above."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.gateway = gateway
        self._log = folder / "log"
        environment = {
            **os.environ,
            "PIPELINE_GATEWAY_URL": f"http://127.0.0.1:{gateway.server_port}",
            "PIPELINE_KEY": "k1",
            "MODELWAY_HOME": str(folder),
        }
        command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "both:Both", "--port", "0"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until(lambda: "\ntry it:" in self.log or self.process.poll() is not None)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log)
        assert found, self.log
        self.port = int(found[1])

    @property
    def log(self) -> str:
        return self._log.read_text()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, body: Any, **headers: str) -> tuple[int, Any]:
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/run", json.dumps(body), named)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, said

    def metrics(self) -> str:
        connection = self.connect()
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return text


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "did not happen"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("both")
    (folder / "both.py").write_text(MODULE)
    with Gateway() as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        server = Served(folder, gateway)
        yield server
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        gateway.shutdown()


@pytest.fixture(autouse=True)
def _as_new(served: Served) -> None:
    served.gateway.asked.clear()
    served.gateway.status, served.gateway.answer, served.gateway.stay_silent = 200, b'"fine"', False


def test_request_id_trace_deadline_and_key_go_along(served: Served) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    status, said = served.ask(
        {"numbers": [1, 2], "text": "hi"},
        X_Request_Id="r1",
        traceparent=trace,
        Modelway_Deadline_Ms="15000",
        X_Own="no",
    )
    assert (status, said) == (200, {"doubled": [2, 4], "caption": "fine"})
    [(path, headers, body)] = served.gateway.asked
    assert (path, body) == ("/text/caption/say", {"text": "hi"})
    assert (headers["x-request-id"], headers["traceparent"], headers["authorization"]) == ("r1", trace, "Bearer k1")
    assert 0 < int(headers["modelway-deadline-ms"]) <= 15000
    assert "x-own" not in headers


def test_steps_are_counted(served: Served) -> None:
    served.ask({"numbers": [1, 2, 3]})
    served.ask({"numbers": [13]})
    text = served.metrics()
    double = re.search(r'modelway_step_duration_seconds_count\{.*step="double"\} (\d+)', text)
    batches = re.search(r'modelway_step_batch_size_sum\{.*step="double"\} (\d+)', text)
    errors = re.search(r'modelway_step_errors_total\{.*step="double"\} (\d+)', text)
    assert double
    assert batches
    assert errors
    assert int(double[1]) >= 4
    assert int(batches[1]) >= 4
    assert int(errors[1]) >= 1
    assert re.search(r'modelway_step_duration_seconds_count\{.*step="caption"\} [1-9]', text)


def test_the_log_has_the_cause_and_what_the_steps_took(served: Served) -> None:
    status, said = served.ask({"numbers": [13]}, X_Request_Id="find-me")
    assert (status, said["error"]["code"]) == (500, "step_failed")
    assert said["error"]["message"].startswith("step 'double': ")
    assert "secret" not in json.dumps(said)
    until(lambda: '"find-me"' in served.log)
    event = json.loads(next(line for line in served.log.splitlines() if '"find-me"' in line))
    assert "secret: thirteen" in event["traceback"]
    assert event["fields"]["steps"]["double"] == {"calls": 1, "seconds": pytest.approx(0, abs=20), "errors": 1}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "unauthenticated", (500, "step_failed")),
        (404, "model_not_found", (500, "step_failed")),
        (429, "rate_limited", (503, "overloaded")),
        (503, "no_ready_replica", (503, "no_ready_replica")),
        (422, "invalid_input", (422, "invalid_input")),
    ],
)
def test_errors_of_the_deployed_model_name_the_step(
    served: Served, status: int, code: str, expected: tuple[int, str]
) -> None:
    served.gateway.status = status
    served.gateway.answer = json.dumps({"error": {"code": code, "message": "so it is"}}).encode()
    got, said = served.ask({"numbers": []})
    assert (got, said["error"]["code"]) == expected
    assert said["error"]["message"] == "step 'caption': so it is"
    assert said["error"]["details"] == [{"step": "caption", "code": code}]


def test_when_the_time_is_over_the_step_is_hung_up_on(served: Served) -> None:
    served.gateway.stay_silent = True
    before = served.gateway.callers_left
    status, said = served.ask({"numbers": []}, Modelway_Deadline_Ms="300")
    assert (status, said["error"]["code"]) == (504, "deadline_exceeded")
    until(lambda: served.gateway.callers_left == before + 1)


def test_when_the_caller_leaves_the_step_is_hung_up_on(served: Served) -> None:
    served.gateway.stay_silent = True
    before = served.gateway.callers_left
    connection = served.connect()
    connection.request("POST", "/run", json.dumps({"numbers": []}))
    until(lambda: len(served.gateway.asked) == 1)
    connection.close()
    until(lambda: served.gateway.callers_left == before + 1)


def test_it_speaks_open_inference_like_any_handler(served: Served) -> None:
    connection = served.connect()
    tensors = [
        {"name": "numbers", "datatype": "INT64", "shape": [1, 2], "data": [3, 4]},
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["hi"]},
    ]
    connection.request("POST", "/v2/models/both/infer", json.dumps({"inputs": tensors}))
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    [output] = said["outputs"]
    assert (answer.status, json.loads(output["data"][0])) == (200, {"doubled": [6, 8], "caption": "fine"})
