"""A model in a thread of the worker against one and two model processes, with tensors of 1 MiB each way.

Two models in turn, one that keeps the interpreter while it computes and one that lets go of it; callers in a closed loop send and get
binary tensors (Open Inference Protocol), and after each stage the answers are compared. Run with `make bench-model-processes`, a minute.
The last line is one JSON object: `MODEL_PLACE_…` with requests/s, p50 and p99 in milliseconds, CPU milliseconds per request of the
whole server, and MB/s of tensors handed over; `MODEL_two_vs_thread` is the ratio of requests/s.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import cpu_seconds, describe_machine, free_port, stop, wait_for_port
from benchmarks.process_models import SIDE

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
MODELS = {"holds": "benchmarks.process_models:Holds", "releases": "benchmarks.process_models:Releases"}
PLACES = {"thread": 0, "one": 1, "two": 2}
TENSOR = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE) / (SIDE * SIDE)
MEGABYTE = 1e6


@dataclass
class Measured:
    """What one server did over all rounds."""

    latencies: list[float] = field(default_factory=list[float])
    seconds: float = 0.0
    cpu: float = 0.0

    def report(self) -> dict[str, float]:
        """Requests/s, milliseconds and MB/s."""
        count = len(self.latencies)
        ordered = sorted(self.latencies)
        return {
            "rps": round(count / self.seconds, 1),
            "p50_ms": round(statistics.median(ordered) * 1000, 2),
            "p99_ms": round(ordered[min(count - 1, int(count * 0.99))] * 1000, 2),
            "cpu_ms": round(self.cpu / count * 1000, 2),
            "mb_s": round(2 * TENSOR.nbytes * count / self.seconds / MEGABYTE, 1),
        }


def serve(handler: str, processes: int) -> tuple[subprocess.Popen[bytes], int]:
    """A model server with one worker, ready."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "modelway"), "serve", handler, "--port", str(port)]
    command += ["--grpc-port", "off", "--model-processes", str(processes)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD}
    )
    wait_for_port(port)
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if json.load(answer).get("model_processes", {"wanted": 0, "ready": 0})["ready"] == processes:
                    return process, port
        except urllib.error.HTTPError:
            pass
        time.sleep(0.05)
    stop(process)
    raise SystemExit("bench-model-processes: the model server did not become ready")


def request(model: str) -> bytes:
    """One whole request with a binary tensor, which asks for its answer as one."""
    size = TENSOR.nbytes
    tensor = {
        "name": "tensor",
        "shape": [1, SIDE, SIDE],
        "datatype": "FP32",
        "parameters": {"binary_data_size": size},
    }
    document = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    lines = (
        f"POST /v2/models/{model}/infer HTTP/1.1",
        "Host: x",
        "Content-Type: application/octet-stream",
        f"Inference-Header-Content-Length: {len(document)}",
        f"Content-Length: {len(document) + size}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + document + TENSOR.tobytes()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, whole: bytes) -> bytes:
    """The answer's tensor."""
    writer.write(whole)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body = await reader.readexactly(int(lines["content-length"]))
    if " 200 " not in head.split("\r\n", 1)[0]:
        raise RuntimeError(f"the server refused: {body[:300]!r}")
    return body[int(lines["inference-header-content-length"]) :]


async def load(port: int, whole: bytes, callers: int, seconds: float, found: Measured) -> bytes:
    """Callers who ask again as soon as they are answered; the last answer."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    last = b""

    async def caller() -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4 << 20)
        while loop.time() < started + seconds:
            sent = loop.time()
            last = await ask(reader, writer, whole)
            found.latencies.append(loop.time() - sent)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(callers)))
    found.seconds += loop.time() - started
    return last


def measure(model: str, seconds: float, rounds: int, callers: int) -> dict[str, Measured]:
    """One model in every place, in turn; all servers are up from first to last."""
    servers = {place: serve(MODELS[model], count) for place, count in PLACES.items()}
    found = {place: Measured() for place in PLACES}
    try:
        for number in range(rounds + 1):
            answers: set[bytes] = set()
            for place, (process, port) in servers.items():
                measured = found[place] if number else Measured()  # the first round warms up
                before = cpu_seconds(process.pid)
                answers.add(asyncio.run(load(port, request(model), callers, seconds if number else 0.5, measured)))
                measured.cpu += cpu_seconds(process.pid) - before
            if len(answers) != 1:
                raise SystemExit("bench-model-processes: the places do not answer alike")
    finally:
        for process, _ in servers.values():
            stop(process)
    return found


def main() -> None:
    """Both models, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--callers", type=int, default=8)
    options = parser.parse_args()
    numbers: dict[str, float] = {}
    print(f"{'':<10} {'place':<8} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms':>8} {'MB/s':>8}")
    for model in MODELS:
        measured = measure(model, options.seconds, options.rounds, options.callers)
        for place, each in measured.items():
            row = each.report()
            numbers |= {f"{model}_{place}_{name}": value for name, value in row.items()}
            shown = (row["rps"], row["p50_ms"], row["p99_ms"], row["cpu_ms"], row["mb_s"])
            print(
                f"{model:<10} {place:<8} "
                + " ".join(f"{value:>{10 if i == 0 else 8}}" for i, value in enumerate(shown))
            )
        numbers[f"{model}_two_vs_thread"] = round(numbers[f"{model}_two_rps"] / numbers[f"{model}_thread_rps"], 2)
    print(json.dumps({**describe_machine(), "callers": options.callers, **numbers}))


if __name__ == "__main__":
    main()
