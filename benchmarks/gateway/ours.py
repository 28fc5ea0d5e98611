"""Our gateway as a process: its real worker with a table of as many models as asked for."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from benchmarks.gateway.load import SECRET
from modelway_platform.domain.access.limits import NO_LIMITS, RateLimit, UsageLimits
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.store.files.table_file import write_table

PROJECTS = 50
# Never reached: what is measured is the counting.
AMPLE = 10_000_000


def addresses(models: int) -> list[str]:
    """Paths of all models but the first."""
    return [f"/p{number % PROJECTS}/m{number}/predict" for number in range(models - 1)]


def model(project: str, name: str, upstream: tuple[int, int], limits: UsageLimits) -> ModelEntry:
    """A model in two versions, 80 to 20."""
    replicas = [ReplicaEntry(id=f"{project}-{name}-{port}", host="127.0.0.1", port=port) for port in upstream]
    return ModelEntry(
        project=project,
        model=name,
        access="key",
        idempotent=False,
        timeout_seconds=30,
        max_body_bytes=1 << 20,
        limits=limits,
        versions=(
            VersionEntry(version="v1", weight=80, replicas=(replicas[0],)),
            VersionEntry(version="v2", weight=20, replicas=(replicas[1],)),
        ),
    )


def start_ours(
    folder: Path, port: int, upstream: tuple[int, int], *, models: int = 1, limit: int = 0, workers: int = 1
) -> list[subprocess.Popen[bytes]]:
    """Workers that do what they always do: key check, exact weights, request ids, a JSON record, metrics; and a limit per consumer and second, if there is one."""
    limits = NO_LIMITS
    if limit:
        limits = UsageLimits(rates=(RateLimit(per="consumer", requests=limit, window=1.0, burst=limit),))
    entries = [model("bench", "digits", upstream, limits)]
    for path in addresses(models):
        project, name = path.split("/")[1:3]
        entries.append(model(project, name, upstream, limits))
    key = KeyEntry(id="k1", name="bench", role="caller", sha256=sha256(SECRET.encode()).hexdigest())
    (folder / "gateway").mkdir(parents=True)
    table = folder / "gateway" / "table.json"
    write_table(table, RouteTable(number=1, models=tuple(entries), keys=(key,)))
    return [_worker(folder, table, port, index, workers) for index in range(workers)]


def _worker(folder: Path, table: Path, port: int, index: int, workers: int) -> subprocess.Popen[bytes]:
    program = (
        "from pathlib import Path; from modelway_platform.gateway.proxy.worker import WorkerSettings, run; "
        f"run(WorkerSettings(index={index}, workers={workers}, host='127.0.0.1', port={port}, "
        f"table_path=Path({str(table)!r}), log_dir=Path({str(folder / 'logs')!r}), "
        f"metrics_path=Path({str(folder / 'gateway' / f'worker-{index}.metrics.json')!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", program])
