"""A gateway worker on its own thread, replicas that follow a script byte by byte, and callers that speak raw bytes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
import uvloop
from journeys.raw_peers import OK, Peer, Replica, Script, wait_for

from modelway.http1 import Limits, Listener, listen
from modelway_platform.domain.access.limits import NO_LIMITS, UsageLimits
from modelway_platform.domain.routing.addresses.published_url import USUAL_ADDRESSING, Addressing
from modelway_platform.domain.routing.assignment.assignment import NO_ASSIGNMENT, Assignment
from modelway_platform.domain.routing.mirroring.mirrors import NO_MIRRORING, Mirroring
from modelway_platform.domain.routing.payload_policy import NO_PAYLOADS, PayloadPolicy
from modelway_platform.domain.routing.resilience.resilience import Resilience
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.gateway.proxy import forwarding
from modelway_platform.gateway.proxy.access_log import AccessLog
from modelway_platform.gateway.proxy.caller import CallerConnection
from modelway_platform.gateway.proxy.table_watch import TableWatch
from modelway_platform.gateway.proxy.worker_state import WorkerState
from modelway_platform.store.files.table_file import write_table

T = TypeVar("T")
SECRET = "mw_caller"


@dataclass
class Table:
    """What the tests say of a route table; the rest is usual."""

    versions: Mapping[str, tuple[int, Sequence[Replica]]]
    access: Literal["key", "open"] = "open"
    idempotent: bool = False
    timeout: float = 8
    max_body_bytes: int = 1 << 40
    addressing: Addressing = USUAL_ADDRESSING
    websocket: bool = False
    secure: bool = False
    keys: Sequence[tuple[str, Literal["admin", "caller"], str]] = (("k1", "caller", SECRET),)
    others: Sequence[ModelEntry] = ()
    resilience: Resilience | None = None
    limits: UsageLimits = NO_LIMITS
    assignment: Assignment = NO_ASSIGNMENT
    mirroring: Mirroring = NO_MIRRORING
    payloads: PayloadPolicy = NO_PAYLOADS
    names: dict[Replica, str] = field(default_factory=dict[Replica, str])

    def made(self, number: int) -> RouteTable:
        def entry(replica: Replica) -> ReplicaEntry:
            return ReplicaEntry(
                id=self.names.get(replica, f"r{replica.port}"), host="127.0.0.1", port=replica.port, secure=self.secure
            )

        model = ModelEntry(
            project="p",
            model="m",
            access=self.access,
            idempotent=self.idempotent,
            timeout_seconds=self.timeout,
            max_body_bytes=self.max_body_bytes,
            assignment=self.assignment,
            resilience=self.resilience,
            mirroring=self.mirroring,
            payloads=self.payloads,
            addressing=self.addressing,
            websocket=self.websocket,
            limits=self.limits,
            versions=tuple(
                VersionEntry(version=name, weight=weight, replicas=tuple(map(entry, replicas)))
                for name, (weight, replicas) in self.versions.items()
            ),
        )
        keys = tuple(
            KeyEntry(id=name, name=name, role=role, sha256=sha256(secret.encode()).hexdigest())
            for name, role, secret in self.keys
        )
        return RouteTable(number=number, models=(model, *self.others), keys=keys)


class Gateway:
    """One worker without its process: state, table file, log, port, on uvloop as in production."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table_path = folder / "gateway" / "table.json"
        self.table_path.parent.mkdir(parents=True, exist_ok=True)
        self.loop = uvloop.new_event_loop()
        self.loop_errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.log = AccessLog(folder / "access", 0)
        self.worker = WorkerState(self.log, self.table_path.parent, self.loop)
        self.watch = TableWatch(self.table_path, self.worker)
        self.number = 0
        limits = Limits(max_body_bytes=1 << 40, tick_seconds=0.01, linger_seconds=0.3)
        self.listener: Listener = self.run(listen(lambda each: CallerConnection(each, self.worker), limits=limits))

    @property
    def port(self) -> int:
        return self.listener.port

    def publish(self, table: Table) -> None:
        self.number += 1
        write_table(self.table_path, table.made(self.number))
        self.call(self.watch.look)

    def table(self, *replicas: Replica, **usual: Any) -> None:
        self.publish(Table({"v1": (1, replicas)}, **usual))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return self.run(called())

    def records(self) -> list[dict[str, Any]]:
        self.call(self.log.flush)
        paths = sorted((self.folder / "access").glob("*.ndjson"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    def forget(self) -> None:

        def emptied() -> None:
            self.listener.known_heads.__init__()
            self.worker.known_heads.__init__()
            self.worker.routes.admissions.clear()
            self.worker.routes.credentials.known.clear()

        self.call(emptied)

    def idle(self) -> int:
        return sum(len(each.idle) for each in self.worker.routes.replicas.values())

    def close_idle(self) -> None:
        clock = self.listener.clock + forwarding.IDLE_SECONDS + 1
        self.call(lambda: [forwarding.close_idle(each, clock) for each in self.worker.routes.replicas.values()])

    def stop(self) -> None:
        async def ended() -> None:
            await self.listener.close()
            self.worker.mirrors.close()
            for model in self.worker.routes.models.values():
                if model.mirrors is not None:
                    model.mirrors.retire()
            for task in tuple(self.worker.tasks):
                task.cancel()
            await asyncio.gather(*self.worker.tasks, return_exceptions=True)
            for replica in self.worker.routes.replicas.values():
                replica.remove()
            await asyncio.sleep(0.005)

        self.run(ended())
        self.log.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture
def gateway(tmp_path: Path) -> Generator[Gateway, None, None]:
    """A running worker without a table; nothing may have gone wrong inside at the end."""
    made = Gateway(tmp_path)
    yield made
    made.stop()
    assert not made.loop_errors


@pytest.fixture
def replica() -> Generator[Callable[..., Replica], None, None]:
    """`replica(b"HTTP/1.1 ...")` or `replica(script)`; what its reader found wrong fails the test."""
    made: list[Replica] = []

    def start(script: Script | bytes = OK, **options: Any) -> Replica:
        made.append(Replica(script, **options))
        return made[-1]

    yield start
    for each in made:
        each.stop()
    assert not [error for each in made for error in each.errors]


@pytest.fixture
def call(gateway: Gateway) -> Generator[Callable[..., Peer], None, None]:
    """`call(data)` connects and sends; closed at the end."""
    made: list[Peer] = []

    def connect(data: bytes = b"", *, port: int = 0, receive_buffer: int = 0) -> Peer:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer = Peer(connection)
        made.append(peer)
        connection.connect(("127.0.0.1", port or gateway.port))
        peer.send(data)
        return peer

    yield connect
    for each in made:
        each.close()


class Process:
    """A worker as a process of its own."""

    def __init__(self, folder: Path, index: int = 0, port: int = 0, *, before: str = "", settings: str = "") -> None:
        self.folder = folder
        self.port = port or free_port()
        self.table_path = folder / "gateway" / "table.json"
        self.table_path.parent.mkdir(parents=True, exist_ok=True)
        self.metrics_path = self.table_path.parent / f"worker-{index}.metrics.json"
        reading, self.lifeline = os.pipe()
        code = (
            f"{before}\nfrom pathlib import Path\nfrom modelway_platform.gateway.proxy.worker import WorkerSettings, run\n"
            f"run(WorkerSettings(index={index}, host='127.0.0.1', port={self.port}, table_path=Path({str(self.table_path)!r}),"
            f" log_dir=Path({str(folder / 'access')!r}), metrics_path=Path({str(self.metrics_path)!r}),"
            f" control_fd={reading}, drain_seconds=5{settings}))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[reading], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        os.close(reading)

    def wait_ready(self) -> None:
        def listens() -> bool:
            assert self.process.poll() is None, self.errors()
            open_files: set[str] = set()
            for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
                with suppress(OSError):
                    open_files.add(str(each.readlink()))
            sockets = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
            return any(
                each[3] == "0A" and each[1].endswith(f":{self.port:04X}") and f"socket:[{each[9]}]" in open_files
                for each in sockets
            )

        wait_for(listens, 15)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.lifeline)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def process(tmp_path: Path) -> Generator[Callable[..., Process], None, None]:
    """Starts worker processes in one folder: `process(table=..., index=1)`."""
    made: list[Process] = []

    def start(table: Table | None = None, *, wait: bool = True, folder: Path = tmp_path, **options: Any) -> Process:
        if table is not None:
            write_table(folder / "gateway" / "table.json", table.made(1))
        made.append(Process(folder, **options))
        if wait:
            made[-1].wait_ready()
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def table() -> type[Table]:
    """The class, for tests that write their own."""
    return Table
