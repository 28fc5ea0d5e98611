"""What records and metrics cost a gateway worker: CPU per request with them and without, in turn, in one process."""

import json
import shutil
import signal
import statistics
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from benchmarks.gateway import nginx
from benchmarks.gateway.load import SECRET, Server, check, measure, write_scripts
from benchmarks.gateway.ours import model
from benchmarks.machine import free_port, stop, wait_for_port
from modelway_platform.domain.access.limits import NO_LIMITS
from modelway_platform.domain.table.route_table import KeyEntry, RouteTable
from modelway_platform.store.files.table_file import write_table

_SECONDS = 3.0
_CONNECTIONS = 32
_Moment = tuple[bool, int, float]


def cost_share(folder: Path, rounds: int) -> dict[str, object]:
    """`gateway_cost_share`: by how much fewer requests are answered in a second of CPU; needs nginx (the upstream) and wrk."""
    if not (shutil.which("wrk") and shutil.which("nginx")):
        print("the gateway's cost is left out: apt-get install -y --no-install-recommends nginx-light wrk")
        return {"gateway_cost_share": None}
    folder.mkdir(parents=True)
    upstream = (free_port(), free_port())
    processes = [nginx.start_upstream(folder, upstream)]
    try:
        wait_for_port(upstream[1])
        server = _server(folder, upstream)
        processes += server.processes
        script = write_scripts(folder)["same"]
        check(server, keyed=True)
        measure(server, script, _CONNECTIONS, 1)
        rows = [measure(server, script, _CONNECTIONS, _SECONDS) for _ in range(rounds)]
    finally:
        for process in reversed(processes):
            stop(process, signal.SIGTERM)
    moments: list[_Moment] = json.loads((folder / "worker" / "moments.json").read_text())
    return costs(moments) | {"gateway_rps": round(statistics.median(row["rps"] for row in rows))}


def costs(moments: list[_Moment]) -> dict[str, object]:
    """Of moments that follow each other, each one's difference to its neighbour; the middle of all.

    Args:
        moments: Whether records were made, requests, CPU seconds.
    """
    pairs = [
        sorted(((recorded, cpu / requests * 1e6) for recorded, requests, cpu in pair), reverse=True)
        for pair in pairwise(moments)
        if pair[0][0] != pair[1][0]
    ]
    full = statistics.median(pair[0][1] for pair in pairs)
    return {
        "gateway_cost_share": round(statistics.median(1 - pair[1][1] / pair[0][1] for pair in pairs), 3),
        "gateway_cpu_us": round(full, 2),
        "gateway_cpu_us_without": round(statistics.median(pair[1][1] for pair in pairs), 2),
        "gateway_cost_us": round(statistics.median(pair[0][1] - pair[1][1] for pair in pairs), 2),
        "moments": len(moments),
    }


def _server(folder: Path, upstream: tuple[int, int]) -> Server:
    place, port = folder / "worker", free_port()
    place.mkdir()
    table = place / "table.json"
    key = KeyEntry(id="k1", name="bench", role="caller", sha256=sha256(SECRET.encode()).hexdigest())
    entry = model("bench", "digits", upstream, NO_LIMITS)
    write_table(table, RouteTable(number=1, models=(entry,), keys=(key,)))
    command = [sys.executable, "-m", "benchmarks.switched_worker", str(port), str(table), str(place)]
    process = subprocess.Popen(command)
    wait_for_port(port)
    return Server("ours", [process], f"http://127.0.0.1:{port}")
