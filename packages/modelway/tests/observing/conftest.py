"""A model server whose requests are seen: real processes, real connections."""

import gzip
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
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

HANDLER = '''
import asyncio, json, time
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
    def octets(self, size: int) -> bytes:
        return bytes(size)

    @inference
    def count(self, seconds: float) -> Iterator[int]:
        for number in range(10_000):
            yield number
            time.sleep(seconds)

    @inference
    async def wait(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    @inference
    def who(self, context: Context) -> str:
        trace = context.trace
        context.log_fields["told"] = True
        return json.dumps({
            "request_id": context.request_id,
            "trace_id": trace.trace_id if trace else "",
            "span_id": trace.span_id if trace else "",
            "sampled": trace.sampled if trace else None,
            "mirrored": context.mirrored,
            "deadline": context.deadline is not None,
            "cancelled": context.cancelled,
            "user": context.headers.get("x-user", ""),
        })

    @inference
    def patient(self, seconds: float, context: Context) -> float:
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(0.005)
            if context.cancelled:
                self.left = [*getattr(self, "left", []), context.request_id]
                break
        return time.monotonic() - began

    @inference
    def gone(self) -> list[str]:
        return getattr(self, "left", [])

class Chain(Pipeline):
    words = Step(Words, endpoint="shout")
    teller = Step(Words, endpoint="who")
    waiter = Step(Words, endpoint="patient")
    rememberer = Step(Words, endpoint="gone")

    @inference
    async def ask(self, word: str) -> str:
        return await self.words(word=word)

    @inference
    async def who(self) -> str:
        return await self.teller()

    @inference
    async def patient(self, seconds: float) -> float:
        return await self.waiter(seconds=seconds)

    @inference
    async def gone(self) -> list[str]:
        return await self.rememberer()
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

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
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


class Receiver:
    """Takes spans by OTLP over HTTP, as a collector does, and may be away."""

    def __init__(self) -> None:
        self.spans: list[tuple[dict[str, Any], Span]] = []
        self.broken = False
        receiver = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if not receiver.broken and self.path == "/v1/traces":
                    receiver.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(400 if receiver.broken else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - its name there

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for each in request.resource_spans:
            resource = plain(each.resource.attributes)
            self.spans += [(resource, span) for scope in each.scope_spans for span in scope.spans]

    def of(self, request_id: str) -> list[Span]:
        """All spans of the trace that a request's span is in, by their start."""
        found = [span for _, span in self.spans if plain(span.attributes).get("modelway.request_id") == request_id]
        traces = {span.trace_id for span in found}
        return sorted(
            (span for _, span in self.spans if span.trace_id in traces), key=lambda span: span.start_time_unix_nano
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as Python values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@pytest.fixture(scope="module")
def receiver() -> Generator[Receiver]:
    made = Receiver()
    yield made
    made.close()


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
