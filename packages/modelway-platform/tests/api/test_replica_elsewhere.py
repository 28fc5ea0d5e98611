"""A model server on another machine, as far as its records can tell: they arrive at a real control API, once, whoever falls."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.access.records_token import records_token
from modelway_platform.domain.identity import VersionKey

KEY = VersionKey("vision", "echo", "v1")
HANDLER = """
from modelway import Handler, inference

class Echo(Handler):
    def load(self) -> None:
        pass

    @inference
    def echo(self, text: str) -> str:
        return text
"""
SECONDS = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Elsewhere:
    """One model server with a folder of its own."""

    def __init__(self, folder: Path, records: str, token: str) -> None:
        self.folder = folder / "spool"
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "handler.py").write_text(HANDLER, encoding="utf-8")
        self._records, self._token = records, token
        self.said = folder / "said.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "modelway.cli.main", "serve", "handler:Echo", "--name", str(KEY)]
        command += ["--port", str(self.port), "--grpc-port", "off", "--inference-log", str(self.folder)]
        command += ["--records", self._records, "--drain-seconds", "2"]
        variables = {**os.environ, "MODELWAY_RECORDS_TOKEN": self._token, "MODELWAY_REPLICA_ID": "pod-1"}
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(command, cwd=self.code, env=variables, stdout=said, stderr=said)
        wait_for("ready", lambda: self.get("/readyz")[0] == 200)

    def get(self, path: str, body: bytes | None = None, request_id: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/json", **({"X-Request-Id": request_id} if request_id else {})}
        try:
            connection.request("POST" if body else "GET", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def ask(self, *names: str) -> None:
        for name in names:
            assert self.get("/echo", b'{"text":"a"}', name)[0] == 200

    def unsent(self) -> int:
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith("modelway_inference_log_unsent_bytes"):
                return int(line.split()[-1])
        raise AssertionError("no such metric")

    def end(self, sent: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(sent)
        return self.process.wait(SECONDS)


@pytest.fixture
def make(tmp_path: Path) -> Generator[Callable[..., Elsewhere]]:
    made: list[Elsewhere] = []

    def elsewhere(records: str, token: str) -> Elsewhere:
        made.append(Elsewhere(tmp_path, records, token))
        return made[-1]

    yield elsewhere
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def arrived(api: Any) -> list[str]:
    paths = (api.root / "shipped").rglob("inference/*.ndjson")
    lines = [line for path in sorted(paths) for line in path.read_bytes().splitlines()]
    records = [json.loads(line) for line in lines]
    assert all((each["project"], each["model"], each["version"]) == ("vision", "echo", "v1") for each in records)
    return [each["request_id"] for each in records]


def test_records_arrive_once_over_a_fall_and_the_rest_at_the_end(api: Any, make: Callable[..., Elsewhere]) -> None:
    replica = make(f"http://127.0.0.1:{api.port}", records_token(api.records_secret, KEY))
    replica.start()
    replica.ask("a-1", "a-2")
    wait_for("the first records", lambda: arrived(api) == ["a-1", "a-2"])
    wait_for("nothing waits", lambda: replica.unsent() == 0)
    replica.end(signal.SIGKILL)  # and its worker with it
    replica.start()
    replica.ask("b-1")
    assert replica.end() == 0
    assert sorted(arrived(api)) == ["a-1", "a-2", "b-1"], "sent before it left, and nothing twice"
    assert b"records_not_sent" not in replica.said.read_bytes()
    origins = {path.parent.parent.name for path in (api.root / "shipped").rglob("*.ndjson")}
    assert len(origins) == 1, "the same sender after a restart"


def test_a_control_that_is_away_costs_no_request_and_what_is_not_sent_is_counted(
    make: Callable[..., Elsewhere],
) -> None:
    replica = make(f"http://127.0.0.1:{free_port()}", "mwr_x")
    replica.start()
    replica.ask("c-1", "c-2", "c-3")
    wait_for("records wait", lambda: replica.unsent() > 0)
    assert replica.end() == 0
    said = [json.loads(line) for line in replica.said.read_text().splitlines() if line.startswith("{")]
    assert [each["records"] for each in said if each["event"] == "records_not_sent"] == [3]
    assert [each for each in said if each["event"] == "sending_records"]


def test_a_token_for_another_version_sends_nothing_of_this_one(api: Any, make: Callable[..., Elsewhere]) -> None:
    other = VersionKey("vision", "echo", "v2")
    replica = make(f"http://127.0.0.1:{api.port}", records_token(api.records_secret, other))
    replica.start()
    replica.ask("d-1")
    replica.end()
    found = [path.read_bytes() for path in (api.root / "shipped").rglob("inference/*.ndjson")]
    assert all(not each.strip() for each in found)
    assert found, "its place is taken, by nothing"
