"""What records and metrics cost a gateway worker: the real one against one whose log and counters do nothing."""

import shutil
import signal
import statistics
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from benchmarks.gateway import nginx
from benchmarks.gateway.load import SECRET, Server, check, measure, write_scripts
from benchmarks.gateway.ours import model
from benchmarks.machine import free_port, stop, wait_for_port
from modelway_platform.domain.access.limits import NO_LIMITS
from modelway_platform.domain.table.route_table import KeyEntry, RouteTable
from modelway_platform.store.table_file import write_table

_SECONDS = 3.0
_CONNECTIONS = 32
# Takes the place of what is measured, before the worker begins; nothing of it is in the product.
_WITHOUT = (
    "from modelway_platform.gateway.proxy import access_log, metrics; "
    "access_log.AccessLog.record = lambda *_: None; metrics.VersionMetrics.record = lambda *_: None; "
)


def cost_share(folder: Path, rounds: int) -> dict[str, object]:
    """`gateway_cost_share`: by how much fewer requests a second are answered; needs nginx (the upstream) and wrk."""
    if not (shutil.which("wrk") and shutil.which("nginx")):
        print("the gateway's cost is left out: apt-get install -y --no-install-recommends nginx-light wrk")
        return {"gateway_cost_share": None}
    folder.mkdir(parents=True)
    upstream = (free_port(), free_port())
    processes = [nginx.start_upstream(folder, upstream)]
    try:
        wait_for_port(upstream[1])
        servers = [_server(folder, name, upstream) for name in ("without", "with")]
        processes += [each.processes[0] for each in servers]
        script = write_scripts(folder)["same"]
        for each in servers:
            check(each, keyed=True)
            measure(each, script, _CONNECTIONS, 1)
        for number in range(rounds):
            for each in servers if number % 2 else servers[::-1]:
                each.rows.setdefault("same", []).append(measure(each, script, _CONNECTIONS, _SECONDS))
    finally:
        for process in processes:
            stop(process, signal.SIGTERM)
    without, full = servers
    shares = [
        1 - mine["rps"] / theirs["rps"] for mine, theirs in zip(full.rows["same"], without.rows["same"], strict=True)
    ]
    return {
        "gateway_cost_share": round(statistics.median(shares), 3),
        "gateway_rps": round(full.median("same", "rps")),
        "gateway_rps_without": round(without.median("same", "rps")),
        "gateway_cpu_us": round(full.median("same", "cpu_us"), 2),
        "gateway_cpu_us_without": round(without.median("same", "cpu_us"), 2),
    }


def _server(folder: Path, name: str, upstream: tuple[int, int]) -> Server:
    place, port = folder / name, free_port()
    place.mkdir()
    table = place / "table.json"
    key = KeyEntry(id="k1", name="bench", role="caller", sha256=sha256(SECRET.encode()).hexdigest())
    entry = model("bench", "digits", upstream, NO_LIMITS)
    write_table(table, RouteTable(number=1, models=(entry,), keys=(key,)))
    program = (
        (_WITHOUT if name == "without" else "")
        + "from pathlib import Path; from modelway_platform.gateway.proxy.worker import WorkerSettings, run; "
        f"run(WorkerSettings(index=0, host='127.0.0.1', port={port}, table_path=Path({str(table)!r}), "
        f"log_dir=Path({str(place / 'logs')!r}), metrics_path=Path({str(place / 'metrics.json')!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    wait_for_port(port)
    return Server(name, [process], f"http://127.0.0.1:{port}")
