"""One request on its way: what came, what was decided, what was sent."""

from time import perf_counter
from typing import TYPE_CHECKING

from modelway.http1 import Request

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.caller import CallerConnection
    from modelway_platform.gateway.proxy.live_routes import LiveModel, LiveReplica, LiveVersion
    from modelway_platform.gateway.proxy.replica_connection import ReplicaConnection
    from modelway_platform.gateway.proxy.worker_state import WorkerState

REPLAY_BYTES = 1024 * 1024


class Exchange:
    """A request with its decisions. Filled in by the stages, read by the log; gone when answered.

    `sent` holds all that was given to a replica for this request, head first, as long as it is at most `REPLAY_BYTES`: what is
    needed to send it again. `pending` is what no replica has got yet.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "caller",
        "connecting",
        "connection",
        "endpoint",
        "idempotent",
        "key_id",
        "model",
        "path_tail",
        "pending",
        "pending_bytes",
        "pinned",
        "replayable",
        "replica",
        "request",
        "request_id",
        "retries",
        "sent",
        "sent_at",
        "sent_bytes",
        "started",
        "tried",
        "version",
        "worker",
    )

    def __init__(self, caller: "CallerConnection", request: Request, worker: "WorkerState") -> None:
        self.started = perf_counter()
        self.caller = caller
        self.request = request
        self.worker = worker
        self.request_id = b""
        self.model: LiveModel | None = None
        self.version: LiveVersion | None = None
        self.replica: LiveReplica | None = None
        self.connection: ReplicaConnection | None = None
        self.connecting = False
        self.endpoint = b""
        self.pinned = b""
        self.path_tail = b""
        self.key_id = b""
        self.idempotent = False
        self.pending: list[bytes] = []
        self.pending_bytes = 0
        self.sent: list[bytes] = []
        self.sent_bytes = 0
        self.replayable = True
        self.tried: list[LiveReplica] | None = None
        self.retries = 0
        self.sent_at = 0.0
        self.bytes_in = 0
        self.bytes_out = 0

    def unrouted_prefix(self) -> bytes:
        """The log's project, model and version where no version was chosen."""
        model = self.model
        if model is None:
            return b'"project":"","model":"","version":""'
        return f'"project":"{model.entry.project}","model":"{model.entry.model}","version":""'.encode()

    def take_pending(self) -> bytes:
        """What is to be written now; remembered for sending again within `REPLAY_BYTES`."""
        pending = self.pending
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        self.pending = []
        self.pending_bytes = 0
        self.sent_bytes += len(data)
        if self.sent_bytes <= REPLAY_BYTES:
            self.sent.append(data)
        else:
            self.sent = []
            self.replayable = False
        return data

    def rewind(self) -> None:
        """Make all that was sent pending again, for another replica."""
        self.pending = [*self.sent, *self.pending]
        self.pending_bytes = sum(map(len, self.pending))
        self.sent = []
        self.sent_bytes = 0
