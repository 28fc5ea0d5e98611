"""The gateway's gRPC side: on the loop of one worker, whose routes, limits, health and log it shares."""

import re
import socket
import ssl
from typing import Any

from modelway.http1 import Listener
from modelway.http1.tls import listening_context
from modelway.http2 import Limits, listen
from modelway.rpc.call import Call, Conversation, Methods
from modelway.rpc.connection import RpcConnection
from modelway.rpc.health import SERVICE as HEALTH
from modelway.rpc.health import Health
from modelway_platform.gateway.proxy import pipeline
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.edge.edge import CertificatePair
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls
from modelway_platform.gateway.proxy.rpc.call import RpcCall, RpcCaller
from modelway_platform.gateway.proxy.rpc.caller_side import CallerSide
from modelway_platform.gateway.proxy.rpc.channels import Channels
from modelway_platform.gateway.proxy.rpc.heads import MODEL, Pair, request_of
from modelway_platform.gateway.proxy.rpc.outcome import Outcome, refused
from modelway_platform.gateway.proxy.worker_state import WorkerState

MAX_METADATA_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A Route is stricter; this bounds what is read before it is known, and what one connection may have under way."""
_HEALTH = f"/{HEALTH}/".encode()
_MODEL = MODEL.encode()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")


class RpcProxy:
    """Passes calls of any method on.

    Args:
        worker: State of this worker.
        tls: For replicas that speak TLS.
    """

    def __init__(self, worker: WorkerState, tls: ReplicaTls | None) -> None:
        self._worker = worker
        self._channels = Channels(tls)
        self.health = Health([""])
        self.health.set_serving(serving=True)

    @property
    def methods(self) -> Methods:
        """Every method is taken for one that streams both ways; on the wire a single message is a short stream."""
        return Methods(
            unary={},
            conversations={},
            others=self._converse,
            message_limit=MAX_MESSAGE_BYTES,
            broken=self._broken,
            choose_id=self._choose_id,
        )

    async def close(self) -> None:
        """Let go of all replicas."""
        await self._channels.close()

    def _converse(self, call: Call) -> Conversation:
        if call.method.startswith(_HEALTH) and all(name != _MODEL for name, _ in call.headers):
            return self.health.converse(call)  # our own
        return CallerSide(call, self._relay, self._worker.loop)

    def _choose_id(self, given: bytes | None) -> bytes:
        return given if given and _REQUEST_ID.fullmatch(given) else self._worker.new_request_id()

    def _broken(self, request_id: str, error: Exception) -> None:
        message = f"call {request_id} could not be read"
        self._worker.loop.call_exception_handler({"message": message, "exception": error.__cause__ or error})

    async def _relay(self, side: CallerSide) -> None:
        worker = self._worker
        method = side.method
        try:
            metadata = side.metadata
            request = request_of(method, metadata)
        except ValueError as error:
            refusal = Refusal(status=400, code="invalid_request", message=str(error))
            _end(side, refused(refusal, ""), "", "")
            return
        caller: Any = RpcCaller(worker, side.address)
        exchange = Exchange(caller, request, worker, worker.loop.time())
        exchange.request_id = side.request_id
        ended = False
        try:
            outcome = await self._outcome(exchange, caller, method, metadata, side)
            self._record(exchange, outcome.http, outcome.code)
            ended = True
        finally:
            if not ended:  # cancelled, or a mistake of ours
                late = worker.loop.time() >= side.deadline
                self._record(exchange, 504 if late else 499, "deadline_exceeded" if late else "client_left")
        version = exchange.version.name.decode() if exchange.version is not None else ""
        _end(side, outcome, exchange.request_id.decode("latin-1"), version)

    async def _outcome(
        self, exchange: Exchange, caller: RpcCaller, method: str, metadata: tuple[Pair, ...], side: CallerSide
    ) -> Outcome:
        refusal = pipeline.decide(exchange)
        if refusal is None and (exchange.waiting or exchange.held is not None):
            refusal = await caller.waited
        exchange.copies = None  # calls are not mirrored
        if refusal is not None:
            return refused(refusal, exchange.request_id.decode("latin-1"))
        return await RpcCall(exchange, method, metadata, side, self._channels).run()

    def _record(self, exchange: Exchange, status: int, code: str) -> None:
        record = self._worker.log.record(exchange, status, code)
        version = exchange.version
        metrics = version.metrics if version is not None else self._worker.metrics.unrouted
        metrics.answered.append(record)
        if exchange.gate is not None:
            exchange.gate.leave(exchange)
        if exchange.held is not None:
            exchange.held.leave(exchange)
        if exchange.guard is not None:
            took = record.duration_us / 1e6 - exchange.waited
            exchange.guard.leave(None if exchange.caller.answer_started else took)


class RpcListener:
    """The server around it.

    Args:
        worker: State of this worker.
        replica_tls: For replicas that speak TLS.
        max_connections_per_address: 0 for no such bound.
    """

    def __init__(
        self, worker: WorkerState, replica_tls: ReplicaTls | None, *, max_connections_per_address: int = 0
    ) -> None:
        self._proxy = RpcProxy(worker, replica_tls)
        self._max_connections_per_address = max_connections_per_address
        self._listener: Listener | None = None

    async def start(
        self, host: str, port: int, certificates: tuple[CertificatePair, ...], *, sock: socket.socket | None = None
    ) -> int:
        """Listen, on `sock` if it is given; the port.

        Raises:
            OSError: The address cannot be bound.
        """
        methods = self._proxy.methods
        limits = Limits(
            max_body_bytes=MAX_MESSAGE_BYTES,
            max_reserved_bytes=MAX_MESSAGE_BYTES,
            max_list_bytes=MAX_METADATA_BYTES,
            max_block_bytes=2 * MAX_METADATA_BYTES,
            max_connections_per_address=self._max_connections_per_address,
        )
        self._listener = await listen(
            lambda listener: RpcConnection(listener, methods),
            sock=sock,
            host=host,
            port=port,
            limits=limits,
            context=_context(certificates) if certificates else None,
        )
        return self._listener.port

    async def drain(self, seconds: float) -> None:
        """Take no more calls; those under way have so long."""
        self._proxy.health.end()
        if self._listener is not None:
            await self._listener.drain(seconds)
        await self._proxy.close()


def _end(side: CallerSide, outcome: Outcome, request_id: str, version: str) -> None:
    ours: list[Pair] = [("x-request-id", request_id)] if request_id else []
    if version:
        ours.append(("modelway-version", version))
    side.close(outcome.status.name, outcome.details, (*outcome.trailing, *ours))


def _context(pairs: tuple[CertificatePair, ...]) -> ssl.SSLContext:
    """With the files looked at again when somebody connects, as a certificate may have been renewed."""
    from modelway_platform.gateway.proxy.edge.certificates import Certificates  # noqa: PLC0415 - a library most do not need

    certificates = Certificates(pairs, protocol="h2")

    def choose(name: str | None) -> ssl.SSLContext:
        certificates.look()
        return certificates.choose(name)

    return listening_context(certificates.choose(None), choose)
