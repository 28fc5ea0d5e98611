"""What all connections of one worker share."""

import asyncio
import secrets
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.gateway.proxy.access_log import AccessLog
from modelway_platform.gateway.proxy.answer_head import KnownHeads
from modelway_platform.gateway.proxy.limits.limiting import LimitBook
from modelway_platform.gateway.proxy.live_routes import LiveRoutes
from modelway_platform.gateway.proxy.load_telling import LoadTelling
from modelway_platform.gateway.proxy.metrics import WorkerMetrics
from modelway_platform.gateway.proxy.mirroring.mirror_desk import MirrorDesk
from modelway_platform.gateway.proxy.refused_heads import RefusedHeads

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.hold_line import HoldLine
    from modelway_platform.gateway.proxy.limits.remote_tokens import RemoteTokens
    from modelway_platform.gateway.proxy.tunnels.tunnel import Tunnel

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.deferring import JobsDoor


class WorkerState:
    """Routes, counters, log and loop of this worker; passed to every connection."""

    __slots__ = (
        "_id_prefix",
        "_requests",
        "gateway_folder",
        "held_lines",
        "index",
        "jobs",
        "known_heads",
        "load",
        "log",
        "loop",
        "metrics",
        "mirrors",
        "ready",
        "refused_heads",
        "replica_context",
        "routes",
        "tasks",
        "tunnels",
        "workers",
    )

    def __init__(
        self,
        log: AccessLog,
        gateway_folder: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        index: int = 0,
        workers: int = 1,
        remote: "RemoteTokens | None" = None,
    ) -> None:
        self.routes = LiveRoutes()
        self.routes.limits = LimitBook(gateway_folder, index, workers, remote)
        self.index = index
        self.workers = workers
        self.load = LoadTelling(gateway_folder, index)
        self.held_lines: set[HoldLine] = set()  # where somebody waits, or did a moment ago
        self.metrics = WorkerMetrics()
        self.log = log
        self.gateway_folder = gateway_folder
        self.loop = loop
        self.known_heads = KnownHeads()
        self.ready = False
        self.replica_context: ssl.SSLContext | None = None  # for replicas that speak HTTPS
        self.jobs: JobsDoor | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.mirrors = MirrorDesk(self)
        self.refused_heads = RefusedHeads()
        self.tunnels: set[Tunnel] = set()
        self._id_prefix = secrets.token_hex(8).encode()
        self._requests = 0

    def somebody_waits(self, line: "HoldLine") -> None:
        """The first request waits for a replica: control hears of it now."""
        self.held_lines.add(line)
        self.load.tell(self.routes.scaled, urgent=True)

    def look_at_held(self) -> None:
        """After a new route table: those who waited for it go on."""
        for line in tuple(self.held_lines):
            project, model, version = line.name.split("/")
            found = self.routes.models.get(f"{project}/{model}".encode())
            live = found.versions.get(version.encode()) if found is not None else None
            line.look(self.loop, routed=live is not None and live.line is line)
            if not line.queue:
                self.held_lines.discard(line)

    def new_request_id(self) -> bytes:
        """Unique over workers and restarts: 64 random bits per worker, then a count."""
        self._requests += 1
        return b"%b-%x" % (self._id_prefix, self._requests)
