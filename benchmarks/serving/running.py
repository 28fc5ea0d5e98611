"""One server under test: started in a folder of its own, found again with all its processes, ended."""

import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import free_port
from benchmarks.serving.folders import SERVERS, Ports, prepare
from benchmarks.serving.peers import HANDLERS, Peer

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_MARK = "BENCH_MARK"
_TICKS = os.sysconf("SC_CLK_TCK")
_PROXIES = {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}


@dataclass(frozen=True, slots=True)
class Running:
    """A started server.

    Attributes:
        process: Its first process; `pids` finds all.
        ports: Where it listens.
        counts: File with the model's calls and rows.
        mark: In the environment of every process of it.
        log: What it printed.
    """

    process: subprocess.Popen[bytes]
    ports: Ports
    counts: Path
    mark: str
    log: Path

    def pids(self) -> list[int]:
        """Every process that carries the mark, daemons too."""
        wanted = f"{_MARK}={self.mark}".encode()
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        return sum(_cpu_of(pid) for pid in self.pids())

    def memory_mb(self) -> float:
        """Proportional set size of all its processes, in MB."""
        total = 0
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
        return total / 1024

    def model_counts(self) -> tuple[int, int]:
        """Calls of the model and rows it got."""
        data = self.counts.read_bytes()
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:16], "little")


@contextmanager
def running(peer: Peer, workload: str, programs: Path, network: Path) -> Generator[Running]:
    """Start it; end it and whatever it started when the block ends."""
    # A short name: Ray puts sockets into it.
    with tempfile.TemporaryDirectory(prefix="bs-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ports = Ports(*(free_port() for _ in range(5)))
        prepare(peer.name, workload, ports, folder, programs)
        counts, log, mark = folder / "counts", folder / "log", uuid.uuid4().hex
        counts.write_bytes(bytes(16))
        words: dict[str, object] = {
            "bin": programs,
            "folder": folder,
            "handler": HANDLERS[workload],
            "port": ports.http,
            "grpc": ports.grpc,
            "more": ports.more,
            "last": ports.last,
        }
        told = {
            "WORKLOAD": workload,
            "PORT": str(ports.http),
            "GRPC_PORT": str(ports.grpc),
            "MORE_PORT": str(ports.more),
            "COUNTS": str(counts),
            "FOLDER": str(folder),
            "NETWORK": str(network),
            "SERVERS": str(SERVERS),
        }
        variables = {
            **{key: value for key, value in os.environ.items() if key not in _PROXIES},
            **ONE_THREAD,
            **{f"BENCH_{key}": value for key, value in told.items()},
            _MARK: mark,
            "TMPDIR": name,
            "PYTHONPATH": str(SERVERS),
            "PATH": f"{programs}:{os.environ['PATH']}",
            **{key: value.format(**words) for key, value in peer.variables.items()},
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                [word.format(**words) for word in peer.command],
                cwd=folder if peer.name == "torchserve" else SERVERS,
                env=variables,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        server = Running(process, ports, counts, mark, log)
        try:
            yield server
        finally:
            _end(server)


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _end(server: Running) -> None:
    """Ask, then insist; by pid, and only what carries our mark."""
    server.process.terminate()
    try:
        server.process.wait(8)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in server.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        ends = time.monotonic() + 3
        while server.pids() and time.monotonic() < ends:
            time.sleep(0.1)
