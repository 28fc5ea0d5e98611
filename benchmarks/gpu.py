"""The PyTorch and ONNX examples on a GPU: requests/s with batches against one by one, through the model server.

The examples' own handlers serve networks of their own classes, deep enough that batches matter, with seeded random weights. Each
is served twice by `modelway serve --device cuda`: as it is, and with `predict` taking one image at a time. Answers of both are
compared with each other before anything is measured, and the runs take turns. The load comes from processes of this machine.
Run with `make bench-gpu`, or with any Python that has torch, onnxruntime and `modelway[serve]`. The last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.closed_loop import closed_loop
from benchmarks.gpu_networks import write_onnx, write_torch
from benchmarks.machine import describe_machine, free_port, stop

ROOT = Path(__file__).resolve().parent.parent
ALONE = '''"""The same model, one image at a time: what batches are measured against."""

from handler import Digits
from numpy.typing import NDArray
import numpy as np

from modelway import inference


class Alone(Digits):
    """Names the digit in an image of 8 by 8 greys from 0 to 16."""

    @inference
    def predict(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.model(image[None])[0]
'''
BODIES = [json.dumps({"image": [(n * 31 + i * 7) % 17 for i in range(64)]}).encode() for n in range(16)]


@dataclass(slots=True, kw_only=True)
class Served:
    """One model server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/predict", data=body)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


def project(folder: Path, example: str, write: Callable[[Path], None]) -> Path:
    """The example's code with other weights, and beside it the handler without batches."""
    source = ROOT / "examples" / "frameworks" / example
    kept = shutil.ignore_patterns(
        "train.py", "__pycache__", "dist", "examples.json", "model*", "weights*", "network.json"
    )
    target = folder / example
    shutil.copytree(source, target, ignore=kept)
    write(target)
    (target / "alone.py").write_text(ALONE, encoding="utf-8")
    return target


def serve(folder: Path, target: str, device: str, seconds: float) -> Served:
    """Start a model server and wait until it is ready, the warm-up included."""
    port, log = free_port(), folder / f"{target.partition(':')[0]}.log"
    words = ("serve", target, "--port", str(port), "--grpc-port", "off", "--device", device)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelway.cli.main", *words], cwd=folder, stdout=out, stderr=out
        )
    served = Served(port=port, process=process, log=log)
    try:
        until_ready(served, seconds)
    except BaseException:
        stop(process, signal.SIGTERM)
        raise
    return served


def until_ready(served: Served, seconds: float) -> None:
    """Return once `/readyz` says so.

    Raises:
        SystemExit: It ended, or is not ready in time; with what it wrote.
    """
    for _ in range(int(seconds * 10)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/readyz", timeout=1):
                return
        except OSError:
            if served.process.poll() is not None:
                break
            subprocess.run(["sleep", "0.1"], check=True)
    raise SystemExit(f"bench-gpu: the model server is not ready:\n{served.log.read_text()[-3000:]}")


def compare(batched: Served, alone: Served) -> None:
    """A server that answers differently gives no figure; one near tie may fall the other way, as sums are made in another order."""
    pairs = [(batched.ask(body), alone.ask(body)) for body in BODIES]
    differ = sum(one["digit"] != other["digit"] for one, other in pairs)
    if differ > 1 or any(abs(one["confidence"] - other["confidence"]) > 1e-2 for one, other in pairs):
        raise SystemExit(f"bench-gpu: batched and one by one differ: {pairs}")


def measure(folder: Path, device: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Both servers of a project in turn."""
    servers: list[Served] = []
    rows: dict[int, list[float]] = {0: [], 1: []}
    try:
        for target in ("handler:Digits", "alone:Alone"):
            servers.append(serve(folder, target, device, 90))  # noqa: PERF401 - what is started is stopped if the next fails
        compare(*servers)
        for number in range(arguments.rounds + 1):  # the first one warms up and is not counted
            seconds = arguments.seconds if number else 1.0
            for index in (0, 1) if number % 2 else (1, 0):
                result = closed_loop(servers[index].port, "/predict", BODIES, arguments.connections, seconds)
                if result.errors:
                    raise SystemExit(f"bench-gpu: {result.errors} of {result.answers} answers were errors")
                rate = result.answers / result.seconds
                print(f"  {('batched', 'one by one')[index]:10} {rate:9.0f} requests/s {'' if number else '(warm-up)'}")
                rows[index] += [rate] if number else []
        compare(*servers)
    finally:
        for each in servers:
            stop(each.process, signal.SIGTERM)
    batched, alone = statistics.median(rows[0]), statistics.median(rows[1])
    ratio = statistics.median(one / other for one, other in zip(rows[0], rows[1], strict=True))
    return {"batched_rps": round(batched, 1), "unbatched_rps": round(alone, 1), "ratio": round(ratio, 2)}


def torch_result(folder: Path, device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The PyTorch example's figures."""

    def write(target: Path) -> None:
        write_torch(target, channels=arguments.channels, blocks=arguments.blocks)

    return {
        "model": f"{arguments.blocks} residual blocks of {arguments.channels} channels",
        **measure(project(folder, "pytorch", write), device, arguments),
    }


def onnx_result(folder: Path, device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The ONNX example's figures, or why there are none."""
    onnxruntime: Any = import_module("onnxruntime")
    there: list[str] = onnxruntime.get_available_providers()
    if device.startswith("cuda") and "CUDAExecutionProvider" not in there:
        return {
            "missing": f"onnxruntime {onnxruntime.__version__} has no CUDAExecutionProvider, only {', '.join(there)}"
        }

    def write(target: Path) -> None:
        write_onnx(target, width=arguments.width, layers=arguments.layers)

    return {
        "model": f"{arguments.layers} layers of {arguments.width}",
        **measure(project(folder, "onnx", write), device, arguments),
    }


def device_name(device: str) -> str:
    """What the machine calls it."""
    if not device.startswith("cuda"):
        return device
    torch: Any = import_module("torch")
    if not torch.cuda.is_available():
        raise SystemExit(
            f"bench-gpu: PyTorch {torch.__version__} finds no GPU; --device cpu tries the script without one"
        )
    return str(torch.cuda.get_device_name(0))


def main() -> None:
    """Measure, print, and end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--width", type=int, default=2048)
    arguments = parser.parse_args()
    name = device_name(arguments.device)
    os.environ["PYTHONPATH"] = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        for framework, figures in (("torch", torch_result), ("onnx", onnx_result)):
            print(f"{framework}:", flush=True)
            results[framework] = figures(Path(folder), arguments.device, arguments)
    print(json.dumps({"device": name, "connections": arguments.connections, **results, "machine": describe_machine()}))


if __name__ == "__main__":
    main()
