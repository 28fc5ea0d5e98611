"""Steps in processes of their own: the same answers, one deadline and id, the failing step named, killed and back."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelway import Handler, Pipeline, Step, inference
from modelway.errors import InvalidRequestError
from modelway.serving.counting.process_metrics import Place
from modelway.serving.processes.of_steps import places_of_steps
from modelway.signature import bind
from modelway.signature.flow_text import flow_lines
from modelway.testing import Client

MODULE = """
import os, time
import numpy as np
from numpy.typing import NDArray
from typing import Annotated
from modelway import Context, Handler, Pipeline, Shape, Step, inference, together

class Cut(Handler):
    @inference
    def cut(self, size: int) -> NDArray[np.float32]:
        return np.arange(size, dtype=np.float32)

class Weigh(Handler):
    def load(self) -> None:
        self.cancelled = 0

    @inference(max_batch_size=8, idempotent=True)
    def weigh(self, piece: NDArray[np.float32], contexts: list[Context]) -> list[dict[str, object]]:
        if any(each[0] == 13 for each in piece):
            raise ArithmeticError("secret: thirteen")
        ends = time.monotonic() + any(each[0] == 99 for each in piece) * 30
        while time.monotonic() < ends and not contexts[0].cancelled:
            time.sleep(0.005)
        return [{"sum": float(each.sum()), "pid": os.getpid(), "id": context.request_id}
                for each, context in zip(piece, contexts)]

class Scale(Pipeline):
    cut = Step(Cut)
    weigh = Step(Weigh, processes=2)

    @inference
    async def run(self, size: int, first: float = 0.0) -> list[dict[str, object]]:
        whole = await self.cut(size=size)
        whole[0] += first
        return await together(self.weigh(piece=each) for each in (whole, whole * 2, whole * 0))
"""


class Running:
    def __init__(self, folder: Path, target: str, **variables: str) -> None:
        self.log_file = folder / "log"
        command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", target, "--port", "0"]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--grpc-port", "off"],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **variables},
                start_new_session=True,
            )
        self.until(lambda: "\ntry it:" in self.log)
        found = re.search(r"http://127.0.0.1:(\d+)", self.log)
        assert found is not None
        self.port = int(found[1])

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends, self.log
            assert self.process.poll() is None, self.log
            time.sleep(0.02)

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), named)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data.decode() if path == "/metrics" else json.loads(data)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def processes(self) -> list[int]:
        [worker] = _children(self.process.pid)
        return _children(worker)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(each) for each in (task / "children").read_text().split()]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    folder = tmp_path_factory.mktemp("scale")
    (folder / "scale.py").write_text(MODULE)
    running = Running(folder, "scale:Scale")
    yield running
    running.close()


def test_calls_are_spread_over_the_steps_processes_with_the_requests_id(server: Running) -> None:
    def ask(number: int) -> Any:
        return server.ask("/run", {"size": 20_000}, x_request_id=f"r-{number}")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(24)))
    total = sum(range(20_000))
    for number, (status, pieces) in enumerate(answers):
        assert status == 200
        assert [each["sum"] for each in pieces] == pytest.approx([total, total * 2, 0], rel=1e-3)
        assert {each["id"] for each in pieces} == {f"r-{number}"}
    assert {each["pid"] for _, pieces in answers for each in pieces} == set(server.processes())
    text = server.ask("/metrics")[1]
    assert 'modelway_model_process_up{project="",model="",version="",worker="0",step="weigh",process="1"' in text
    count = re.search(r'modelway_step_batch_size_sum\{[^}]*step="weigh"\} (\d+)', text)
    assert count is not None
    assert int(count[1]) == 72


def test_a_failing_step_is_named_and_its_cause_logged(server: Running) -> None:
    status, body = server.ask("/run", {"size": 5, "first": 13.0}, x_request_id="bad-1")
    assert (status, body["error"]["code"], body["error"]["details"][0]["step"]) == (500, "step_failed", "weigh")
    assert "secret" not in json.dumps(body)
    server.until(lambda: "secret: thirteen" in server.log)
    assert '"request_id":"bad-1"' in server.log


def test_the_requests_deadline_reaches_the_process(server: Running) -> None:
    started = time.monotonic()
    status, _ = server.ask("/run", {"size": 5, "first": 99.0}, modelway_deadline_ms="300")
    assert status == 504
    assert server.ask("/run", {"size": 5})[0] == 200
    assert time.monotonic() - started < 20


def test_a_killed_step_is_started_again_and_without_any_the_pipeline_is_not_ready(server: Running) -> None:
    first, second = server.processes()
    os.kill(first, signal.SIGKILL)
    assert server.ask("/run", {"size": 5})[0] == 200  # the other one serves
    os.kill(second, signal.SIGKILL)
    server.until(lambda: len(server.processes()) == 2 and server.ask("/readyz")[0] == 200)
    assert set(server.processes()).isdisjoint({first, second})
    assert server.ask("/run", {"size": 5})[0] == 200
    assert server.log.count("model_process_exited") >= 2
    assert '"step":"weigh"' in server.log


def test_they_end_with_the_server(server: Running) -> None:
    ended = server.processes()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert not [pid for pid in ended if Path(f"/proc/{pid}").exists()]


def test_the_example_answers_its_golden_examples_from_processes(tmp_path: Path) -> None:
    example = Path(__file__).parents[4] / "examples" / "pipeline"
    running = Running(tmp_path, str(example), PIPELINE_PROCESSES="detect=1")
    try:  # ready means answered
        assert len(running.processes()) == 1
        examples = json.loads((example / "examples.json").read_text())
        status, body = running.ask("/" + examples[0]["endpoint"], examples[0]["request"])
        assert (status, body) == (200, examples[0]["response"])
    finally:
        running.close()


class Echo(Handler):
    @inference
    def echo(self, text: str) -> str:
        return text


class Twice(Pipeline):
    first = Step(Echo, processes=2)
    again = Step(Echo)
    other = Step(Echo, files="other")

    @inference
    async def run(self, text: str) -> str:
        return await self.other(text=await self.again(text=await self.first(text=text)))


def test_the_drawing_and_a_test_know_of_them() -> None:
    assert "Echo.echo (2 processes)" in "\n".join(flow_lines(bind(Twice).signature))
    with Client(Twice) as client:  # in the test's own process
        assert client.call("run", {"text": "a"}) == "a"


def test_configuration_says_how_many() -> None:
    bound = bind(Twice)
    assert places_of_steps(bound, {}) == [Place("first", 0), Place("first", 1)]
    asked = places_of_steps(bound, {"PIPELINE_PROCESSES": "first=0, other=1"})
    assert asked == [Place("other", 0)]
    for wrong in ("first", "first=x", "first=999", "=1", "none=1"):
        with pytest.raises(InvalidRequestError, match="PIPELINE_PROCESSES"):
            places_of_steps(bound, {"PIPELINE_PROCESSES": wrong})
    with pytest.raises(ValueError, match="processes=65"):
        Step(Echo, processes=65)
