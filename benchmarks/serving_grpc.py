"""W1g and W3g: `ModelInfer` with raw tensors, our model server and the bare asyncio server of grpcio, in turn.

The peer is what a server built on grpcio reaches at best: no checks, no metrics, and for W3g the batcher of the other peers. h2load
sends one body over and over, one call at a time per connection; it cannot see gRPC's statuses, so answers are checked before and after.
Run with `make bench-serving-grpc`; needs Debian's nghttp2-client. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import numpy as np
import uvloop

from benchmarks.machine import cpu_seconds, describe_machine, free_port, stop, wait_for_port
from benchmarks.serving_models import FEATURES
from benchmarks.serving_peers import Batcher
from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

METHOD = "/inference.GRPCInferenceService/ModelInfer"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CONNECTIONS = 32
Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Workload:
    """A handler of ours, what is sent, and the tensor's name at both servers."""

    name: str
    handler: str
    tensor: str
    width: int


@dataclass(slots=True)
class Server:
    """A server under test with what was measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    rows: list[Row] = field(default_factory=list[Row])


WORKLOADS = (
    Workload("w1g", "benchmarks.serving_models:EchoTensor", "values", 4),
    Workload("w3g", "benchmarks.serving_models:Scores", "image", FEATURES),
)


def message(workload: Workload, number: int) -> bytes:
    """One of sixteen requests."""
    row = np.array([(number * 31 + i * 7) % 255 / 255 for i in range(workload.width)], np.float32)
    request = ModelInferRequest(model_name=workload.handler.partition(":")[2].lower())
    request.inputs.add(name=workload.tensor, datatype="FP32", shape=[1, workload.width])
    request.raw_input_contents.append(row.tobytes())
    return request.SerializeToString()


class Peer:
    """The bare server's one method."""

    def __init__(self) -> None:
        self._batcher: Batcher | None = None

    async def infer(self, request: ModelInferRequest, context: Any) -> ModelInferResponse:
        data = request.raw_input_contents[0]
        if request.inputs[0].name == "image":
            if self._batcher is None:
                self._batcher = Batcher()
            image = cast("list[float]", np.frombuffer(data, np.float32))
            scores = await asyncio.shield(self._batcher(image))  # h2load leaves calls behind when its time is over
            data = np.array(scores, np.float32).tobytes()
        answer = ModelInferResponse(model_name=request.model_name, id=request.id)
        answer.outputs.add(name="output", datatype="FP32", shape=[1, len(data) // 4])
        answer.raw_output_contents.append(data)
        return answer


async def serve_peer(port: int) -> None:
    """Serve until ended."""
    server = grpc.aio.server()
    handler: Any = cast("Any", grpc).unary_unary_rpc_method_handler(
        Peer().infer,
        request_deserializer=ModelInferRequest.FromString,
        response_serializer=ModelInferResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelInfer": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def start(name: str, workload: Workload, port: int) -> Server:
    """Start one server with one worker."""
    modelway = str(Path(sys.executable).parent / "modelway")
    command = {
        "modelway": [modelway, "serve", workload.handler, "--port", "0", "--grpc-port", str(port)],
        "grpcio": [sys.executable, "-m", "benchmarks.serving_grpc", "--peer", str(port)],
    }[name]
    quiet = subprocess.DEVNULL
    return Server(name, subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **ONE_THREAD}), port)


def answers(server: Server, workload: Workload) -> list[list[float]]:
    """What it says to all sixteen."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: Any = cast("Any", channel).unary_unary(METHOD)
        found: list[list[float]] = []
        for number in range(16):
            raw = call(message(workload, number), timeout=20, wait_for_ready=True)
            found.append(np.frombuffer(ModelInferResponse.FromString(raw).raw_output_contents[0], np.float32).tolist())
        return found


def check(servers: list[Server], workload: Workload) -> None:
    """Servers that answer differently give no figure."""
    ours, theirs = (np.array(answers(each, workload)) for each in servers)
    if not np.allclose(ours, theirs, atol=1e-3):
        raise SystemExit(f"bench-serving-grpc: {workload.name}: the servers answer differently")


def measure(server: Server, body: Path, seconds: float) -> Row:
    """One run of h2load against one server."""
    before = cpu_seconds(server.process.pid)
    command = [
        *("h2load", "-t1", f"-c{CONNECTIONS}", "-m1", f"-D{seconds:g}", "-d", str(body)),
        *("-H", "te: trailers", "-H", "content-type: application/grpc", f"http://127.0.0.1:{server.port}{METHOD}"),
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(server.process.pid) - before
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", out)
    good = re.search(r"status codes: (\d+) 2xx", out)
    if rate is None or good is None or not int(good[1]):
        raise SystemExit(f"bench-serving-grpc: h2load gave no result for {server.name}:\n{out}")
    return {"rps": float(rate[1]), "cpu_us": used / int(good[1]) * 1e6}


def run_workload(workload: Workload, rounds: int, seconds: float) -> list[Server]:
    """Servers in turn, the order reversed every second round."""
    servers: list[Server] = []
    try:
        for name in ("modelway", "grpcio"):
            servers.append(start(name, workload, free_port()))
            wait_for_port(servers[-1].port)
        check(servers, workload)
        with tempfile.TemporaryDirectory(prefix="bench-serving-grpc-") as folder:
            body = Path(folder) / "body"
            data = message(workload, 3)
            body.write_bytes(b"\0" + len(data).to_bytes(4, "big") + data)
            for server in servers:
                measure(server, body, 1.0)
            for number in range(rounds):
                for server in servers if number % 2 == 0 else servers[::-1]:
                    server.rows.append(measure(server, body, seconds))
        check(servers, workload)
    finally:
        for server in servers:
            stop(server.process, signal.SIGTERM)
    return servers


def figures(workload: Workload, servers: list[Server]) -> dict[str, float]:
    """Print one workload's table; medians, and ratios of figures of the same round."""
    found: dict[str, float] = {}
    for server in servers:
        rates = [row["rps"] for row in server.rows]
        for name in ("rps", "cpu_us"):
            found[f"{workload.name}_{server.name}_{name}"] = round(
                statistics.median(row[name] for row in server.rows), 1
            )
        cpu = found[f"{workload.name}_{server.name}_cpu_us"]
        print(
            f"{workload.name} {server.name:9} {statistics.median(rates):8.0f} req/s "
            f"({min(rates):.0f}-{max(rates):.0f})  {cpu:7.1f} us CPU"
        )
    ours, theirs = servers
    for name in ("rps", "cpu_us"):
        ratios = [mine[name] / other[name] for mine, other in zip(ours.rows, theirs.rows, strict=True)]
        found[f"{workload.name}_vs_grpcio_{name}"] = round(statistics.median(ratios), 3)
    return found


def main() -> None:
    """Run both workloads, print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--peer", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer is not None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_peer(options.peer))
        return
    if shutil.which("h2load") is None:
        raise SystemExit(
            "bench-serving-grpc: 'h2load' is missing: apt-get install -y --no-install-recommends nghttp2-client"
        )
    found: dict[str, float] = {}
    for workload in WORKLOADS:
        found |= figures(workload, run_workload(workload, options.rounds, options.seconds))
    head = {"grpc_vs_best_peer": min(found["w1g_vs_grpcio_rps"], found["w3g_vs_grpcio_rps"])}
    settings = {"rounds": options.rounds, "seconds": options.seconds, "connections": CONNECTIONS}
    print(json.dumps({**head, **settings, **found, **describe_machine()}))


if __name__ == "__main__":
    main()
