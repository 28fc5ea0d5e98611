"""A model server's life: start, golden examples, crash, registration, drain, end; with real processes and signals."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.packaging import build

Serve = Callable[..., Any]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_it_is_ready_soon_and_only_then_says_so(serve: Serve) -> None:
    server = serve(".", "--device", "mps", LOAD_SECONDS="0.3").until_ready()
    assert server.ask("POST", "/add", {"rows": [1, 2]})[:2] == (200, {"total": 3.0, "pid": server.workers()[0]})
    assert server.ask("POST", "/patient", {"seconds": 0})[1] == "mps"
    assert server.stop() == 0
    assert "unloaded" in server.log


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_while_loading_it_lives_but_is_not_ready(serve: Serve) -> None:
    server = serve(".", "--port", str(free_port()), LOAD_SECONDS="1")
    server.port = int(server.process.args[-1])
    server.until(lambda: _ask_quietly(server, "/livez") == 200)
    assert server.ask("GET", "/readyz")[:2] == (503, {"ready": False, "workers": {"ready": 0, "wanted": 1}})
    status, body, headers = server.ask("POST", "/add", {"rows": [1]})
    assert (status, body["error"]["code"], headers["retry-after"]) == (503, "not_ready", "1")
    assert not any(line.startswith("ready") for line in server.log.splitlines())
    server.until_ready()
    assert server.ask("POST", "/add", {"rows": [1]})[0] == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("examples.json", '[{"endpoint": "add", "request": {"rows": [1]}, "response": {"total": 2, "pid": 1}}]'),
            "golden example 1 (add): $.total: expected 2, got 1.0",
        ),
        (("examples.json", '[{"endpoint": "add", "request": {"rows": "x"}}]'), "rows: expected array, got str"),
        (
            ("examples.json", '[{"endpoint": "sub", "request": {}}]'),
            "there is no such endpoint; endpoints: add, wait, patient",
        ),
        (("adder.py", "1/0"), "cannot import adder: ZeroDivisionError"),
        (("adder.py", "class Adder: pass"), "no modelway.Handler"),
        (("adder.py", "import os; os._exit(7)"), "ended while loading (exit code 7)"),
        (("adder.py", "import nosuchmodule"), "cannot import adder: ModuleNotFoundError"),
    ],
)
def test_what_cannot_answer_its_golden_example_is_not_served(
    serve: Serve, project: Path, change: tuple[str, str], message: str
) -> None:
    (project / change[0]).write_text(change[1])
    server = serve(".")
    assert server.process.wait(20) == 1
    assert message in server.log
    assert "error[" in server.log
    assert not any(line.startswith("ready") for line in server.log.splitlines())


def test_a_failed_load_says_why(serve: Serve) -> None:
    server = serve(".", LOAD_FAILS="1")
    assert server.process.wait(20) == 1
    assert "adder:Adder cannot be loaded: RuntimeError: the file is broken" in server.log


def test_a_taken_port_is_said_plainly_also_by_a_second_model_server(serve: Serve) -> None:
    first = serve(".").until_ready()
    second = serve(".", "--port", str(first.port))
    assert second.process.wait(20) == 1
    assert f"error[conflict]: cannot listen on 127.0.0.1 port {first.port}: Address already in use" in second.log


def test_a_crashed_worker_is_replaced(serve: Serve) -> None:
    server = serve(".", "--workers", "2").until_ready()
    before = server.workers()
    assert len(before) == 2
    started = time.monotonic()
    os.kill(before[0], signal.SIGKILL)
    server.until(lambda: _ask_quietly(server, "/readyz") == 503)
    server.until(lambda: _ask_quietly(server, "/readyz") == 200)
    assert time.monotonic() - started < 15
    assert len(set(server.workers()) - set(before)) == 1
    assert '"worker_exited"' in server.log


def _ask_quietly(server: Any, path: str) -> int:
    try:
        return server.ask("GET", path)[0]
    except OSError:
        return 0


def test_counters_of_all_workers_are_added_and_survive_a_crash(serve: Serve) -> None:
    server = serve(".", "--workers", "2").until_ready()
    pids = {server.ask("POST", "/add", {"rows": [1]})[1]["pid"] for _ in range(40)}
    assert pids == set(server.workers())

    def counted() -> int:
        text = server.ask("GET", "/metrics")[1].decode()
        line = next(each for each in text.splitlines() if each.startswith("modelway_requests_total") and "add" in each)
        return int(line.split()[-1])

    assert counted() == 40
    os.kill(server.workers()[0], signal.SIGKILL)
    server.until(lambda: _ask_quietly(server, "/readyz") == 503)
    server.until(lambda: _ask_quietly(server, "/readyz") == 200)
    assert counted() == 40


def test_workers_end_with_their_supervisor(serve: Serve) -> None:
    server = serve(".", "--workers", "2").until_ready()
    workers = server.workers()
    server.process.kill()
    server.process.wait()
    ends = time.monotonic() + 5
    while not all(gone(pid) for pid in workers):
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_drain_fails_no_request(serve: Serve) -> None:
    """Callers like a gateway's: they keep connections, go elsewhere when told, and open new ones for a moment longer."""
    server = serve(".", "--workers", "2").until_ready()
    failures: list[str] = []
    answered = [0]
    told = threading.Event()

    def ask_on_and_on(*, opens_new: bool) -> None:
        connection = server.connect()
        ends = float("inf")
        while time.monotonic() < ends:
            if told.is_set() and ends == float("inf"):
                ends = time.monotonic() + 0.2
            try:
                connection.request("POST", "/wait", body=b'{"seconds": 0.003}')
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                return
            answered[0] += 1
            if answer.status != 200:
                failures.append(str(answer.status))
            if answer.getheader("connection") == "close":
                connection.close()
                if not opens_new:
                    return
        connection.close()

    threads = [threading.Thread(target=ask_on_and_on, kwargs={"opens_new": number % 2 == 0}) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    told.set()
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(20)
    for thread in threads:
        thread.join()
    assert (code, failures) == (0, [])
    assert answered[0] > 50


def test_a_request_under_way_is_finished_before_the_end(serve: Serve) -> None:
    server = serve(".").until_ready()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        body = b'{"seconds": 1.0}'
        caller.sendall(b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert server.ask("GET", "/readyz")[1]["draining"] is True
        head = caller.recv(4096)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in head
    assert server.process.wait(5) == 0


def test_a_drain_is_bounded(serve: Serve) -> None:
    server = serve(".", "--drain-seconds", "0.2").until_ready()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
        body = b'{"seconds": 30}'
        caller.sendall(b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        time.sleep(0.1)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 3


def test_it_registers_once_ready_renews_and_leaves_before_it_stops(serve: Serve, control: Any) -> None:
    variables = {
        "MODELWAY_REGISTER_URL": control.url,
        "MODELWAY_REGISTER_TOKEN": "t0ken",
        "MODELWAY_REPLICA_ID": "replica-1",
        "MODELWAY_PROJECT": "demo",
        "MODELWAY_MODEL": "adder",
        "MODELWAY_VERSION": "v1",
        "MODELWAY_PACKAGE": "sha256:ab",
    }
    server = serve(".", **variables).until_ready()
    server.until(lambda: len(control.asked) >= 3)
    method, path, body, authorization, _ = control.asked[0]
    assert (method, path, authorization) == ("PUT", "/v1/endpoints/replica-1", "Bearer t0ken")
    assert body.pop("grpcPort") > 0
    assert body == {
        "project": "demo",
        "model": "adder",
        "version": "v1",
        "package": "sha256:ab",
        "host": "127.0.0.1",
        "port": server.port,
        "ttlSeconds": 6.0,
    }
    control.broken = True
    server.until(lambda: '"not_registered"' in server.log)
    assert server.ask("POST", "/add", {"rows": [1]})[0] == 200
    control.broken = False
    count = len(control.asked)
    server.until(lambda: len(control.asked) > count)
    server.process.send_signal(signal.SIGTERM)
    server.until(lambda: "DELETE" in control.methods())
    assert server.ask("POST", "/add", {"rows": [1]})[0] == 200  # callers may hear of it late
    assert server.process.wait(5) == 0
    assert control.methods()[-1] == "DELETE"
    assert "t0ken" not in server.log


def test_a_control_plane_that_is_away_keeps_nobody_from_serving(serve: Serve) -> None:
    server = serve(".", "--name", "a/b/c", "--register", "http://127.0.0.1:9").until_ready()
    assert server.ask("POST", "/add", {"rows": [1]})[0] == 200
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 3


def test_an_archive_and_an_unpacked_package_are_served(serve: Serve, project: Path, tmp_path: Path) -> None:
    (project / "modelway.lock").unlink(missing_ok=True)
    built = build(project, tmp_path / "out")
    server = serve(str(built.path)).until_ready()
    assert server.ask("POST", "/add", {"rows": [2, 3]})[1]["total"] == 5.0
    assert server.ask("GET", "/")[1]["name"] == "adder"
    assert json.loads((project / "examples.json").read_text())
    assert server.stop() == 0


def test_told_to_stop_while_loading_it_ends_at_once(serve: Serve) -> None:
    server = serve(".", "--port", str(free_port()), LOAD_SECONDS="30")
    server.port = int(server.process.args[-1])
    server.until(lambda: _ask_quietly(server, "/livez") == 200)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 10  # of the 30 it would load
