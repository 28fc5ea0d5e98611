"""One server under one workload: checked, warmed up, measured, checked again."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.serving.environments import CannotInstallError, binaries
from benchmarks.serving.folders import SERVERS
from benchmarks.serving.load import AnswerError, Measured, ask_grpc, ask_http, run_h2load, run_wrk
from benchmarks.serving.peers import Peer
from benchmarks.serving.running import Running, running

START_SECONDS = 60.0
QUIET_CORES, QUIET_SECONDS = 0.05, 5.0
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and at how many connections."""

    connections: tuple[int, ...]
    warm_up: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Expected:
    """Sixteen inputs and what a right server answers."""

    inputs: list[list[float]]
    outputs: list[list[float]]


class FailedError(Exception):
    """A server gives no figure; says why."""


def expected(workload: str, programs: Path, network: Path) -> Expected:
    """Computed in an environment like the servers'."""
    command = [str(programs / "python"), str(SERVERS / "models.py"), workload]
    out = subprocess.run(
        command, env={**os.environ, "BENCH_NETWORK": str(network)}, capture_output=True, text=True, check=True
    )
    return Expected(**json.loads(out.stdout))


def measure(peer: Peer, workload: str, right: Expected, network: Path, plan: Plan) -> list[dict[str, Any]]:
    """A fresh process, then one record for each number of connections.

    Raises:
        FailedError: It cannot be installed, does not start, or answers wrongly.
    """
    try:
        programs = binaries(peer)
    except CannotInstallError as error:
        raise FailedError(f"cannot be installed: {error}") from error
    began = time.monotonic()
    with running(peer, workload, programs, network) as server:
        _Check(peer, workload, server, right).until_right()
        start_seconds = time.monotonic() - began
        check = _Check(peer, workload, server, right)
        check.everything()
        idle = _until_quiet(server)
        with tempfile.TemporaryDirectory(prefix="bench-serving-") as folder:
            records: list[dict[str, Any]] = []
            for number, connections in enumerate(plan.connections):
                check.load(connections, plan.warm_up if not number else plan.warm_up / 2, Path(folder))
                load = partial(check.load, connections, plan.seconds, Path(folder))
                records.append({"connections": connections, **_record(server, load)})
        check.everything()
        memory = server.memory_mb()
    common = {"start_s": round(start_seconds, 2), "idle_cores": round(idle, 3), "pss_mb": round(memory, 1)}
    return [{**record, **common} for record in records]


class _Check:
    """Asks one server in its own words."""

    def __init__(self, peer: Peer, workload: str, server: Running, right: Expected) -> None:
        self._server = server
        self._right = right
        self._wire = peer.wires[workload]
        self._grpc = workload.endswith("g")
        self._port = server.ports.grpc if self._grpc else server.ports.http
        self._requests = [self._wire.ask(row) for row in right.inputs]

    def until_right(self) -> None:
        """Return with the first right answer."""
        ends = time.monotonic() + START_SECONDS
        while True:
            try:
                self._one(0)
            except (OSError, AnswerError, FailedError, ValueError, KeyError) as error:
                if self._server.process.poll() is not None or time.monotonic() > ends:
                    log = self._server.log.read_text(errors="replace")[-800:]
                    raise FailedError(f"no right answer in {START_SECONDS:g} s: {error}; it printed: {log}") from error
                time.sleep(0.1)
            else:
                return

    def everything(self) -> None:
        """All inputs alone, then many mixed at once; a mixed-up batch would show."""
        try:
            for number in range(len(self._requests)):
                self._one(number)
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(self._one, [(n * 7) % len(self._requests) for n in range(16 * 12)]))
        except (OSError, AnswerError, ValueError, KeyError) as error:
            raise FailedError(f"a wrong answer: {error}") from error

    def load(self, connections: int, seconds: float, folder: Path) -> Measured:
        run = run_h2load if self._grpc else run_wrk
        return run(self._port, self._requests, connections, seconds, folder)

    def _one(self, number: int) -> None:
        ask = ask_grpc if self._grpc else ask_http
        got = self._wire.read(ask(self._port, self._requests[number]))
        wanted = self._right.outputs[number]
        same = len(got) == len(wanted) and all(abs(a - b) <= TOLERANCE for a, b in zip(got, wanted, strict=True))
        if not same or got.index(max(got)) != wanted.index(max(wanted)):
            raise FailedError(f"input {number}: answered {got[:4]}…, right is {wanted[:4]}…")


def _record(server: Running, load: Callable[[], Measured]) -> dict[str, Any]:
    """One measured run, with what it cost whom."""
    before, (calls, rows), began = _Clocks.read(server), server.model_counts(), time.monotonic()
    found = load()
    wall, after = time.monotonic() - began, _Clocks.read(server)
    calls_after, rows_after = server.model_counts()
    used = after.server - before.server
    foreign = after.machine - before.machine - used - (after.generator - before.generator)
    return {
        "rps": round(found.good / found.seconds, 1),
        "cpu_us": round(used / max(found.good, 1) * 1e6, 2),
        "cores": round(used / wall, 2),
        "foreign_cores": round(max(foreign, 0.0) / wall, 2),
        "mean_batch": round((rows_after - rows) / max(calls_after - calls, 1), 2),
        "p50_ms": round(found.p50_ms, 3),
        "p99_ms": round(found.p99_ms, 3),
        "errors": found.errors,
    }


@dataclass(frozen=True, slots=True)
class _Clocks:
    """Processor seconds so far: of the server, of load generators that ended, of everything."""

    server: float
    generator: float
    machine: float

    @classmethod
    def read(cls, server: Running) -> "_Clocks":
        times = os.times()
        fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        machine = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
        own = sum(times[:4])  # ours as well as our children's
        return cls(server.cpu_seconds(), own, machine)


def _until_quiet(server: Running) -> float:
    """Wait until it idles; the cores it uses then."""
    ends = time.monotonic() + QUIET_SECONDS
    while True:
        before, began = server.cpu_seconds(), time.monotonic()
        time.sleep(0.5)
        cores = (server.cpu_seconds() - before) / (time.monotonic() - began)
        if cores < QUIET_CORES or time.monotonic() > ends:
            return cores
