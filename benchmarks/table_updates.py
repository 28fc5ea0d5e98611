"""How soon a change is used by gateway workers when there are many models, and what a worker weighs: `make bench-tables`.

Control's own publisher with its real store, and real worker processes that follow the table file; no requests. Each change
is a replica that registers at another port; it counts as seen when every worker's metrics page says the new table's number.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe_machine
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.gateway.control.publish import Publisher, Sources
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.changes import Changes
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.files.acknowledgements import read_acknowledgements

PACKAGE = "sha256:" + "a" * 64
PROJECTS = 50


def keys_of(models: int) -> list[ModelKey]:
    """Names in fifty projects."""
    return [ModelKey(f"p{number % PROJECTS}", f"m{number}") for number in range(models)]


def declare(documents: Documents, models: int) -> None:
    """Two versions and a route per model."""
    for start in range(0, models, 500):
        chunk = keys_of(models)[start : start + 500]
        deployments = [
            Deployment(key=VersionKey(key.project, key.model, version), package=PACKAGE)
            for key in chunk
            for version in ("v1", "v2")
        ]
        shares = (VersionWeight(version="v1", weight=80), VersionWeight(version="v2", weight=20))
        documents.apply([*deployments, *(Route(key=key, versions=shares) for key in chunk)], author="bench")


def register(leases: Leases, key: ModelKey, version: str, port: int) -> None:
    """A replica, or a new address of it."""
    name = VersionKey(key.project, key.model, version)
    leases.register(Endpoint(id=f"{key.model}-{version}", key=name, host="127.0.0.1", port=port), 300)


def start_worker(root: Path, index: int) -> subprocess.Popen[bytes]:
    """A gateway worker on a port nobody calls; it ends with this process."""
    lifeline, _held = os.pipe()
    command = [sys.executable, "-m", "modelway_platform.apps.gateway", "--directory", str(root), "--host", "127.0.0.1"]
    command += ["--port", "0", "--index", str(index), "--lifeline", str(lifeline)]
    try:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=(lifeline,))
    finally:
        os.close(lifeline)


def seen_by_all(folder: Path, number: int, workers: int) -> bool:
    """Whether every worker says it uses this table or a newer one."""
    return sum(each.number >= number for each in read_acknowledgements(folder)) == workers


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(root: Path, models: int, changes: int, workers: int) -> dict[str, float]:
    """Times of `changes` changes, in milliseconds."""
    with Database.open(root / "modelway.db") as database:
        changed = Changes()
        documents = Documents(database, changed.notify)
        leases = Leases(on_change=changed.notify)
        declare(documents, models)
        names = keys_of(models)
        for number, key in enumerate(names):
            for offset, version in enumerate(("v1", "v2")):
                register(leases, key, version, 10_000 + (2 * number + offset) % 50_000)
        sources = Sources(
            declared=documents.declared,
            endpoints=leases.view,
            keys=Keys(database, changed.notify).list,
            next_number=Counters(database).next_table_number,
        )
        publisher = Publisher(root / "gateway" / "table.json", sources, print)
        task = asyncio.create_task(publisher.run(changed))
        processes = [start_worker(root, index) for index in range(workers)]
        try:
            return await _time_changes(publisher, leases, (root, names, changes, processes))
        finally:
            task.cancel()
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(20)


async def _time_changes(
    publisher: Publisher, leases: Leases, setting: tuple[Path, list[ModelKey], int, list[subprocess.Popen[bytes]]]
) -> dict[str, float]:
    root, names, changes, processes = setting
    folder = root / "gateway"
    ends = time.monotonic() + 120
    while not (publisher.state.number and seen_by_all(folder, publisher.state.number, len(processes))):
        if time.monotonic() > ends:
            raise SystemExit("bench-tables: the workers did not take the first table")
        await asyncio.sleep(0.05)
    taken: list[float] = []
    for number in range(changes):
        before = publisher.state.number
        started = time.perf_counter()
        register(leases, names[number * 37 % len(names)], "v1", 61_000 + number % 4000)
        while publisher.state.number == before or not seen_by_all(folder, before + 1, len(processes)):  # noqa: ASYNC110 - files
            await asyncio.sleep(0.001)
        taken.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.02)
    taken.sort()
    return {
        "table_update_p50_ms": round(taken[len(taken) // 2], 1),
        "table_update_p99_ms": round(taken[min(len(taken) - 1, int(len(taken) * 0.99))], 1),
        "worker_memory_mb": round(max(resident_mb(process.pid) for process in processes), 1),
    }


def main() -> None:
    """Few models, then many; one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, float] = {}
    for models in (10, options.models):
        with tempfile.TemporaryDirectory(prefix="bench-tables-") as folder:
            root = Path(folder)
            figures = asyncio.run(measure(root, models, options.changes, options.workers))
        print(f"{models:6} models: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
        found = figures if models == options.models else found
    print(json.dumps({"models": options.models, "changes": options.changes, **found, **describe_machine()}))


if __name__ == "__main__":
    main()
