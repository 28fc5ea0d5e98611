"""What batching costs a lone caller, and what holding batches back brings many: one model server, endpoints in turn.

A lone caller asks W3's network without batching, with greedy batches, with `max_wait_ms=5` and `"adaptive"`, request by request
in turn; then 4, 16 and 32 callers in a closed loop ask a model whose batches cost 10 ms and a tenth per item. Run with
`make bench-batching`, half a minute. The last line is one JSON object; `lone_…_vs_off` is the ratio of median latencies,
`lone_within_tenth` says whether the worst of them is at most 1.10.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.batching_models import MAX_BATCH
from benchmarks.machine import describe_machine, free_port, stop, wait_for_port
from benchmarks.serving_models import FEATURES

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONE = ("off", "greedy", "fixed", "adaptive")
MANY = ("greedy", "fixed", "adaptive")
CALLERS = (4, 16, 32)
WITHIN = 1.10
"""What a lone caller may lose by batching: a tenth."""


def serve(handler: str) -> tuple[subprocess.Popen[bytes], int]:
    """A model server with one worker, ready."""
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "modelway"),
        "serve",
        handler,
        "--port",
        str(port),
        "--grpc-port",
        "off",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD}
    )
    wait_for_port(port)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except urllib.error.HTTPError:
            time.sleep(0.05)
        else:
            return process, port
    stop(process)
    raise SystemExit("bench-batching: the model server did not become ready")


def head(endpoint: str, body: bytes) -> bytes:
    """A whole request."""
    return b"POST /%b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (endpoint.encode(), len(body), body)


def lone(port: int, seconds: float) -> dict[str, float]:
    """Median latency of one caller in milliseconds, by endpoint, asked in turn."""
    body = json.dumps({"image": [round(i % 255 / 255, 4) for i in range(FEATURES)]}).encode()
    times: dict[str, list[float]] = {name: [] for name in LONE}
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for name in LONE:
                started = time.perf_counter()
                caller.sendall(head(name, body))
                if not caller.recv(65536).startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"bench-batching: /{name} does not answer")
                times[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(each) for name, each in times.items()}


async def many(port: int, endpoint: str, callers: int, seconds: float) -> dict[str, float]:
    """Requests/s and median latency of callers who ask again as soon as they are answered."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = head(endpoint, b'{"numbers": %d}' % number)
        while loop.time() < ends:
            started = loop.time()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"bench-batching: /{endpoint} does not answer")
            await reader.readexactly(len(str(number)))
            latencies.append(loop.time() - started)
        writer.close()

    await asyncio.gather(*(ask(number) for number in range(callers)))
    return {"rps": len(latencies) / seconds, "p50_ms": statistics.median(latencies) * 1000}


def with_server(handler: str, measure: Callable[[int], None]) -> None:
    """Measure one server, then end it."""
    process, port = serve(handler)
    try:
        measure(port)
    finally:
        stop(process, signal.SIGTERM)


def main() -> None:
    """Both parts, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, float | bool] = {}

    def measure_lone(port: int) -> None:
        lone(port, 0.5)
        medians = lone(port, options.seconds * options.rounds)
        for name, value in medians.items():
            print(f"lone     {name:9} p50 {value:7.3f} ms  {value / medians['off']:.3f} of no batching")
            found[f"lone_{name}_ms"] = round(value, 4)
            found[f"lone_{name}_vs_off"] = round(value / medians["off"], 3)
        worst = max(medians[name] / medians["off"] for name in LONE)
        found.update({"lone_worst_vs_off": round(worst, 3), "lone_within_tenth": worst <= WITHIN})

    def measure_many(port: int) -> None:
        for callers in CALLERS:
            rows: dict[str, list[dict[str, float]]] = {name: [] for name in MANY}
            for number in range(options.rounds):
                for name in MANY if number % 2 == 0 else MANY[::-1]:
                    rows[name].append(asyncio.run(many(port, name, callers, options.seconds)))
            for name in MANY:
                rate = statistics.median(row["rps"] for row in rows[name])
                p50 = statistics.median(row["p50_ms"] for row in rows[name])
                ratio = statistics.median(a["rps"] / b["rps"] for a, b in zip(rows[name], rows["greedy"], strict=True))
                print(f"callers {callers:3} {name:9} {rate:7.0f} requests/s  p50 {p50:7.2f} ms  {ratio:.2f} of greedy")
                found[f"callers_{callers}_{name}_rps"] = round(rate, 1)
                found[f"callers_{callers}_{name}_vs_greedy"] = round(ratio, 3)

    with_server("benchmarks.batching_models:Lone", measure_lone)
    with_server("benchmarks.batching_models:Device", measure_many)
    settings = {"seconds": options.seconds, "rounds": options.rounds, "max_batch": MAX_BATCH}
    print(json.dumps({**found, **settings, **describe_machine()}))


if __name__ == "__main__":
    main()
