"""A model server that knows every kind of field, asked over the Open Inference Protocol."""

import http.client
import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HANDLER = """
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
import numpy as np
from numpy.typing import NDArray
from modelway import Context, Handler, InvalidInputError, Shape, inference

@dataclass
class Seen:
    label: int
    score: float
    name: str
    sure: bool
    raw: bytes
    scores: NDArray[np.float32]
    more: list[int]

@dataclass
class Box:
    left: int
    right: int = 9

@dataclass
class Step:
    number: int
    pair: NDArray[np.float32]

class Tensors(Handler):
    def load(self) -> None:
        self.cancelled = False
        self.batches = []

    @inference(max_batch_size=4)
    def predict(self, image: Annotated[NDArray[np.float32], Shape(None, 2)]) -> list[Seen]:
        self.batches.append(len(image))
        image += 0
        return [
            Seen(int(row.sum()), float(row[0]), f"n{row[0]:g}", bool(row[0] > 0), b"\\\\x00\\\\xff", row * 2, [1, 2])
            for row in image
        ]

    @inference
    def half(self, x: Annotated[NDArray[np.float16], Shape(2)]) -> NDArray[np.float16]:
        return x / 2

    @inference
    def plain(self, n: int, f: float = 0.5, b: bool = True, s: str = "-", o: bytes = b"", box: Box | None = None) -> str:
        if n < 0:
            raise InvalidInputError("n: must not be negative")
        if n == 13:
            raise RuntimeError("secret")
        return f"{n} {f:g} {b} {s} {o!r} {box.right if box else None}"

    @inference
    def grow(self, n: int) -> NDArray[np.int64]:
        return np.arange(n)

    @inference
    def words(self, text: Annotated[NDArray[np.str_], Shape(None)]) -> NDArray[np.str_]:
        return text[::-1]

    @inference
    def count(self, n: int) -> Iterator[Step]:
        for number in range(n):
            if number == 50:
                raise RuntimeError("secret")
            yield Step(number, np.full(2, number, np.float32))

    @inference
    def wait(self, seconds: float, context: Context) -> str:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not context.cancelled:
            time.sleep(0.005)
        self.cancelled = context.cancelled
        return f"{context.request_id} {context.headers.get('x-given')} {context.deadline is not None}"

    @inference
    def was_cancelled(self) -> bool:
        return self.cancelled

    @inference
    def seen(self) -> list[int]:
        return self.batches
"""


class Answer(NamedTuple):
    status: int
    json: Any
    binary: bytes
    headers: Mapping[str, str]


class ModelServer:
    def __init__(self, port: int, grpc_port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.grpc_port = grpc_port
        self.process = process

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, body=data, headers=dict(headers or {}))
            answer = connection.getresponse()
            raw = answer.read()
            named = {name.lower(): value for name, value in answer.getheaders()}
            end = int(named.get("inference-header-content-length", len(raw)))
            return Answer(answer.status, json.loads(raw[:end]) if raw else None, raw[end:], named)
        finally:
            connection.close()

    def infer(self, inputs: list[dict[str, Any]], endpoint: str = "predict", **members: Any) -> Answer:
        parameters = {"endpoint": endpoint, **members.pop("parameters", {})}
        return self.ask("POST", "/v2/models/m/infer", {"inputs": inputs, "parameters": parameters, **members})


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ModelServer, None, None]:
    folder: Path = tmp_path_factory.mktemp("tensors")
    (folder / "tensors.py").write_text(HANDLER.replace("\\\\", "\\"))
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "tensors:Tensors", "--port", "0"]
    command += ["--name", "p/m/v1"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().decode()
        port = int(ready.split("http://127.0.0.1:")[1].split()[0])
        line = next(line for line in map(bytes.decode, process.stdout) if line.startswith("  gRPC"))
        yield ModelServer(port, int(line.rpartition(":")[2]), process)
        process.terminate()
