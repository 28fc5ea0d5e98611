"""A caller's connection at the gateway: each request through the stages, then back and forth with a replica."""

import asyncio
import re
from math import inf
from time import perf_counter

from modelway.http1 import Listener, Request, ServerConnection
from modelway.http1.answers import error_body
from modelway_platform.gateway.proxy import deferring, forwarding, local_answers, pipeline, time_limits
from modelway_platform.gateway.proxy.access_record import NOBODY, AccessRecord, of_client
from modelway_platform.gateway.proxy.addresses import open_inference
from modelway_platform.gateway.proxy.admission import Refusal, too_large
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica
from modelway_platform.gateway.proxy.replicas.replica_failures import OVERDUE
from modelway_platform.gateway.proxy.tunnels.tunnel import FULL, MAX_TUNNELS, NOT_FIRST, Tunnel
from modelway_platform.gateway.proxy.worker_state import WorkerState

PENDING_BYTES = 64 * 1024
CONNECTING_SECONDS = 0.1
LOCAL = b"/_/"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")
_OUT_OF_TIME = Refusal(
    status=504,
    code="deadline_exceeded",
    message="the time that the request gave was over before the model had answered",
    hint="send a larger Modelway-Deadline-Ms, or none",
)


class CallerConnection(ServerConnection):
    """Between the engine (whose hooks it fills in) and a `ReplicaConnection` (which calls relay, answered, refuse)."""

    __slots__ = ("_exchange", "_held", "_worker", "logged")

    def __init__(self, listener: Listener, worker: WorkerState) -> None:
        super().__init__(listener)
        self._worker = worker
        self._exchange: Exchange | None = None
        self._held = False  # the caller waits for the replica to take what was sent
        self.logged = NOBODY

    @property
    def clock(self) -> float:
        """The loop's time in seconds as of the last tick."""
        return self._listener.clock

    @property
    def secure(self) -> bool:
        """Whether the caller speaks TLS with us."""
        return self._transport.get_extra_info("sslcontext") is not None

    def is_current(self, exchange: Exchange) -> bool:
        """Whether the caller still waits for this exchange."""
        return self._exchange is exchange

    # The engine's hooks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.logged = of_client(self.client, self._worker.log.worker)

    def whole_request_received(self, request: Request, body: bytes) -> None:
        if request.target.startswith(LOCAL) and not deferring.is_about_jobs(request):
            super().whole_request_received(request, body)
            return
        exchange = self._begin_exchange(request)
        model = exchange.admission.model
        if self._exchange is exchange and model is not None:
            admission = exchange.admission
            self.deadline = self._listener.clock + model.timeout
            if admission.timed and not self._begin_time(exchange):
                return
            exchange.bytes_in = len(body)
            exchange.sent_at = exchange.started
            end = time_limits.end_of_head(exchange) if admission.timed else b"\r\n\r\n"
            forwarding.send_whole(exchange, b"".join((admission.forwarded, exchange.request_id, end, body)))

    def request_received(self, request: Request) -> None:
        if request.target.startswith(LOCAL) and not deferring.is_about_jobs(request):
            return
        exchange = self._begin_exchange(request)
        if exchange.admission.websocket and self._exchange is exchange:
            self._expect_tunnel(exchange)
        if self._exchange is exchange and (not exchange.admission.timed or self._begin_time(exchange)):
            end = time_limits.end_of_head(exchange) if exchange.admission.timed else b"\r\n\r\n"
            exchange.pending.append(b"%b%b%b" % (exchange.admission.forwarded, exchange.request_id, end))

    def body_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            self.reject(413, "payload_too_large", "nothing here takes a body")
            return
        exchange.bytes_in += len(data)
        model = exchange.admission.model
        if model is not None and exchange.bytes_in > model.max_body_bytes:
            self.refuse(exchange, too_large(model.max_body_bytes))
            return
        exchange.pending.append(b"%x\r\n%b\r\n" % (len(data), data) if exchange.request.chunked else data)
        exchange.pending_bytes += len(data)

    def request_completed(self) -> None:
        exchange = self._exchange
        if exchange is None:
            local_answers.answer(self, self._worker)
            return
        if exchange.request.chunked:
            exchange.pending.append(b"0\r\n\r\n")
        if exchange.admission.model is not None:
            self.deadline = self._listener.clock + exchange.admission.model.timeout
            if exchange.admission.timed:
                self._begin_time(exchange)

    def data_parsed(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.pending:
            if not exchange.sent_at:
                exchange.sent_at = perf_counter()
            forwarding.flush(exchange)
            if not self.request_complete:
                self._hold_back(exchange)

    def client_left(self) -> None:
        exchange = self._exchange
        if exchange is not None:
            self._let_go(exchange)
            self._over(exchange, 499, "client_left")

    def request_failed(self, status: int, code: str) -> None:
        exchange = self._exchange
        if exchange is not None:
            self._let_go(exchange)
            self._over(exchange, status, code)

    def head_refused(self, status: int, code: str) -> None:
        self._worker.refused_heads.note(self, self._worker, status, code)

    def answer_overdue(self) -> None:
        exchange = self._exchange
        if exchange is None or (exchange.held is not None and self._may_wait(exchange)):
            return
        if exchange.admission.timed and self._goes_on(exchange):
            return
        given = exchange.admission.deadline is not None
        if exchange.replica is not None and not self.answer_started and not given:
            exchange.replica.failed(self._listener.clock)
        self.refuse(exchange, _OUT_OF_TIME if given else OVERDUE)

    def deadline_passed(self) -> None:
        if self._held and self._exchange is not None and not self.request_complete:
            self.answer_overdue()
        else:
            super().deadline_passed()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        exchange = self._exchange
        if exchange is not None and exchange.connection is not None:
            exchange.connection.resume_reading()
            self._extend_deadline(exchange)

    def _begin_exchange(self, request: Request) -> Exchange:
        """The request with all decisions made; refused already when it is not the current exchange any more."""
        exchange = self._exchange = Exchange(self, request, self._worker, self._listener.clock)
        given = request.header(b"x-request-id") if b"x-request-id" in request.fields else None
        if given is None or _REQUEST_ID.fullmatch(given) is None:
            given = self._worker.new_request_id()
        exchange.request_id = given
        refusal = pipeline.decide(exchange)
        if refusal is not None:
            self.refuse(exchange, refusal)
        return exchange

    # What a replica's connection calls

    def answer_begins(self, *, known_end: bool) -> bytes:
        """The answer's head is about to be relayed; returns the `Connection` line it needs."""
        self.answer_started = True
        if self._exchange is not None and self._exchange.guard is not None:
            self._exchange.guard.measure(perf_counter() - self._exchange.started - self._exchange.waited)
        if not known_end:
            self._keep_alive = False
            if self._exchange is not None:
                self._exchange.ends_by_closing = True
        return self._connection_line()

    def relay(self, data: bytes) -> None:
        """Pass a piece of the answer on."""
        self._transport.write(data)
        exchange = self._exchange
        if exchange is not None and self.deadline > self._listener.clock:
            self._extend_deadline(exchange)

    def answered(self, exchange: Exchange, status: int, last: bytes) -> None:
        """Pass the last piece of the answer on: with it the answer is whole."""
        if last:
            self._transport.write(last)
        self._exchange = None
        self._over(exchange, status, "")
        self.finish_answer()

    def answer_broke(self, exchange: Exchange) -> None:
        """The replica died in mid-answer: cut the caller's connection, so that nobody takes a piece for the whole."""
        self._let_go(exchange)
        self._over(exchange, 502, "replica_failed")
        self._cut(exchange)

    def switch_protocols(self, exchange: Exchange, head: bytes, replica: asyncio.Transport, late: bytes) -> None:
        """The replica agreed to a WebSocket: pass its answer on, then only bytes, both ways."""
        self._transport.write(head)
        self.answer_started = True
        self._exchange = None
        transport, early = self.take_over()
        Tunnel(exchange, transport, replica, early=early, late=late)

    def tunnel_ended(self, exchange: Exchange) -> None:
        """The WebSocket connection is over: only now is it known what there is to record."""
        self._over(exchange, 101, "")
        self.taken_ended()

    def connection_failed(self, exchange: Exchange, replica: LiveReplica) -> None:
        """The connection broke before the answer's end."""
        forwarding.connection_failed(exchange, replica)

    def asks_another(self, exchange: Exchange, status: int) -> bool:
        """A server error has come, of which the caller has seen nothing: whether another replica gets the request instead."""
        return forwarding.try_again(exchange, str(status))

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Answer with an error made here."""
        self._let_go(exchange)
        self._over(exchange, refusal.status, refusal.code)
        if self.answer_started:
            self._cut(exchange)
            return
        request_id = exchange.request_id
        body = refusal.body or self._error_body(exchange, refusal)
        self.reject_with(refusal.status, body, b"x-request-id: %b\r\n%b" % (request_id, refusal.headers))

    def pause_request(self) -> None:
        """The replica reads more slowly than the caller writes."""
        exchange = self._exchange
        if not self.request_complete and exchange is not None and exchange.admission.model is not None:
            self._transport.pause_reading()
            self._held = True
            self.deadline = self._listener.clock + exchange.admission.model.timeout
            if exchange.admission.timed:
                self.begin_try(exchange)

    def begin_try(self, exchange: Exchange) -> None:
        """A try begins now: it has its own time, where the Route says so, and at most what is left of the whole."""
        model = exchange.admission.model
        now = self._worker.loop.time()
        self.deadline = exchange.ends_at
        if model is not None and model.per_try:
            self.deadline = min(self.deadline, now + model.per_try)

    def resume_request(self) -> None:
        """The replica has caught up."""
        if not self.request_complete and self.is_open:
            self._transport.resume_reading()
            if self._held:
                self._held = False
                self.deadline = self._listener.clock + self._listener.limits.body_idle_seconds

    def wait_is_over(self, exchange: Exchange) -> None:
        """There is a place for a request that waited (`gate.py`), or a replica (`hold_line.py`): go on with it."""
        exchange.waited = perf_counter() - exchange.started
        refusal = pipeline.go_on(exchange)
        if refusal is not None:
            self.refuse(exchange, refusal)
            return
        self._extend_deadline(exchange)
        if exchange.admission.timed:
            if not self._begin_time(exchange):
                return
            time_limits.renew(exchange)
        exchange.sent_at = perf_counter()
        self.resume_request()  # first: `flush` may pause again
        if exchange.pending:
            forwarding.flush(exchange)

    def record(self, exchange: Exchange, status: int, code: str) -> AccessRecord:
        """Puts on record what became of a request, and counts it."""
        worker = self._worker
        record = worker.log.record(exchange, status, code)
        version = exchange.version
        if version is not None:
            version.count(record)
        else:
            worker.metrics.unrouted.answered.append(record)
        return record

    # Inside

    def _expect_tunnel(self, exchange: Exchange) -> None:
        if len(self._worker.tunnels) >= MAX_TUNNELS:
            self.refuse(exchange, FULL)
        elif not self.accept_upgrade():
            self.refuse(exchange, NOT_FIRST)

    def _hold_back(self, exchange: Exchange) -> None:
        """Read no more of a request than the replica takes; not before the segment is parsed: it may have been the last."""
        connection = exchange.connection
        if connection is None:
            if exchange.pending_bytes > PENDING_BYTES:
                self._transport.pause_reading()
                if exchange.waiting or exchange.held is not None:
                    self.pause_request()
        elif connection.write_paused:
            self.pause_request()

    def _extend_deadline(self, exchange: Exchange) -> None:
        if exchange.admission.model is not None and self.request_complete:
            self.deadline = self._listener.clock + exchange.admission.model.timeout
            if exchange.admission.deadline is not None:
                self.deadline = min(self.deadline, exchange.ends_at)

    def _begin_time(self, exchange: Exchange) -> bool:
        """The time of the whole and of the first try begins; False where it is over already and the request refused."""
        model = exchange.admission.model
        if model is None or time_limits.begin(exchange, model.timeout) <= 0:
            self.refuse(exchange, _OUT_OF_TIME)
            return False
        if self.request_complete:
            self.begin_try(exchange)
        return True

    def _may_wait(self, exchange: Exchange) -> bool:
        """Who waits for a replica to start has the time that the caller gives; the route's begins with the replica."""
        given = exchange.admission.deadline
        if given is None:
            self.deadline = inf  # the line has its own
            return True
        left = given - (perf_counter() - exchange.started)
        self.deadline = self._worker.loop.time() + left
        return left > 0

    def _goes_on(self, exchange: Exchange) -> bool:
        """Only a try's time is over: another replica gets the request, or this one the rest of the time."""
        left = exchange.ends_at - self._worker.loop.time()
        if self.answer_started or left <= 0:
            return False
        replica, connection = exchange.replica, exchange.connection
        if connection is None:  # one is being made, which has a time of its own
            self.deadline = min(exchange.ends_at, self.clock + CONNECTING_SECONDS)
        elif forwarding.try_again(exchange, "timeout"):
            exchange.connection = None
            connection.drop()
            if replica is not None:
                replica.disappointed(self.clock)
        else:
            self.deadline = exchange.ends_at
        return True

    def _cut(self, exchange: Exchange) -> None:
        """End in mid-answer, visibly: where only the connection's end tells an answer's, an orderly one would lie."""
        if exchange.ends_by_closing:
            self.reset()
        else:
            self.abort()

    def _let_go(self, exchange: Exchange) -> None:
        self._exchange = None
        connection = exchange.connection
        if connection is not None:
            exchange.connection = None
            connection.drop()

    def _error_body(self, exchange: Exchange, refusal: Refusal) -> bytes:
        if open_inference.is_address(exchange.request.target) and not exchange.admission.via.startswith(b"url:"):
            return open_inference.error_body(refusal.message, refusal.hint)
        return error_body(refusal.code, refusal.message, refusal.hint, exchange.request_id.decode())

    def _over(self, exchange: Exchange, status: int, code: str) -> None:
        record = self.record(exchange, status, code)
        if exchange.plain:
            return
        if exchange.gate is not None:
            exchange.gate.leave(exchange)
        if exchange.held is not None:
            exchange.held.leave(exchange)
        if exchange.guard is not None:
            exchange.guard.leave(None if self.answer_started else record.duration_us / 1e6 - exchange.waited)
        if exchange.copies is not None:
            self._worker.mirrors.take(exchange, record)
