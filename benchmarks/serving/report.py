"""Tables and ratios of what was measured."""

import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.serving.peers import OURS, PEERS

Record = dict[str, Any]
FIGURES = ("rps", "p50_ms", "p99_ms", "cpu_us", "mean_batch", "pss_mb", "start_s")
_FLOORS = {each.name for each in PEERS if each.floor}


def select(records: Iterable[Record], workload: str, connections: int) -> dict[str, list[Record]]:
    """Records of one table by server, in the order of rounds."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record["workload"] == workload and record["connections"] == connections:
            found.setdefault(record["server"], []).append(record)
    return found


def medians(rows: list[Record]) -> dict[str, float]:
    """Of each figure."""
    return {each: statistics.median(row[each] for row in rows) for each in FIGURES}


def print_table(records: list[Record], workload: str, connections: int) -> None:
    """Fastest first."""
    by_server = select(records, workload, connections)
    print(f"\n{workload}, {connections} connections")
    print(
        f"  {'server':12} {'wire':10} {'req/s':>8} {'range':>15} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8} "
        f"{'batch':>6} {'PSS MB':>7} {'start s':>7} {'errors':>6} {'foreign':>7}"
    )
    for name, rows in sorted(by_server.items(), key=lambda pair: -medians(pair[1])["rps"]):
        middle, rates = medians(rows), [row["rps"] for row in rows]
        label = f"{name} *" if name in _FLOORS else name
        print(
            f"  {label:12} {rows[0]['wire']:10} {middle['rps']:8.0f} {f'{min(rates):.0f}-{max(rates):.0f}':>15} "
            f"{middle['p50_ms']:8.2f} {middle['p99_ms']:8.2f} {middle['cpu_us']:8.1f} {middle['mean_batch']:6.1f} "
            f"{middle['pss_mb']:7.0f} {middle['start_s']:7.2f} {sum(row['errors'] for row in rows):6} "
            f"{statistics.median(row['foreign_cores'] for row in rows):7.2f}"
        )


def against_best(records: list[Record], workload: str, connections: int) -> dict[str, Any]:
    """Ours against the best product and the best floor; ratios of figures of the same round, their median."""
    by_server = select(records, workload, connections)
    found: dict[str, Any] = {}
    if OURS not in by_server:
        return found
    for kind, names in (("best_peer", set(by_server) - _FLOORS - {OURS}), ("floor", set(by_server) & _FLOORS)):
        if not names:
            continue
        best = max(names, key=lambda name: medians(by_server[name])["rps"])
        found[f"{workload}_{kind}"] = best
        found[f"{workload}_vs_{kind}"] = ratio(by_server[OURS], by_server[best], "rps")
        found[f"{workload}_p99_vs_{kind}"] = ratio(by_server[OURS], by_server[best], "p99_ms")
        found[f"{workload}_cpu_vs_{kind}"] = ratio(by_server[OURS], by_server[best], "cpu_us")
    return found


def ratio(ours: list[Record], theirs: list[Record], figure: str) -> float:
    """The median over rounds of ours divided by theirs."""
    by_round = {row["round"]: row for row in theirs}
    pairs = [(row[figure], by_round[row["round"]][figure]) for row in ours if row["round"] in by_round]
    return round(statistics.median(mine / other for mine, other in pairs if other), 3)
