"""Heads the engine did not accept: counted, and recorded as requests are, at most so many a second."""

from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.gateway.proxy.admission import Admission
from modelway_platform.gateway.proxy.exchange import Exchange

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.caller import CallerConnection
    from modelway_platform.gateway.proxy.worker_state import WorkerState

MAX_RECORDS_PER_SECOND = 20
_NO_REQUEST = Request(b"", b"", [], {}, content_length=0, minor=1, keep_alive=False, expects_continue=False)
_NO_ADMISSION = Admission()
_NO_ADMISSION.logged = b'"endpoint":"","method":"","path":""'


class RefusedHeads:
    """Takes note of them. Nothing of such a head is written down: what is in it cannot be trusted to be what it looks like."""

    __slots__ = ("_records", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._records = 0

    def note(self, caller: "CallerConnection", worker: "WorkerState", status: int, code: str) -> None:
        """One head was answered with `status` and `code` by the engine."""
        edge = worker.metrics.edge
        edge.refused_heads[status] = edge.refused_heads.get(status, 0) + 1
        worker.metrics.unrouted.record(status, 0.0, 0, 0)
        second = int(caller.clock)
        if second != self._second:
            self._second = second
            self._records = 0
        if self._records >= MAX_RECORDS_PER_SECOND:
            edge.refusals_unrecorded += 1
            return
        self._records += 1
        exchange = Exchange(caller, _NO_REQUEST, worker, caller.clock)
        exchange.admission = _NO_ADMISSION
        exchange.request_id = worker.new_request_id()
        worker.log.record(exchange, status, code)
