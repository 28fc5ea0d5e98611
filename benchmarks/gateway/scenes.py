"""What is compared: plain proxies, gateways with the same features, one worker with two, ten models with ten thousand."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway import envoy, nginx, ours
from benchmarks.gateway.load import Server, check, check_limit, measure, write_scripts
from benchmarks.machine import free_port, stop, wait_for_port

Upstream = tuple[int, int]
SMALL_LIMIT = 20
Start = Callable[[Path, int, Upstream], list[subprocess.Popen[bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how often."""

    rounds: int
    seconds: float
    models: int


@contextmanager
def running(
    folder: Path, upstream: Upstream, starts: dict[str, Start], *, keyed: Sequence[str]
) -> Generator[list[Server]]:
    """The servers, checked before and after; `keyed` names those that must refuse wrong keys."""
    servers: list[Server] = []
    try:
        for name, start in starts.items():
            place = folder / name
            place.mkdir()
            port = free_port()
            servers.append(Server(name, start(place, port, upstream), f"http://127.0.0.1:{port}"))
            wait_for_port(port, 60)
        time.sleep(0.5)
        for server in servers:
            check(server, keyed=server.name in keyed)
        yield servers
        for server in servers:
            check(server, keyed=server.name in keyed)
    finally:
        for server in servers:
            for process in server.processes:
                stop(process, signal.SIGTERM)


def take_turns(servers: Sequence[Server], asked: str, script: Path, connections: int, effort: Effort) -> None:
    """Rounds in turn, the order reversed every second time."""
    for server in servers:
        measure(server, script, connections, 1)
    for number in range(effort.rounds):
        for server in servers if number % 2 == 0 else servers[::-1]:
            row = measure(server, script, connections, effort.seconds)
            server.rows.setdefault(asked, []).append(row)
            if sys.stderr.isatty():
                print(f"round {number + 1}/{effort.rounds} {asked} {server.name} {row['rps']:.0f}/s", file=sys.stderr)


def plain(folder: Path, upstream: Upstream, effort: Effort) -> list[Server]:
    """Ours as it always is, one model, beside proxies that only proxy."""
    starts: dict[str, Start] = {"modelway": ours.start_ours, "nginx": nginx.start_plain, "envoy": envoy.start_plain}
    scripts = write_scripts(folder)
    with running(folder, upstream, starts, keyed=("modelway",)) as servers:
        for connections in (1, 32, 128):
            take_turns(servers, f"{connections}", scripts["same"], connections, effort)
        take_turns(servers[:1], "distinct", scripts["distinct"], 32, effort)
        direct = Server("direct", [], f"http://127.0.0.1:{upstream[0]}")
        take_turns([direct], "1", scripts["same"], 1, effort)
    return [*servers, direct]


def featured(models: int, limit: int, *, lua: bool) -> dict[str, Start]:
    """Gateways with the same features; `limit` is how many requests a second they let through."""
    starts: dict[str, Start] = {
        "modelway": lambda place, port, up: ours.start_ours(place, port, up, models=models, limit=limit),
        "envoy": lambda place, port, up: envoy.start_features(place, port, up, models=models, limit=limit),
    }
    if lua:
        starts["nginx-lua"] = lambda place, port, up: nginx.start_lua(place, port, up, models=models, limit=limit)
    return starts


def check_limits(folder: Path, upstream: Upstream, *, lua: bool) -> None:
    """That each refuses what is over a small limit: what is measured counts, and does not only seem to."""
    place = folder / "limits"
    place.mkdir()
    with running(place, upstream, featured(10, SMALL_LIMIT, lua=lua), keyed=()) as servers:
        for server in servers:
            check_limit(server, 3 * SMALL_LIMIT)
            time.sleep(1.5)  # until there are tokens for the check at the end


def features(folder: Path, upstream: Upstream, effort: Effort, *, lua: bool) -> list[Server]:
    """Key, limit, many models, weights, JSON record: everywhere but in plain nginx."""
    check_limits(folder, upstream, lua=lua)
    starts = {"nginx-plain": nginx.start_plain, **featured(effort.models, ours.AMPLE, lua=lua)}
    keyed = [name for name in starts if name != "nginx-plain"]
    with running(folder, upstream, starts, keyed=keyed) as servers:
        take_turns(servers, "32", write_scripts(folder)["same"], 32, effort)
    return servers


def two_workers(folder: Path, upstream: Upstream, effort: Effort) -> list[Server]:
    """The same gateway with one worker and with two."""

    def start(workers: int) -> Start:
        return lambda place, port, up: ours.start_ours(place, port, up, models=100, limit=ours.AMPLE, workers=workers)

    with running(folder, upstream, {"one": start(1), "two": start(2)}, keyed=("one", "two")) as servers:
        take_turns(servers, "32", write_scripts(folder)["same"], 32, effort)
    return servers


def many_routes(folder: Path, upstream: Upstream, effort: Effort) -> list[Server]:
    """Ten, a thousand and ten thousand models; the same ten are asked in turn, then all (which also opens connections to all replicas)."""

    def start(models: int) -> Start:
        return lambda place, port, up: ours.start_ours(place, port, up, models=models, limit=ours.AMPLE)

    counts = (10, 1000, 10_000)
    starts = {str(count): start(count) for count in counts}
    with running(folder, upstream, starts, keyed=tuple(starts)) as servers:
        take_turns(servers, "ten", write_scripts(folder, ours.addresses(10))["paths"], 32, effort)
        for server, count in zip(servers, counts, strict=True):
            scripts = write_scripts(folder, ours.addresses(count))
            take_turns([server], "all", scripts["paths"], 32, effort)
    return servers
