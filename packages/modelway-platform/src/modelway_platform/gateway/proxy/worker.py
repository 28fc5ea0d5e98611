"""One gateway process: a share of the port, the route table, the log, and an orderly end."""

import asyncio
import os
import resource
import signal
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from modelway.http1 import Limits, Listener, listen, reuseport_socket
from modelway_platform.gateway.proxy import forwarding
from modelway_platform.gateway.proxy.access_log import AccessLog
from modelway_platform.gateway.proxy.caller import CallerConnection
from modelway_platform.gateway.proxy.deferring import JobsDoor
from modelway_platform.gateway.proxy.edge.edge import CertificatePair, Edge
from modelway_platform.gateway.proxy.metrics import read_snapshot, write_snapshot
from modelway_platform.gateway.proxy.replica_health import seen_replicas, unsettled
from modelway_platform.gateway.proxy.replicas.active_checks import ActiveChecks
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls, replica_context
from modelway_platform.gateway.proxy.table_watch import TableWatch
from modelway_platform.gateway.proxy.tunnels import tunnel
from modelway_platform.gateway.proxy.worker_state import WorkerState
from modelway_platform.store.files.acknowledgements import acknowledgement_path
from modelway_platform.store.files.key_uses import key_uses_path, read_key_uses, write_key_uses

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.edge.certificates import Certificates
    from modelway_platform.gateway.proxy.limits.remote_tokens import RemoteTokens
    from modelway_platform.gateway.proxy.rpc.listener import RpcListener

FLUSH_SECONDS = 0.2
LAST_REQUESTS_SECONDS = 0.25
DESCRIPTORS = 65_536
SNAPSHOT_EVERY = 5  # flushes
# A minute: keys in constant use are looked up again and noted as used.
LOOK_AGAIN_EVERY = 300
# A model's own limits are stricter; this one bounds what a caller may announce at all.
GATEWAY_LIMITS = Limits(max_body_bytes=1 << 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What one worker needs to know.

    `listening_fd` is a listening socket to accept from, inherited from the supervisor; without it the worker binds its own.
    `control_fd` is the reading end of a pipe whose other end the supervisor holds: its end means that the supervisor is gone.
    `workers` is how many share the port, of which this is number `index`.
    `limits_url` is the Redis through which limits hold over several machines, empty for this machine's own. Times in seconds.
    `jobs_port` is the jobs process's, on this machine, with the secret it shares with workers; 0 where there is none.
    `gateway` is the name that records have of it. Times in seconds.
    """

    index: int
    host: str
    port: int
    table_path: Path
    log_dir: Path
    metrics_path: Path
    control_fd: int | None = None
    drain_seconds: float = 10.0
    workers: int = 1
    limits_url: str = ""
    listening_fd: int | None = None
    certificates: tuple[CertificatePair, ...] = ()
    jobs_port: int = 0
    jobs_secret: str = ""
    max_connections_per_address: int = 0
    replica_tls: ReplicaTls | None = None
    grpc_port: int = 0
    grpc_listening_fd: int | None = None
    gateway: str = ""


def run(settings: WorkerSettings) -> None:
    """Serve until SIGTERM, SIGINT or the supervisor's end; then drain and return."""
    _allow_many_descriptors()
    uvloop.run(serve(settings))


async def serve(settings: WorkerSettings) -> None:
    """As `run`, on a running loop.

    Raises:
        OSError: The address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    stop = _told_to_stop(settings, loop)
    remote = _remote_tokens(settings, loop)
    worker = _worker_state(settings, loop, remote)
    watch = TableWatch(settings.table_path, worker, settings.index)
    watch.look()
    _resume_books(worker, settings.metrics_path)
    certificates = _open_certificates(settings)
    listener = await listen(
        lambda each: CallerConnection(each, worker),
        sock=_listening_socket(settings),
        limits=replace(GATEWAY_LIMITS, max_connections_per_address=settings.max_connections_per_address),
        context=certificates.context if certificates is not None else None,
    )
    rpc = await _listen_rpc(settings, worker)
    edge = Edge(worker.metrics.edge, listener, certificates)
    tasks = (
        loop.create_task(watch.follow()),
        loop.create_task(ActiveChecks(worker).follow()),
        loop.create_task(_keep_books(worker, listener, settings.metrics_path, edge)),
    )
    try:
        await stop.wait()
        await asyncio.gather(
            _drain(worker, listener, settings.drain_seconds),
            *(each.drain(settings.drain_seconds) for each in (rpc,) if each),
        )
    finally:
        for task in (*tasks, *worker.tasks):
            task.cancel()
        await asyncio.gather(*tasks, *worker.tasks, return_exceptions=True)
        _let_go(worker)
        if remote is not None:
            await remote.close()
        edge.count()
        _write_snapshot(worker, listener, settings.metrics_path)
        acknowledgement_path(settings.table_path.parent, settings.index).unlink(missing_ok=True)
        worker.load.end()


def _told_to_stop(settings: WorkerSettings, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Set by SIGTERM, SIGINT and the supervisor's end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.control_fd is not None:
        os.set_blocking(settings.control_fd, False)
        loop.add_reader(settings.control_fd, _supervisor_spoke, settings.control_fd, stop)
    return stop


def _worker_state(
    settings: WorkerSettings, loop: asyncio.AbstractEventLoop, remote: "RemoteTokens | None"
) -> WorkerState:
    worker = WorkerState(
        AccessLog(settings.log_dir, settings.index, gateway=settings.gateway),
        settings.metrics_path.parent,
        loop,
        index=settings.index,
        workers=max(settings.workers, settings.index + 1),
        remote=remote,
    )
    if settings.jobs_port:
        worker.jobs = JobsDoor(settings.jobs_port, settings.jobs_secret)
        worker.routes.credentials.pass_secret = settings.jobs_secret
    if settings.replica_tls is not None:
        worker.replica_context = replica_context(settings.replica_tls)
    return worker


def _let_go(worker: WorkerState) -> None:
    """Close what the worker has open."""
    for replica in worker.routes.replicas.values():
        replica.remove()
    worker.mirrors.close()
    if worker.routes.limits is not None:
        worker.routes.limits.close()
    worker.log.close()


def _listening_socket(settings: WorkerSettings) -> socket.socket:
    """The one the supervisor keeps open from worker to worker, or one of our own."""
    if settings.listening_fd is None:
        return reuseport_socket(settings.host, settings.port)
    return _kept_socket(settings.listening_fd)


def _kept_socket(descriptor: int) -> socket.socket:
    bound = socket.socket(fileno=descriptor)
    bound.setblocking(False)
    return bound


async def _listen_rpc(settings: WorkerSettings, worker: WorkerState) -> "RpcListener | None":
    if not settings.grpc_port:
        return None
    from modelway_platform.gateway.proxy.rpc.listener import RpcListener  # noqa: PLC0415 - an extra that not everybody has

    rpc = RpcListener(worker, settings.replica_tls, max_connections_per_address=settings.max_connections_per_address)
    kept = settings.grpc_listening_fd
    sock = None if kept is None else _kept_socket(kept)
    await rpc.start(settings.host, settings.grpc_port, settings.certificates, sock=sock)
    return rpc


def _open_certificates(settings: WorkerSettings) -> "Certificates | None":
    if not settings.certificates:
        return None
    from modelway_platform.gateway.proxy.edge.certificates import Certificates  # noqa: PLC0415 - a library most do not need

    return Certificates(settings.certificates)


async def _drain(worker: WorkerState, listener: Listener, seconds: float) -> None:
    """As `Listener.drain`, but busy connections learn first that they end.

    Dropping a connection that has no request at the moment loses the one that is on its way. WebSocket connections, which
    end by themselves only when somebody wants to, get half the time.
    """
    asyncio.get_running_loop().call_later(seconds / 2, tunnel.close_all, worker)
    listener.stop_accepting()
    listener.draining = True
    await asyncio.sleep(min(LAST_REQUESTS_SECONDS, seconds))
    await listener.drain(seconds)


def _allow_many_descriptors() -> None:
    """Each request in flight takes two; the usual soft limit of 1024 is for programs that use `select`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _remote_tokens(settings: WorkerSettings, loop: asyncio.AbstractEventLoop) -> "RemoteTokens | None":
    if not settings.limits_url:
        return None
    from modelway_platform.gateway.proxy.limits.remote_tokens import RemoteTokens  # noqa: PLC0415 - needs a client of Redis

    return RemoteTokens(settings.limits_url, loop)


def _supervisor_spoke(descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 1024):
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()


def _resume_books(worker: WorkerState, path: Path) -> None:
    before = read_snapshot(path)
    if before is None:
        return
    worker.log.dropped += before.log_dropped
    worker.log.uncollected += before.log_uncollected
    worker.routes.credentials.used.times.update(read_key_uses(key_uses_path(path)))
    models = worker.routes.models

    def routed(project: str, model: str, version: str) -> bool:
        found = models.get(f"{project}/{model}".encode())
        return found is not None and version.encode() in found.versions

    worker.metrics.resume(before, routed)
    worker.routes.mirror_book.resume(before.mirrors, routed)


async def _keep_books(worker: WorkerState, listener: Listener, metrics_path: Path, edge: Edge) -> None:
    """Write the log, the counters, and close connections nobody needs."""
    flushes = 0
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        worker.log.flush()
        worker.metrics.settle()
        for version in worker.routes.guarded:
            if version.guard is not None:
                version.guard.adjust(FLUSH_SECONDS)
        tunnel.check_all(worker, listener.clock)
        worker.load.sample(worker.routes.scaled)
        flushes += 1
        if worker.routes.limits is not None:
            worker.routes.limits.give_back()
            if worker.routes.limits.crowded:
                worker.routes.forget_admissions()
                worker.routes.limits.forget()
        if flushes % LOOK_AGAIN_EVERY == 0:
            worker.routes.forget_admissions()
        if flushes % SNAPSHOT_EVERY == 0:
            edge.count()
            _write_snapshot(worker, listener, metrics_path)
            worker.load.tell(worker.routes.scaled)
            for replica in worker.routes.replicas.values():
                forwarding.close_idle(replica, listener.clock)
            worker.mirrors.close_idle(worker.routes.models.values())
            if worker.jobs is not None:
                forwarding.close_idle(worker.jobs.replica, listener.clock)


def _write_snapshot(worker: WorkerState, listener: Listener, path: Path) -> None:
    snapshot = worker.metrics.snapshot(
        connections=len(listener.connections),
        table_number=worker.routes.number,
        log_dropped=worker.log.dropped,
        replicas=seen_replicas(worker.routes.replicas.values()),
    )
    snapshot.log_uncollected = worker.log.uncollected
    snapshot.mirrors = worker.routes.mirror_book.all()
    snapshot.unsettled = unsettled(worker.routes.replicas.values(), listener.clock)
    try:
        write_snapshot(path, snapshot)
        used = worker.routes.credentials.used
        if used.unsaved:
            write_key_uses(key_uses_path(path), used.times)
            used.unsaved = False
    except OSError:
        return  # a full disk costs a snapshot, never a request
