"""Our model server, granian (RSGI) and uvicorn (raw ASGI) with the same models: requests/s, latency, CPU per request, in turn.

One worker process each. Ours is `modelway serve` as anybody runs it: signature checks, request ids, metrics, supervisor. The
peers are bare (`benchmarks/serving_peers.py`): what a server built on them could reach at best. The load generator and the
server share the machine's cores. Run with `make bench-serving`; needs Debian's wrk. The last line is one JSON object.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import cpu_seconds, describe_machine, free_port, stop, wait_for_port
from benchmarks.serving_models import FEATURES

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FIGURES = ("rps", "p50_ms", "p99_ms", "cpu_us")
Rows = dict[int, list[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked: a handler of ours, a path at all of them, bodies in turn, and what a right answer looks like."""

    name: str
    handler: str
    path: str
    bodies: tuple[str, ...]
    connections: tuple[int, ...]


@dataclass(slots=True)
class Server:
    """A server under test with what was measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    rows: Rows = field(default_factory=Rows)


def workloads() -> tuple[Workload, ...]:
    """W1 and W3, sixteen different bodies each, so that a mixed-up batch shows."""
    echoes = tuple(json.dumps({"values": [n + 0.25, n + 0.5, n * 2.0, 1.5]}) for n in range(16))
    images = tuple(
        json.dumps({"image": [round((n * 31 + i * 7) % 255 / 255, 4) for i in range(FEATURES)]}) for n in range(16)
    )
    return (
        Workload("w1", "benchmarks.serving_models:Echo", "/echo", echoes, (1, 32, 128)),
        Workload("w3", "benchmarks.serving_models:Scores", "/scores", images, (32, 128)),
    )


def start(name: str, workload: Workload, port: int) -> subprocess.Popen[bytes]:
    """Start one server with one worker."""
    bin_folder = Path(sys.executable).parent
    commands: dict[str, list[str]] = {
        "modelway": [
            *(str(bin_folder / "modelway"), "serve", workload.handler, "--port", str(port)),
        ],
        "granian": [
            *(str(bin_folder / "granian"), "--interface", "rsgi", "--loop", "uvloop", "--workers", "1"),
            *("--no-access-log", "--log-level", "error", "--host", "127.0.0.1", "--port", str(port)),
            "benchmarks.serving_peers:rsgi",
        ],
        "uvicorn": [
            *(str(bin_folder / "uvicorn"), "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"),
            *("--no-access-log", "--log-level", "error", "--host", "127.0.0.1", "--port", str(port)),
            "benchmarks.serving_peers:asgi",
        ],
    }
    return subprocess.Popen(
        commands[name],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **ONE_THREAD},
    )


def ask(server: Server, body: str) -> Any:
    """One request, outside the load."""
    request = urllib.request.Request(server.url, data=body.encode(), headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def check(servers: list[Server], workload: Workload) -> None:
    """A server that answers differently from the others gives no figure."""
    for body in workload.bodies:
        expected = ask(servers[-1], body)
        for server in servers[:-1]:
            got = ask(server, body)
            if len(got) != len(expected) or any(abs(a - b) > 1e-3 for a, b in zip(got, expected, strict=True)):
                raise SystemExit(f"bench-serving: {server.name} answers {got}, {servers[-1].name} {expected}")


_SCRIPT = """
local bodies = %s
local next = 0
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
request = function()
  next = next %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[next])
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
"""


def measure(server: Server, script: Path, connections: int, seconds: float) -> dict[str, float]:
    """One run of wrk against one server."""
    before = cpu_seconds(server.process.pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), server.url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(server.process.pid) - before
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
    if found is None:
        raise SystemExit(f"bench-serving: wrk gave no result for {server.name}:\n{out}")
    requests, micros, p50, p99, errors = (float(each) for each in found.groups())
    good = max(requests - errors, 1)
    return {
        "rps": good / (micros / 1e6),
        "p50_ms": p50,
        "p99_ms": p99,
        "cpu_us": used / good * 1e6,
        "errors": errors,
    }


def run_workload(workload: Workload, rounds: int, seconds: float) -> list[Server]:
    """Servers in turn, the order reversed every second round."""
    servers: list[Server] = []
    try:
        for name in ("modelway", "granian", "uvicorn"):
            port = free_port()
            process = start(name, workload, port)
            servers.append(Server(name, process, f"http://127.0.0.1:{port}{workload.path}"))
            wait_for_port(port)
            wait_until_it_answers(servers[-1], workload.bodies[0])
        check(servers, workload)
        with tempfile.TemporaryDirectory(prefix="bench-serving-") as folder:
            script = Path(folder) / "bodies.lua"
            script.write_text(_SCRIPT % ("{" + ",".join(f"'{body}'" for body in workload.bodies) + "}"))
            for server in servers:
                measure(server, script, 32, 1.0)
            for number in range(rounds):
                for connections in workload.connections:
                    for server in servers if number % 2 == 0 else servers[::-1]:
                        row = measure(server, script, connections, seconds)
                        server.rows.setdefault(connections, []).append(row)
        check(servers, workload)
    finally:
        for server in servers:
            stop(server.process, signal.SIGTERM)
    return servers


def wait_until_it_answers(server: Server, body: str) -> None:
    """Some listen before they can answer."""
    for attempt in range(100):
        try:
            ask(server, body)
        except OSError:  # a refused connection or a 503
            if attempt == 99:
                raise
            subprocess.run(["sleep", "0.1"], check=True)
        else:
            return


def figures(workload: Workload, servers: list[Server]) -> dict[str, float]:
    """Print the table of one workload; medians and ratios (of figures of the same round) by name."""
    print(f"{workload.name}: {workload.handler}")
    print(
        f"  {'server':9} {'conns':>5} {'req/s':>8} {'range':>15} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7} {'errors':>6}"
    )
    found: dict[str, float] = {}
    for server in servers:
        for connections, rows in server.rows.items():
            medians = {each: statistics.median(row[each] for row in rows) for each in FIGURES}
            rates = [row["rps"] for row in rows]
            errors = int(sum(row["errors"] for row in rows))
            print(
                f"  {server.name:9} {connections:5} {medians['rps']:8.0f} {f'{min(rates):.0f}-{max(rates):.0f}':>15} "
                f"{medians['p50_ms']:7.3f} {medians['p99_ms']:7.3f} {medians['cpu_us']:7.1f} {errors:6}"
            )
            prefix = f"{workload.name}_{server.name}"
            found |= {f"{prefix}_{each}_{connections}": round(value, 3) for each, value in medians.items()}
            found[f"{prefix}_errors_{connections}"] = errors
    ours = servers[0]
    for other in servers[1:]:
        for connections in workload.connections:
            pairs = list(zip(ours.rows[connections], other.rows[connections], strict=True))
            for figure in ("rps", "cpu_us"):
                ratio = statistics.median(mine[figure] / theirs[figure] for mine, theirs in pairs)
                found[f"{workload.name}_vs_{other.name}_{figure}_{connections}"] = round(ratio, 3)
    return found


def main() -> None:
    """Run the workloads, print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--workload", choices=["w1", "w3"], help="only this one")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench-serving: 'wrk' is missing: apt-get install -y --no-install-recommends wrk")
    found: dict[str, float] = {}
    for workload in workloads():
        if options.workload in {None, workload.name}:
            found |= figures(workload, run_workload(workload, options.rounds, options.seconds))
    head = {
        "vs_granian_rps": found.get("w1_vs_granian_rps_32"),
        "vs_uvicorn_rps": found.get("w1_vs_uvicorn_rps_32"),
        "cpu_us": found.get("w1_modelway_cpu_us_32"),
        "granian_cpu_us": found.get("w1_granian_cpu_us_32"),
        "uvicorn_cpu_us": found.get("w1_uvicorn_cpu_us_32"),
    }
    settings = {"rounds": options.rounds, "seconds": options.seconds}
    print(json.dumps({**head, **settings, **found, **describe_machine()}))


if __name__ == "__main__":
    main()
