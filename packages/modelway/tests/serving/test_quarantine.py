"""Inputs that a model failed on are kept as a bounded sample, whatever they came by; and can be sent again."""

import base64
import concurrent.futures
import json
import re
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from modelway.cli.main import main
from modelway.protos.open_inference import ModelInferRequest

Server = Any
CODE = """
import os, time
from collections.abc import Iterator
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from modelway import Handler, inference, preprocess

GOOD = os.path.exists("mended")

class Sums(Handler):
    @preprocess("add")
    def scale(self, rows: NDArray[np.float64], key: str = "", password: str = "") -> NDArray[np.float64]:
        rows *= 2  # what the caller sent is gone
        return rows

    @inference(max_batch_size=16)
    def add(self, batch: NDArray[np.float64]) -> NDArray[np.float64]:
        time.sleep(0.02)
        if not GOOD and (batch < 0).any():
            raise ArithmeticError("negative: Bearer abcdefghijklmnop")
        return batch.sum(axis=1)

    @inference
    def look(self, picture: Image.Image) -> int:
        raise ValueError(f"{picture.width} wide")

    @inference
    def size(self, data: bytes) -> int:
        raise ValueError("always")

    @inference
    def die(self, text: str) -> str:
        os._exit(3)
"""


def value(server: Server, name: str) -> float:
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", server.ask("GET", "/metrics")[1].decode(), re.MULTILINE)
    return sum(map(float, found))


def until(condition: Callable[[], Any]) -> Any:
    ends = time.monotonic() + 40
    while not (found := condition()):
        assert time.monotonic() < ends
        time.sleep(0.02)
    return found


def samples(folder: Path, endpoint: str = "") -> list[dict[str, Any]]:
    found = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return [each for each in found if endpoint in {"", each["endpoint"]}]


Command = Callable[..., str]


@pytest.fixture
def command(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """What `modelway quarantine …` prints in the project."""

    def run(*arguments: str, status: int = 0) -> str:
        monkeypatch.chdir(project)
        capsys.readouterr()
        code = main(["quarantine", *arguments])
        told = "".join(capsys.readouterr())
        assert code == status, told
        return told

    return run


IN_PROCESS = ("--model-processes", "1")


@pytest.fixture
def start(serve: Callable[..., Server], project: Path) -> Callable[..., Server]:
    (project / "sums.py").write_text(CODE)
    return lambda *more: serve("sums:Sums", *more).until_ready(40)


@pytest.mark.parametrize("where", [(), IN_PROCESS], ids=["thread", "process"])
def test_the_one_at_fault_in_a_batch_is_kept_as_it_was_sent_and_can_be_sent_again(
    where: tuple[str, ...], start: Callable[..., Server], project: Path, command: Command
) -> None:
    server = start("--quarantine", "poison", "--log-redact", "key", *where)
    folder = project / "poison"
    bad = {"rows": [1.5, -2], "key": "mine", "password": "hunter2"}
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(server.ask, "POST", "/add", {"rows": [number, 1]}) for number in range(8)]
        time.sleep(0.01)
        asked.append(pool.submit(server.ask, "POST", "/add", bad, {"X-Request-Id": "the-bad-one"}))
        assert sorted(each.result()[0] for each in asked) == [200] * 8 + [500]
    (kept,) = until(lambda: samples(folder))
    assert kept["request"] == {"rows": [1.5, -2], "key": "[redacted]", "password": "[redacted]"}
    assert (kept["endpoint"], kept["request_id"], kept["error"]) == ("add", "the-bad-one", "ArithmeticError")
    assert kept["why"] in {"singled_out", "failed"}  # failed: it found itself in a batch of its own
    assert kept["redacted"] is True
    assert kept["reason"] == "negative: [redacted]"
    (path,) = folder.glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    until(lambda: value(server, "modelway_quarantine_samples_total") == 1)
    listed = command("list", "poison")
    assert "ArithmeticError: negative: [redacted]" in listed
    assert "redacted" in command("list", "poison", "--endpoint", "add")
    assert json.loads(command("list", "poison", "-o", "json"))["items"][0]["request_id"] == "the-bad-one"
    assert json.loads(command("show", "poison", path.stem))["message"].startswith("add: the model's 'add' raised")
    assert '"rows": [1.5, -2]' in command("show", "poison", path.stem, "--request").replace(",-", ", -").replace(
        ":", ": "
    ).replace(":  ", ": ")
    url = f"http://127.0.0.1:{server.port}"
    assert "handler_failed" in command("replay", "poison", "--at", url, status=1)
    (project / "mended").touch()
    assert server.stop() == 0
    mended = start("--quarantine", "poison")
    replayed = command("replay", "poison", path.stem, "--at", f"http://127.0.0.1:{mended.port}")
    assert "answered" in replayed
    assert "-1.0" in replayed
    command("delete", "poison", "--all")
    assert samples(folder) == []


@pytest.mark.parametrize("where", [(), IN_PROCESS], ids=["thread", "process"])
def test_by_every_transport(where: tuple[str, ...], start: Callable[..., Server], project: Path) -> None:
    server = start("--quarantine", "poison", *where)
    folder = project / "poison"
    body = {
        "inputs": [{"name": "rows", "shape": [2, 2], "datatype": "FP64", "data": [1.0, 2.0, -3.0, 4.0]}],
        "parameters": {"endpoint": "add"},
    }
    assert server.ask("POST", "/v2/models/sums/infer", body)[0] == 500
    (kept,) = until(lambda: samples(folder))
    assert kept["request"]["rows"] in ([-3.0, 4.0], [-6.0, 8.0])  # the handler changed its argument in place
    message = ModelInferRequest(model_name="sums")
    message.parameters["endpoint"].string_param = "size"
    message.inputs.add(name="data", datatype="BYTES", shape=[1])
    message.raw_input_contents.append(struct.pack("<I", 3) + b"\0\1\2")
    port = int(next(each for each in server.log.splitlines() if each.startswith("  gRPC")).rpartition(":")[2])
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(message.SerializeToString(), timeout=20)
    (kept,) = until(lambda: samples(folder, "size"))
    assert base64.b64decode(kept["request"]["data"]) == b"\0\1\2"
    assert server.ask("POST", "/size", b"\3\4", {"Content-Type": "application/octet-stream"})[0] == 500
    until(lambda: [each for each in samples(folder, "size") if each["request"] == {"data": "AwQ="}])
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
    )
    assert server.ask("POST", "/look", picture, {"Content-Type": "image/png"})[0] == 500
    (kept,) = until(lambda: samples(folder, "look"))
    assert base64.b64decode(kept["request"]["picture"]) == picture
    assert kept["reason"] == "1 wide"


def test_what_is_too_large_leaves_only_its_size(start: Callable[..., Server], project: Path, command: Command) -> None:
    server = start("--quarantine", "poison")
    assert server.ask("POST", "/size", b"\0" * 2_000_000, {"Content-Type": "application/octet-stream"})[0] == 500
    (kept,) = until(lambda: samples(project / "poison"))
    assert kept["omitted"] == "2000000 bytes"
    (path,) = (project / "poison").glob("*.json")
    assert "2000000 bytes" in command("show", "poison", path.stem, "--request", status=1)
    assert "not kept" in command("replay", "poison", "--at", f"http://127.0.0.1:{server.port}", status=1)


def test_a_broken_model_fills_neither_disk_nor_time(start: Callable[..., Server], project: Path) -> None:
    server = start("--quarantine", "poison", "--quarantine-samples", "5")
    folder = project / "poison"
    assert server.ask("POST", "/look", b"no image", {"Content-Type": "image/png"})[0] == 422  # the caller's own fault
    for number in range(60):
        assert server.ask("POST", "/size", {"data": base64.b64encode(bytes([number])).decode()})[0] == 500
    written = until(lambda: value(server, "modelway_quarantine_samples_total"))
    until(
        lambda: (
            value(server, "modelway_quarantine_samples_total") + value(server, "modelway_quarantine_dropped_total")
            >= 20
        )
    )
    assert written <= 22
    assert len(samples(folder)) == 5
    assert server.stop() == 0
    again = start("--quarantine", "poison", "--quarantine-samples", "5")
    before = samples(folder)
    assert len(before) == 5
    assert again.ask("POST", "/add", {"rows": [-1]})[0] == 500
    until(lambda: samples(folder, "add"))
    until(lambda: len(samples(folder)) == 5)  # a new kind does not go before one of those that are many


def test_a_folder_that_cannot_be_written_costs_nobody_an_answer(start: Callable[..., Server], project: Path) -> None:
    (project / "poison").write_text("a file")
    server = start("--quarantine", "poison")
    assert server.ask("POST", "/add", {"rows": [-1]})[0] == 500
    assert server.ask("POST", "/add", {"rows": [1]})[0] == 200
    until(lambda: value(server, "modelway_quarantine_dropped_total") == 1)
    until(lambda: "quarantine_not_written" in server.log)
    (project / "poison").unlink()
    assert server.ask("POST", "/add", {"rows": [-2]})[0] == 500
    until(lambda: samples(project / "poison"))


def test_who_ends_the_models_process_is_kept(start: Callable[..., Server], project: Path, command: Command) -> None:
    server = start("--quarantine", "poison", *IN_PROCESS)
    assert server.ask("POST", "/die", {"text": "goodbye"})[1]["error"]["code"] == "model_crashed"
    (kept,) = until(lambda: samples(project / "poison"))
    assert (kept["why"], kept["request"]) == ("crashed", {"text": "goodbye"})
    assert "crashed the model" in command("list", "poison")


def test_nothing_is_kept_unless_asked_for(start: Callable[..., Server], project: Path, command: Command) -> None:
    server = start()
    before = {path.name for path in project.iterdir()}
    assert server.ask("POST", "/add", {"rows": [-1]})[0] == 500
    assert {path.name for path in project.iterdir()} - before <= {"__pycache__"}
    assert "quarantine" not in server.ask("GET", "/metrics")[1].decode()
    assert "no samples" in command("list", "poison")
    command("show", "poison", "../x", status=1)
    command("delete", "poison", status=1)
