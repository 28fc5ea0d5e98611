"""What a mirror costs callers: latency at a steady rate without one, and with one that is healthy, slow, dead or failing.

One gateway worker as a process of its own, a model that takes two milliseconds, and callers that ask at a fixed rate whatever comes
back; kinds take turns, so that what else the machine does hits all alike. Every request is copied and compared. The last line is
one JSON object. Run with `make bench-mirrors`; about half a minute.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.machine import describe_machine, free_port, wait_for_port
from modelway_platform.domain.routing.mirroring.mirrors import Comparator, EndpointComparator, Mirror, Mirroring
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.gateway.proxy.metrics import read_snapshot
from modelway_platform.gateway.proxy.worker import WorkerSettings, run
from modelway_platform.store.files.table_file import write_table

KINDS = ("none", "healthy", "slow", "dead", "failing")
RATE = 300
CONNECTIONS = 24
# Short turns, many of them, and the median of their percentiles: the machine's own moods last longer and hit all kinds alike.
SECONDS = 0.4
ROUNDS = 15
MODEL_SECONDS = 0.002
BODY = json.dumps({"x": [0.5] * 32}).encode()
REQUEST = b"POST /p/%b/predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"


class Model(asyncio.Protocol):
    """Answers the same after a while; `seconds` below 0: never."""

    def __init__(self, seconds: float, status: int) -> None:
        self._seconds = seconds
        body = json.dumps({"y": [0.25] * 32}).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._seconds >= 0 and self._transport is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, self._answer)


def serve_models(ports: dict[str, int]) -> None:
    """The primary and all mirrors but the dead one, until ended."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        kinds = {
            "none": (MODEL_SECONDS, 200),
            "healthy": (MODEL_SECONDS, 200),
            "slow": (-1.0, 200),
            "failing": (0.0, 500),
        }
        for kind, (seconds, status) in kinds.items():
            await loop.create_server(lambda s=seconds, c=status: Model(s, c), "127.0.0.1", ports[kind])
        await asyncio.Event().wait()

    uvloop.run(serve())


def serve_gateway(folder: Path, port: int) -> None:
    """One worker, until ended."""
    metrics = folder / "gateway" / "worker-0.metrics.json"
    table = folder / "gateway" / "table.json"
    run(
        WorkerSettings(
            index=0, host="127.0.0.1", port=port, table_path=table, log_dir=folder / "access", metrics_path=metrics
        )
    )


def table(ports: dict[str, int]) -> RouteTable:
    """A model for each kind of mirror, all with the same primary."""
    compare = (EndpointComparator(endpoint="predict", comparator=Comparator(kind="numeric", absolute=0.01)),)
    models: list[ModelEntry] = []
    for kind in KINDS:
        primary = ReplicaEntry(id=f"{kind}-1", host="127.0.0.1", port=ports["none"])
        other = ReplicaEntry(id=f"{kind}-2", host="127.0.0.1", port=ports[kind])
        mirrors = () if kind == "none" else (Mirror(source="v1", to="v2", timeout_seconds=1.0),)
        models.append(
            ModelEntry(
                project="p",
                model=kind,
                access="open",
                idempotent=False,
                timeout_seconds=10,
                max_body_bytes=1 << 20,
                versions=(
                    VersionEntry(version="v1", weight=1, replicas=(primary,)),
                    VersionEntry(version="v2", weight=0, replicas=(other,)),
                ),
                mirroring=Mirroring(mirrors=mirrors, compare=compare),
            )
        )
    return RouteTable(number=1, models=tuple(models), keys=())


async def ask(port: int, kind: str, seconds: float) -> list[float]:
    """Milliseconds from the moment a request was due to its whole answer."""
    request = REQUEST % (kind.encode(), len(BODY), BODY)
    begun = time.perf_counter() + 0.05
    total = int(RATE * seconds)
    found: list[float] = []

    async def caller(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(number, total, CONNECTIONS):
            due = begun + turn / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head[:60].decode())
            found.append((time.perf_counter() - due) * 1000)
        writer.close()

    await asyncio.gather(*(caller(number) for number in range(CONNECTIONS)))
    return found


def measure(port: int, metrics: Path) -> dict[str, Any]:
    """Latencies of callers by kind of mirror, and what became of the copies."""
    times: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    uvloop.run(ask(port, "healthy", 0.5))  # starts the helper
    for _ in range(ROUNDS):
        for kind in KINDS:
            times[kind].append(uvloop.run(ask(port, kind, SECONDS)))
    time.sleep(2.5)  # timeouts, and a snapshot
    figures: dict[str, Any] = {}
    for kind, turns in times.items():
        percentiles = [statistics.quantiles(each, n=100) for each in turns]
        figures[f"{kind}_p50_ms"] = round(statistics.median(each[49] for each in percentiles), 3)
        figures[f"{kind}_p99_ms"] = round(statistics.median(each[98] for each in percentiles), 3)
    snapshot = read_snapshot(metrics)
    for each in snapshot.mirrors if snapshot is not None else ():
        figures[f"{each.model}_copies"] = {
            "codes": each.codes, "dropped": each.dropped, "uncompared": each.uncompared, "agreements": each.agreements,
        }  # fmt: skip
    return figures


def main() -> None:
    """Print the figures."""
    print(describe_machine())
    start = multiprocessing.get_context("spawn").Process
    ports = {kind: free_port() for kind in KINDS}
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gateway").mkdir()
        write_table(folder / "gateway" / "table.json", table(ports))
        targets: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (serve_models, (ports,)),
            (serve_gateway, (folder, port)),
        ]
        processes = [start(target=target, args=arguments) for target, arguments in targets]
        for process in processes:
            process.start()
        try:
            wait_for_port(ports["failing"])
            wait_for_port(port)
            figures = measure(port, folder / "gateway" / "worker-0.metrics.json")
        finally:
            for process in processes:
                if process.pid is not None and process.is_alive():
                    os.kill(process.pid, 15)
                process.join(15)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
