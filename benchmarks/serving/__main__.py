"""Modelway's model server and its peers under the same models, interleaved, one worker each: requests/s, latency, CPU per request.

Each is installed in an environment of its own (`.cache/peers`), started afresh for each measurement, checked against the right
answers before and after, and driven by wrk, for gRPC by h2load, which share the machine's cores with it. A server that cannot be
installed or answers wrongly gives no figure, and is named. Servers marked * are no products but what one could be built on.
Needs Debian's wrk and nghttp2-client. The last line is one JSON object.
"""

import argparse
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.serving.environments import ENVIRONMENTS, CannotInstallError, binaries
from benchmarks.serving.measuring import Expected, FailedError, Plan, expected, measure
from benchmarks.serving.network import write_network
from benchmarks.serving.peers import NUMERIC, OURS, PEERS
from benchmarks.serving.report import Record, against_best, print_table

WORKLOADS = ("w1", "w2", "w3", "w3b", "w1g", "w3g")


def main() -> None:
    """Measure, print tables, then one line of JSON."""
    options = _options()
    for program, package in (("wrk", "wrk"), ("h2load", "nghttp2-client")):
        if shutil.which(program) is None:
            raise SystemExit(
                f"bench-serving: '{program}' is missing: apt-get install -y --no-install-recommends {package}"
            )
    records, failures = _measure_all(options)
    found: dict[str, Any] = {}
    for workload in options.workloads:
        for connections in options.connections:
            print_table(records, workload, connections)
        found |= against_best(records, workload, options.connections[0])
    for failure in failures:
        print(f"no figure: {failure['server']} {failure['workload']}: {failure['why']}")
    result = {
        **_head(found),
        **found,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "connections": options.connections,
        **describe_machine(),
        "versions": {"modelway": importlib.metadata.version("modelway"), "numeric": NUMERIC}
        | {each.name: each.requirements for each in PEERS if each.name != OURS},
    }
    if options.output:
        text = json.dumps({**result, "records": records, "failures": failures}, indent=1)
        options.output.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({**result, "failures": failures}))


def _options() -> argparse.Namespace:
    names = [each.name for each in PEERS]
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm-up", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--connections", type=int, nargs="+", default=[32], help="the first one gives the ratios")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME")
    parser.add_argument("--servers", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write every record there, for the plot")
    return parser.parse_args()


def _measure_all(options: argparse.Namespace) -> tuple[list[Record], list[dict[str, str]]]:
    """Servers in turn within a workload, the order reversed every second round."""
    network = ENVIRONMENTS / "network.onnx"
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    write_network(network)
    plan = Plan(connections=tuple(options.connections), warm_up=options.warm_up, seconds=options.seconds)
    records: list[Record] = []
    failures: list[dict[str, str]] = []
    failed: set[tuple[str, str]] = set()
    for workload in options.workloads:
        right = _expected(workload, network)
        peers = [each for each in PEERS if each.name in options.servers and workload in each.wires]
        for number in range(options.rounds):
            for peer in peers if number % 2 == 0 else peers[::-1]:
                if (peer.name, workload) in failed:
                    continue
                head = {"server": peer.name, "workload": workload, "wire": peer.wires[workload].name, "round": number}
                try:
                    rows = measure(peer, workload, right, network, plan)
                except FailedError as error:
                    failed.add((peer.name, workload))
                    failures.append({"server": peer.name, "workload": workload, "why": str(error)})
                    print(f"{workload} round {number + 1}: {peer.name} failed: {error}", file=sys.stderr, flush=True)
                    continue
                records += [{**head, **row} for row in rows]
                rates = ", ".join(f"{row['rps']:.0f}/s at {row['connections']}" for row in rows)
                print(f"{workload} round {number + 1}: {peer.name} {rates}", file=sys.stderr, flush=True)
    return records, failures


def _expected(workload: str, network: Path) -> Expected:
    try:
        return expected(workload, binaries(PEERS[0]), network)
    except CannotInstallError as error:
        raise SystemExit(f"bench-serving: our own environment cannot be made: {error}") from error


def _head(found: dict[str, Any]) -> dict[str, Any]:
    """The figures asked for most, first."""
    names = {"w1": "W1", "w2": "W2", "w3": "W3", "w3b": "W3b"}
    head = {f"{name}_vs_best_peer": found.get(f"{workload}_vs_best_peer") for workload, name in names.items()}
    both = [found[key] for key in ("w1g_vs_best_peer", "w3g_vs_best_peer") if key in found]
    return {**head, "grpc_vs_best_peer": min(both, default=None), "W3_cpu_vs_floor": found.get("w3_cpu_vs_floor")}


if __name__ == "__main__":
    main()
