"""Models in processes of their own: spread, killed, poisoned, orphaned, told that a caller left."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

HANDLER = """
import ctypes, os, time
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from modelway import Context, Handler, inference

class Fragile(Handler):
    def load(self) -> None:
        if os.path.exists("broken"):
            raise RuntimeError("the file is broken")
        self.kept: list[object] = []
        self.cancelled: list[bool] = []
        self.device_seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")

    @inference(max_batch_size=32, idempotent=True)
    def safe(self, numbers: list[int]) -> list[dict[str, int]]:
        return [self._one(number) for number in numbers]

    @inference(max_batch_size=32)
    def once(self, numbers: list[int]) -> list[dict[str, int]]:
        return [self._one(number) for number in numbers]

    @inference
    def alone(self, number: int) -> dict[str, int]:
        return self._one(number)

    def _one(self, number: int) -> dict[str, int]:
        if number < 0:
            ctypes.string_at(0)
        time.sleep(0.002)
        return {"number": number, "pid": os.getpid()}

    @inference
    def where(self) -> dict[str, str]:
        return {"device": self.device, "visible": self.device_seen}

    @inference
    def patient(self, seconds: float, context: Context) -> str:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not context.cancelled:
            time.sleep(0.005)
        self.cancelled.append(context.cancelled)
        return context.request_id

    @inference
    def said(self) -> list[bool]:
        return self.cancelled

    @inference(max_batch_size=8)
    def doubled(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        self.kept.append(tensor)
        return tensor * 2

    @inference
    def size(self, image: Image.Image) -> list[int]:
        return list(image.size)

    @inference
    def unpicklable(self, context: Context) -> int:
        context.log_fields["seen"] = 7
        raise KeyError("secret")

    def unload(self) -> None:
        print("unloaded", os.getpid(), flush=True)
"""

Serve = Callable[..., Any]


@pytest.fixture
def start(serve: Serve, project: Path) -> Serve:
    (project / "fragile.py").write_text(HANDLER)
    return lambda *arguments, **variables: serve("fragile:Fragile", *arguments, **variables).until_ready(40)


@pytest.fixture(scope="module")
def one(serve_code: Serve) -> Any:
    """A server with one model process, which tests leave as they found it."""
    return serve_code("fragile", HANDLER, "fragile:Fragile", "--model-processes", "1")


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(server: Any) -> list[int]:
    return [pid for worker in server.workers() for pid in children(worker)]


def ask_alone(server: Any, number: int) -> Any:
    return server.ask("POST", "/alone", {"number": number})


def ask_where(server: Any, _: int) -> Any:
    return server.ask("POST", "/where", {})[1]


def ready_count(server: Any) -> int:
    return server.ask("GET", "/readyz")[1].get("model_processes", {}).get("ready", 0)


def named_memory() -> set[Path]:
    folder = Path("/dev/shm")
    return set(folder.glob("*modelway*")) if folder.is_dir() else set()


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
    except FileNotFoundError:
        return False


def test_batches_go_to_whichever_is_idle_and_each_sees_its_own_device(start: Serve) -> None:
    server = start("--model-processes", "2", "--device", "cuda:0,cuda:1", CUDA_VISIBLE_DEVICES="4,7")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(partial(ask_alone, server), range(60)))
        seen = list(threads.map(partial(ask_where, server), range(40)))
    assert [body["number"] for _, body, _ in answers] == list(range(60))
    assert {body["pid"] for _, body, _ in answers} == set(processes(server))
    assert {each["device"] for each in seen} == {"cuda"}
    assert {each["visible"] for each in seen} == {"4", "7"}
    text = server.ask("GET", "/metrics")[1].decode()
    assert (
        'modelway_model_process_up{project="",model="",version="",worker="0",step="",process="1",device="cuda:1"} 1'
        in text
    )
    ended = processes(server)
    assert server.stop() == 0
    assert any(f"unloaded {pid}" in server.log for pid in ended)  # who takes longer than it may is killed


def test_large_tensors_images_and_octets_go_through(one: Any) -> None:
    server = one
    values = [0.5] * 300_000
    for _ in range(3):
        status, body, _ = server.ask("POST", "/doubled", {"tensor": values})
        assert (status, body == [1.0] * 300_000) == (200, True)
    image = Path(__file__).parents[4] / "docs" / "assets"
    picture = next((each for each in image.rglob("*.png")), None)
    if picture is not None:
        data = picture.read_bytes()
        whole = server.ask("POST", "/size", data, {"content-type": "image/png"})
        assert whole[0] == 200
        assert len(whole[1]) == 2


def test_an_error_is_logged_with_cause_and_fields(one: Any) -> None:
    server = one
    status, body, _ = server.ask("POST", "/unpicklable", {}, {"x-request-id": "r-1"})
    assert (status, body["error"]["code"]) == (500, "handler_failed")
    assert "secret" not in json.dumps(body)
    server.until(lambda: "handler_failed" in server.log)
    event = next(json.loads(line) for line in server.log.splitlines() if '"handler_failed"' in line)
    assert (event["request_id"], event["fields"], event["error"]) == ("r-1", {"seen": 7}, "KeyError: 'secret'")
    assert "fragile.py" in event["traceback"]


def test_the_model_sees_that_its_caller_left(one: Any) -> None:
    server = one
    data = b'{"seconds": 30}'
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(b"POST /patient HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data))
        time.sleep(0.3)
    assert server.ask("POST", "/said", {})[1] == [True]
    status, body, _ = server.ask("POST", "/patient", {"seconds": 30}, {"modelway-deadline-ms": "200"})
    assert (status, body["error"]["code"]) == (504, "deadline_exceeded")
    assert server.ask("POST", "/said", {})[1] == [True, True]


def test_killed_under_load_its_callers_hear_at_once_and_others_go_on(start: Serve) -> None:
    server = start("--model-processes", "2")
    stop = threading.Event()
    answers: list[tuple[int, Any]] = []

    def load() -> None:
        connection = server.connect()
        while not stop.is_set():
            connection.request("POST", "/once", b'{"numbers": 1}')
            answer = connection.getresponse()
            answers.append((answer.status, json.loads(answer.read())))
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(load) for _ in range(8)]
        server.until(lambda: len(answers) > 50)
        victim = processes(server)[0]
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        server.until(lambda: ready_count(server) == 1)
        assert server.ask("GET", "/readyz")[0] == 200  # the other one serves
        server.until(lambda: ready_count(server) == 2, 30)
        restarted = time.monotonic() - killed
        count = len(answers)
        server.until(lambda: len(answers) > count + 50)
        stop.set()
        for each in running:
            each.result(30)
    failed = [body["error"] for status, body in answers if status != 200]
    assert {each["code"] for each in failed} <= {"model_crashed"}
    assert all("SIGKILL" in each["message"] for each in failed)
    assert victim not in processes(server)
    assert restarted < 30  # the machine may be busy


def test_without_any_process_it_is_not_ready_and_who_waits_is_served_after_the_restart(start: Serve) -> None:
    server = start("--model-processes", "1")
    [victim] = processes(server)
    os.kill(victim, signal.SIGKILL)
    server.until(lambda: server.ask("GET", "/readyz")[0] == 503)
    status, body, _ = server.ask("POST", "/alone", {"number": 3})
    assert (status, body.get("number")) == (200, 3) or body["error"]["code"] == "not_ready"
    server.until(lambda: server.ask("GET", "/readyz")[0] == 200, 30)
    assert server.ask("POST", "/alone", {"number": 4})[1]["number"] == 4


def test_a_crash_loop_backs_off_and_requests_are_refused_meanwhile(start: Serve, project: Path) -> None:
    server = start("--model-processes", "1")
    (project / "broken").touch()
    os.kill(processes(server)[0], signal.SIGKILL)
    server.until(lambda: server.log.count("model_process_not_loaded") >= 2, 40)
    pauses = [
        json.loads(line)["restart_in_seconds"] for line in server.log.splitlines() if '"model_process_exited"' in line
    ]
    assert pauses == sorted(pauses)
    server.until(lambda: server.ask("POST", "/alone", {"number": 1})[0] == 503, 30)
    assert server.ask("POST", "/alone", {"number": 1})[1]["error"]["code"] == "not_ready"
    (project / "broken").unlink()
    server.until(lambda: server.ask("GET", "/readyz")[0] == 200, 40)
    assert server.ask("POST", "/alone", {"number": 1})[0] == 200


def ask_together(server: Any, path: str, numbers: list[int]) -> list[tuple[int, Any]]:
    """All in one write, so that they are one batch."""
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in numbers]
    for each in connections:
        each.connect()
    for each, number in zip(connections, numbers, strict=True):
        each.request("POST", path, json.dumps({"numbers": number}))
    answers = [each.getresponse() for each in connections]
    read = [(each.status, json.loads(each.read())) for each in answers]
    for each in connections:
        each.close()
    return read


def test_a_poison_input_is_told_apart_where_requests_may_run_again(start: Serve) -> None:
    server = start("--model-processes", "2")
    numbers = list(range(15))
    numbers[7] = -1
    answers = ask_together(server, "/safe", numbers)
    assert [status for status, _ in answers] == [500 if number < 0 else 200 for number in numbers]
    assert answers[7][1]["error"]["code"] == "model_crashed"
    assert "second time" in answers[7][1]["error"]["message"]
    assert ask_together(server, "/once", [1, 2])[0][0] == 200


def test_elsewhere_whoever_was_with_it_hears_and_who_was_not_begun_is_served(one: Any) -> None:
    server = one
    status, body = ask_together(server, "/once", [-1])[0]
    assert (status, body["error"]["code"]) == (500, "model_crashed")
    assert "SIGSEGV" in body["error"]["message"]
    server.until(lambda: ready_count(server) == 1, 30)
    with ThreadPoolExecutor(6) as threads:
        many = list(threads.map(partial(ask_alone, server), [1, 2, -1, 4, 5, 6]))
    statuses = [status for status, _, _ in many]
    assert statuses.count(500) <= 2
    assert statuses.count(200) >= 4


@pytest.mark.parametrize("whose", ["supervisor", "worker"])
def test_processes_end_with_their_server_however_it_ends(start: Serve, whose: str) -> None:
    before = named_memory()
    server = start("--model-processes", "2")
    [worker] = server.workers()
    orphans = processes(server)
    assert len(orphans) == 2

    def ask() -> None:
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on what the kernel notices first
            server.ask("POST", "/patient", {"seconds": 20})

    busy = threading.Thread(target=ask)
    busy.start()
    time.sleep(0.2)
    os.kill(server.process.pid if whose == "supervisor" else worker, signal.SIGKILL)
    ends = time.monotonic() + 15
    while any(alive(pid) for pid in orphans) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in orphans)
    busy.join(30)
    assert named_memory() <= before


def test_a_model_that_cannot_be_loaded_says_why(serve: Serve, project: Path) -> None:
    (project / "fragile.py").write_text(HANDLER)
    (project / "broken").touch()
    server = serve("fragile:Fragile", "--model-processes", "2")
    server.until(lambda: server.process.poll() is not None, 40)
    assert "cannot be loaded: RuntimeError: the file is broken" in server.log
    assert "fragile.py" in server.log
