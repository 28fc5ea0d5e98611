"""Runs the scenes, prints a table each, then all figures as one JSON object in the last line.

One worker each, all before the same upstream, in turn within each round; the load generator shares the machine. Needs
Debian's nginx and wrk, and for the comparison with Lua its module (`libnginx-mod-http-lua`, `lua-resty-core`).
"""

import argparse
import asyncio
import json
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import table_updates
from benchmarks.gateway import nginx, scenes
from benchmarks.gateway.load import Server
from benchmarks.machine import describe_machine, free_port, stop, wait_for_port

FIGURES = ("rps", "p50_ms", "p99_ms", "cpu_us")


def main() -> None:
    """All scenes, or `--quick` ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="two rounds of a second each, for development")
    options = parser.parse_args()
    rounds, seconds = (2, 1) if options.quick else (options.rounds, options.seconds)
    effort = scenes.Effort(rounds=rounds, seconds=seconds, models=options.models)
    for tool in ("wrk", "nginx"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"bench-gateway: '{tool}' is missing: apt-get install -y --no-install-recommends nginx-light wrk"
            )
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        upstream = (free_port(), free_port())
        process = nginx.start_upstream(folder, upstream)
        try:
            wait_for_port(upstream[1])
            found = compare(folder, upstream, effort)
        finally:
            stop(process, signal.SIGTERM)
    found |= updates(options.models, 40 if options.quick else 200)
    print(json.dumps({**found, "rounds": rounds, "seconds": seconds, **describe_machine()}))


def compare(folder: Path, upstream: tuple[int, int], effort: scenes.Effort) -> dict[str, object]:
    """Every scene, with its table and its figures."""
    lua = all(path.exists() for path in nginx.LUA)
    if not lua:
        print(
            "nginx with Lua is left out: apt-get install -y --no-install-recommends libnginx-mod-http-lua lua-resty-core"
        )
    plain = scenes.plain(_made(folder, "plain"), upstream, effort)
    show("plain: ours with key, weights, record and metrics; the others only proxy", plain)
    featured = scenes.features(_made(folder, "features"), upstream, effort, lua=lua)
    show(f"features: key, limit, {effort.models} models, weights, JSON record (not in nginx-plain)", featured)
    workers = scenes.two_workers(_made(folder, "workers"), upstream, effort)
    show("one worker and two", workers)
    routes = scenes.many_routes(_made(folder, "routes"), upstream, effort)
    show("models in the table; the same ten asked, then all", routes)
    return {**plain_figures(plain), **feature_figures(featured), **scale_figures(workers, routes)}


def plain_figures(servers: Sequence[Server]) -> dict[str, object]:
    """Against proxies that only proxy."""
    ours, plain, envoy, direct = servers
    return {
        "vs_envoy_rps": ours.ratio(envoy, "32"),
        "vs_nginx_rps": ours.ratio(plain, "32"),
        "cpu_us": round(ours.median("32", "cpu_us"), 2),
        "nginx_cpu_us": round(plain.median("32", "cpu_us"), 2),
        "envoy_cpu_us": round(envoy.median("32", "cpu_us"), 2),
        "cpu_vs_nginx": ours.ratio(plain, "32", "cpu_us"),
        "cpu_us_distinct_heads": round(ours.median("distinct", "cpu_us"), 2),
        "added_p50_ms": round(ours.median("1", "p50_ms") - direct.median("1", "p50_ms"), 3),
        "errors": sum(int(row["errors"]) for server in servers for rows in server.rows.values() for row in rows),
    }


def feature_figures(servers: Sequence[Server]) -> dict[str, object]:
    """Against gateways with the same features."""
    plain, ours, envoy, *rest = servers
    lua = {"features_vs_nginx_lua_rps": ours.ratio(rest[0], "32")} if rest else {}
    return {
        "features_vs_envoy_rps": ours.ratio(envoy, "32"),
        "features_vs_nginx_plain_rps": ours.ratio(plain, "32"),
        **lua,
        "features_cpu_us": round(ours.median("32", "cpu_us"), 2),
        "features_envoy_cpu_us": round(envoy.median("32", "cpu_us"), 2),
        "features_errors": sum(int(row["errors"]) for server in servers for row in server.rows["32"]),
    }


def scale_figures(workers: Sequence[Server], routes: Sequence[Server]) -> dict[str, object]:
    """More workers, more models."""
    one, two = workers
    ten, thousand, most = routes
    return {
        "cpu_us_2_workers_vs_1": two.ratio(one, "32", "cpu_us"),
        "routes_1k_vs_10_cpu": thousand.ratio(ten, "ten", "cpu_us"),
        "routes_10k_vs_10_cpu": most.ratio(ten, "ten", "cpu_us"),
        "routes_10k_all_vs_10_cpu": most.ratio(ten, "all", "cpu_us"),
    }


def updates(models: int, changes: int) -> dict[str, object]:
    """How soon a change of one of many models is used by two workers, and what a worker weighs."""
    with tempfile.TemporaryDirectory(prefix="bench-tables-") as name:
        found = asyncio.run(table_updates.measure(Path(name), models, changes, 2))
    print(f"a change with {models} models: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    return dict(found)


def show(title: str, servers: Sequence[Server]) -> None:
    """One table."""
    print(
        f"\n{title}\n  {'server':12} {'asked':>8} {'req/s':>8} {'range':>15} {'p50 ms':>7} {'p99 ms':>7} {'CPU µs':>7} {'errors':>6}"
    )
    for server in servers:
        for asked, rows in server.rows.items():
            rates = [row["rps"] for row in rows]
            p50, p99, cpu = (server.median(asked, figure) for figure in FIGURES[1:])
            print(
                f"  {server.name:12} {asked:>8} {server.median(asked, 'rps'):8.0f} {f'{min(rates):.0f}-{max(rates):.0f}':>15} "
                f"{p50:7.3f} {p99:7.3f} {cpu:7.1f} {int(sum(row['errors'] for row in rows)):6}",
                flush=True,
            )


def _made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


if __name__ == "__main__":
    main()
