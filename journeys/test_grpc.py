"""gRPC through a real platform: NVIDIA's client calls two versions by metadata, and a stream comes piece by piece."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from journeys.conftest import PlatformFactory
from journeys.projects import deployment, package, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.client import Server
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import ModelwayError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

PYPROJECT = """
[project]
name = "spoken"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["modelway[grpc]"]

[tool.modelway]
handler = "handler:Spoken"
examples = "examples.json"
"""
HANDLER = '''
"""Says who answered; whole, and number by number."""

import os
import time
from collections.abc import Iterator

from modelway import Context, Handler, inference


class Spoken(Handler):
    @inference
    def predict(self, text: str, context: Context) -> str:
        return f"{os.environ.get('LABEL', '')} {text} {context.headers.get('modelway-consumer', '')}"

    @inference
    def numbers(self, n: int) -> Iterator[int]:
        for number in range(n):
            time.sleep(0.3)
            yield number
'''
EXAMPLES = '[{"endpoint": "predict", "request": {"text": "hello"}}]\n'
CALLERS, WORKERS = 4, 2
# In a process of its own, as it brings its own copy of the protocol.
CLIENT = """
import asyncio, json, queue, sys, time
from collections import Counter
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

address, key, wrong = sys.argv[1:]
headers = {"modelway-model": "grpc/spoken", "authorization": f"Bearer {key}"}

def text():
    tensor = triton.InferInput("text", [1], "BYTES")
    tensor.set_data_from_numpy(np.array(["a"], dtype=np.object_))
    return tensor

def said(result):
    return result.as_numpy("output")[0].decode().split()

with triton.InferenceServerClient(address) as client:
    assert client.is_server_live(headers=headers) and client.is_server_ready(headers=headers)
    assert client.is_model_ready("spoken", headers=headers)
    assert client.get_model_metadata("spoken", headers=headers).inputs[0].name == "text"
    labels = Counter(said(client.infer("spoken", [text()], headers=headers))[0] for _ in range(40))
    pinned = headers | {"modelway-model": "grpc/spoken/v2"}
    assert said(client.infer("spoken", [text()], headers=pinned)) == ["two", "a", "caller"]
    for refused, status in ((headers | {"authorization": f"Bearer {wrong}"}, "UNAUTHENTICATED"), ({}, "INVALID_ARGUMENT"),
                            (headers | {"modelway-model": "grpc/other"}, "NOT_FOUND")):
        try:
            client.infer("spoken", [text()], headers=refused)
        except triton.InferenceServerException as error:
            assert error.status() == f"StatusCode.{status}", error.status()
        else:
            raise AssertionError
    done = queue.Queue()
    client.start_stream(lambda result, error: done.put((time.monotonic(), result, error)), headers=headers)
    count = triton.InferInput("n", [1], "INT64")
    count.set_data_from_numpy(np.array([4], dtype=np.int64))
    client.async_stream_infer("spoken", [count], parameters={"endpoint": "numbers"})
    pieces = [done.get(timeout=30) for _ in range(4)]
    assert [piece[1].as_numpy("output").tolist() for piece in pieces] == [[0], [1], [2], [3]], pieces
    spread = pieces[-1][0] - pieces[0][0]
    client.stop_stream()

async def many():
    async with triton_aio.InferenceServerClient(address) as client:
        answers = await asyncio.gather(*(client.infer("spoken", [text()], headers=headers) for _ in range(50)))
        assert all(said(each)[1] == "a" for each in answers)

asyncio.run(many())
print(json.dumps({"labels": labels, "spread": spread}))
"""


@pytest.fixture(scope="module")
def spoken_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a package that speaks gRPC."""
    directory: Path = tmp_path_factory.mktemp("spoken")
    for name, text in (("pyproject.toml", PYPROJECT), ("handler.py", HANDLER), ("examples.json", EXAMPLES)):
        (directory / name).write_text(text, encoding="utf-8")
    return package(directory, directory / "dist")


@pytest.fixture
def spoken(platform: RunningPlatform, spoken_package: Path) -> str:
    """Its digest on the shared platform."""
    return platform.upload(spoken_package)


def grpc_address(platform: RunningPlatform) -> str:
    return next(line.split()[-1] for line in platform.printed.splitlines() if line.startswith("  gRPC"))


def test_a_stock_client_works_through_the_gateway(platform: RunningPlatform, spoken: str) -> None:
    versions = {"v1": "one", "v2": "two"}
    platform.apply(
        *(deployment(f"grpc/spoken/{version}", spoken, LABEL=label) for version, label in versions.items()),
        route("grpc/spoken", {"v1": 3, "v2": 1}),
    )
    platform.wait_ready(*(f"grpc/spoken/{version}" for version in versions), seconds=90)
    with platform.control() as control:
        key = control.create_key("caller").secret
    for version in versions:
        platform.wait_routed(f"/grpc/spoken/{version}/predict", key=key)
    address = grpc_address(platform)
    done = subprocess.run(
        [sys.executable, "-P", "-c", CLIENT, address, key, "mw_wrong"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert sum(told["labels"].values()) == 40
    assert set(told["labels"]) == {"one", "two"}
    assert told["labels"]["one"] > told["labels"]["two"]
    assert told["spread"] > 0.5, "the pieces came together, though they were made 0.3 s apart"
    records = [json.loads(line) for line in platform.cli("logs", "grpc/spoken", "-o", "json").stdout.splitlines()]
    assert any("GRPC" in json.dumps(each) for each in records)


def replaced(platform: RunningPlatform) -> bool:
    """Ask for new workers; on a busy machine they may not serve in time, and the old ones go on."""
    try:
        platform.cli("gateway", "restart", "--directory", str(platform.home))
    except AssertionError as error:
        if "did not serve within" in str(error):
            return False
        raise
    return True


def test_calls_go_on_while_the_gateways_workers_are_replaced(
    own_platform: PlatformFactory, spoken_package: Path
) -> None:
    platform = own_platform(workers=WORKERS).start()
    platform.apply(deployment("grpc/spoken/v1", platform.upload(spoken_package), LABEL="one"))
    platform.wait_ready("grpc/spoken/v1", seconds=90)
    platform.wait_routed("/grpc/spoken/v1/predict", key=platform.key)
    server = Server(url=platform.gateway, key=platform.key)
    address = grpc_address(platform)
    stop = threading.Event()
    answers: list[str] = []
    errors: list[ModelwayError] = []

    def ask() -> None:
        with GrpcModelClient("grpc/spoken", address=address, server=server, timeout=20) as client:
            while not stop.is_set():
                try:
                    answers.append(client.call({"text": "a"}))
                except ModelwayError as error:
                    errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        wait_for("calls are answered", lambda: len(answers) > 20, 60)
        wait_for("the workers are replaced", lambda: replaced(platform), 90)
        count = len(answers)
        wait_for("calls are answered by the new workers", lambda: len(answers) > count + 20, 60)
    except AssertionError as error:
        raise AssertionError(f"{len(answers)} answers, {len(errors)} errors, such as {errors[-3:]}") from error
    finally:
        stop.set()
    for thread in threads:
        thread.join(30)
    print(f"gRPC while the gateway's workers are replaced: {len(answers)} calls answered, {len(errors)} not")
    assert not errors, [str(each) for each in errors[:3]]
