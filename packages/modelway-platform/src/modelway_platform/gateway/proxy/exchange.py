"""One request on its way: what came, what was decided, what was sent."""

from time import perf_counter
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.gateway.proxy.admission import Admission

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.addresses.assigning import Assigned
    from modelway_platform.gateway.proxy.caller import CallerConnection
    from modelway_platform.gateway.proxy.hold_line import HoldLine
    from modelway_platform.gateway.proxy.limits.gate import Gate
    from modelway_platform.gateway.proxy.limits.overload_guard import OverloadGuard
    from modelway_platform.gateway.proxy.mirroring.live_mirrors import Copies
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica, LiveVersion
    from modelway_platform.gateway.proxy.replicas.replica_connection import ReplicaConnection
    from modelway_platform.gateway.proxy.worker_state import WorkerState

REPLAY_BYTES = 1024 * 1024
_UNDECIDED = Admission()


class Exchange:
    """A request with its decisions. Filled in by the stages, read by the log; gone when answered.

    `sent` is all that was given to a replica for this request, head first, as long as it is at most `REPLAY_BYTES`: what is
    needed to send it again. `pending` is what no replica has got yet. It is `plain` until it has a gate, a guard, a line, copies or an
    assignment, or is sent again: at its end nobody has to look for any of them.
    """

    # Defaults stand on the class: most requests never touch half of them, and each costs time to set.
    request_id = b""
    version: "LiveVersion | None" = None
    replica: "LiveReplica | None" = None
    connection: "ReplicaConnection | None" = None
    connecting = False
    pending_bytes = 0
    sent: list[bytes] | None = None
    sent_bytes = 0
    sent_at = 0.0
    replayable = True
    ends_at = 0.0  # the loop's time, where more than the route's time limits the request
    deadline_line = b""
    guard: "OverloadGuard | None" = None
    ends_by_closing = False
    tried: "tuple[LiveReplica, ...]" = ()
    plain = True
    retries = 0
    bytes_in = 0
    bytes_out = 0
    answer_lines = b""  # header lines of ours for the caller
    assigned: "Assigned | None" = None
    gate: "Gate | None" = None  # which it passed, or waits before
    waiting = False
    waited = 0.0  # seconds before the gate, or for a first replica
    held: "HoldLine | None" = None  # where it waits for a first replica
    copies: "Copies | None" = None

    def __init__(self, caller: "CallerConnection", request: Request, worker: "WorkerState", clock: float) -> None:
        self.started = perf_counter()
        self.clock = clock  # the loop's time in seconds as of the last tick before the request
        self.caller = caller
        self.request = request
        self.worker = worker
        self.admission = _UNDECIDED
        self.pending: list[bytes] = []

    def unrouted_prefix(self) -> bytes:
        """The log's project, model and version where no version was chosen."""
        model = self.admission.model
        if model is None:
            return b'"project":"","model":"","version":""'
        return f'"project":"{model.entry.project}","model":"{model.entry.model}","version":""'.encode()

    def take_pending(self) -> bytes:
        """What is to be written now; remembered for sending again within `REPLAY_BYTES`."""
        data = b"".join(self.pending)
        self.pending = []
        if self.pending_bytes:
            self.pending_bytes = 0
        if self.replayable:
            self.sent_bytes += len(data)
            if self.sent is None:
                self.sent = [data]
            else:
                self.sent.append(data)
            if self.sent_bytes > REPLAY_BYTES:
                self.sent = None
                self.replayable = False
        return data

    def rewind(self) -> None:
        """Make all that was sent pending again, for another replica."""
        self.pending = [*(self.sent or ()), *self.pending]
        self.pending_bytes = sum(map(len, self.pending))
        self.sent = None
        self.sent_bytes = 0
