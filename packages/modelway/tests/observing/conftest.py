"""A model server whose requests are seen: real processes, real connections."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

HANDLER = '''
import asyncio, time
from collections.abc import AsyncIterator, Iterator
from modelway import Context, Handler, Pipeline, Step, inference, postprocess, preprocess

class Odd:
    def __str__(self):
        raise RuntimeError("no text")

class Words(Handler):
    """Works on words."""

    @preprocess("lengths")
    def trim(self, word: str) -> str:
        return word.strip()

    @inference(max_batch_size=8)
    def lengths(self, words: list[str], contexts: list[Context]) -> list[int]:
        time.sleep(0.01)
        for word, context in zip(words, contexts):
            context.log_fields["letters"] = len(word)
        return [len(word) for word in words]

    @inference
    def shout(self, word: str, *, context: Context) -> str:
        if word == "fail":
            raise ValueError("no")
        if word == "odd":
            context.log_fields["odd"] = Odd()
        if word == "huge":
            context.log_fields["text"] = "x" * 100_000
        if word == "secret":
            context.log_fields |= {"password": "hunter2", "header": "Bearer abcdefghijklmnop"}
        return word.upper()

    @inference
    def slow(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @inference
    def letters(self, word: str) -> Iterator[str]:
        for letter in word:
            yield letter

    @inference
    async def wait(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    @inference
    def who(self, context: Context) -> dict:
        trace = context.trace
        return {
            "request_id": context.request_id,
            "trace_id": trace.trace_id if trace else "",
            "span_id": trace.span_id if trace else "",
            "sampled": trace.sampled if trace else None,
            "mirrored": context.mirrored,
            "deadline": context.deadline is not None,
            "cancelled": context.cancelled,
            "user": context.headers.get("x-user", ""),
        }

class Chain(Pipeline):
    words = Step(Words, endpoint="shout")
    teller = Step(Words, endpoint="who")

    @inference
    async def ask(self, word: str) -> str:
        return await self.words(word=word)

    @inference
    async def who(self) -> dict:
        return await self.teller()
'''


class Server:
    """A `modelway serve` process."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", *arguments, "--port", "0"]
        self._log = folder / f"server-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
            )
        self.port = 0
        self.grpc_port = 0

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        ends = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > ends or self.process.poll() is not None:
                raise AssertionError(f"did not happen; exit {self.process.poll()}; log:\n{self.log}")
            time.sleep(0.02)
        return found

    def until_ready(self) -> "Server":
        self.until(lambda: "\ntry it:" in f"\n{self.log}" and (" gRPC " in self.log or "--grpc-port" in self.arguments))
        self.port = int(self.log.split("http://127.0.0.1:")[1].split()[0])
        if " gRPC " in self.log:
            self.grpc_port = int(self.log.split(" gRPC 127.0.0.1:")[1].split()[0])
        return self

    @property
    def arguments(self) -> list[str]:
        return [str(each) for each in self.process.args]  # type: ignore[union-attr]

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET" if data is None else "POST", path, body=data, headers=named)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        is_json = answer.getheader("content-type") == "application/json"
        return answer.status, json.loads(raw) if is_json and raw else raw.decode()

    def metric(self, name: str) -> float:
        for line in self.ask("/metrics")[1].splitlines():
            if line.startswith(f"{name}{{"):
                return float(line.rpartition(" ")[2])
        return 0.0

    @staticmethod
    def records(log: Path) -> list[dict[str, Any]]:
        """All that is written, by its segments in order."""
        paths = sorted(log.glob("worker-*.ndjson"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("words")
    (made / "words.py").write_text(HANDLER)
    return made


@pytest.fixture(scope="module")
def start(folder: Path) -> Generator[Callable[..., Server]]:
    """`start("words:Words", "--flag", VARIABLE="x")`: a ready model server."""
    made: list[Server] = []

    def begin(*arguments: str, **environment: str) -> Server:
        server = Server(folder, arguments, environment)
        made.append(server)
        return server.until_ready()

    yield begin
    for each in made:
        each.close()
