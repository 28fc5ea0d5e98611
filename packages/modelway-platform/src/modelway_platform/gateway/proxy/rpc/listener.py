"""The gateway's gRPC side: on the loop of one worker, whose routes, limits, health and log it shares."""

import re
from pathlib import Path
from time import perf_counter
from typing import Any, cast
from urllib.parse import unquote

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from modelway_platform.gateway.proxy import pipeline
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.edge import CertificatePair
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.replica_tls import ReplicaTls
from modelway_platform.gateway.proxy.rpc.call import Context, RpcCall, RpcCaller
from modelway_platform.gateway.proxy.rpc.channels import Channels
from modelway_platform.gateway.proxy.rpc.heads import MODEL, Pair, request_of
from modelway_platform.gateway.proxy.rpc.outcome import Outcome, refused
from modelway_platform.gateway.proxy.worker_state import WorkerState

MAX_STREAMS = 1024
MAX_METADATA_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A Route is stricter; this bounds what is read before it is known."""
_HEALTH = "/grpc.health.v1."
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")


class RpcProxy(grpc.GenericRpcHandler):
    """Passes calls of any method on.

    Args:
        worker: State of this worker.
        tls: For replicas that speak TLS.
    """

    def __init__(self, worker: WorkerState, tls: ReplicaTls | None) -> None:
        self._worker = worker
        self._channels = Channels(tls)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Every method is taken for one that streams both ways; on the wire a single message is a short stream."""
        method = handler_call_details.method
        metadata: Any = handler_call_details.invocation_metadata
        if method.startswith(_HEALTH) and all(name != MODEL for name, _ in metadata or ()):
            return None  # our own health

        async def relay(requests: Any, context: Context) -> None:
            await self._relay(method, context)

        return cast("Any", grpc.stream_stream_rpc_method_handler(relay))

    async def close(self) -> None:
        """Let go of all replicas."""
        await self._channels.close()

    async def _relay(self, method: str, context: Context) -> None:
        worker = self._worker
        metadata: tuple[Pair, ...] = tuple((name, value) for name, value in context.invocation_metadata() or ())
        try:
            request = request_of(method, metadata)
        except ValueError as error:
            refusal = Refusal(status=400, code="invalid_request", message=str(error))
            await _end(context, refused(refusal, ""), "", "")
            return
        caller: Any = RpcCaller(worker, _host(context.peer()))
        exchange = Exchange(caller, request, worker, worker.loop.time())
        given = request.header(b"x-request-id")
        exchange.request_id = given if given and _REQUEST_ID.fullmatch(given) else worker.new_request_id()
        ended = False
        remaining: Any = context.time_remaining()
        ends = None if remaining is None else worker.loop.time() + remaining
        try:
            outcome = await self._outcome(exchange, caller, method, metadata, context)
            self._record(exchange, outcome.http, outcome.code.encode())
            ended = True
        finally:
            if not ended:  # cancelled, or a mistake of ours
                late = ends is not None and worker.loop.time() >= ends
                self._record(exchange, 504 if late else 499, b"deadline_exceeded" if late else b"client_left")
        version = exchange.version.name.decode() if exchange.version is not None else ""
        await _end(context, outcome, exchange.request_id.decode("latin-1"), version)

    async def _outcome(
        self, exchange: Exchange, caller: RpcCaller, method: str, metadata: tuple[Pair, ...], context: Context
    ) -> Outcome:
        refusal = pipeline.decide(exchange)
        if refusal is None and exchange.waiting:
            refusal = await caller.waited
        exchange.copies = None  # calls are not mirrored
        if refusal is not None:
            return refused(refusal, exchange.request_id.decode("latin-1"))
        return await RpcCall(exchange, method, metadata, context, self._channels).run()

    def _record(self, exchange: Exchange, status: int, code: bytes) -> None:
        ended = perf_counter()
        version = exchange.version
        metrics = version.metrics if version is not None else self._worker.metrics.unrouted
        metrics.record(status, ended - exchange.started, exchange.bytes_in, exchange.bytes_out)
        metrics.retries += exchange.retries
        if exchange.gate is not None:
            exchange.gate.leave(exchange)
        if exchange.guard is not None:
            took = ended - exchange.started - exchange.waited
            exchange.guard.leave(None if exchange.caller.answer_started else took)
        self._worker.log.record(exchange, status, code, ended)


class RpcListener:
    """The server around it.

    Args:
        worker: State of this worker.
        replica_tls: For replicas that speak TLS.
    """

    def __init__(self, worker: WorkerState, replica_tls: ReplicaTls | None) -> None:
        self._proxy = RpcProxy(worker, replica_tls)
        self._server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
            )
        )

    async def start(self, host: str, port: int, certificates: tuple[CertificatePair, ...]) -> int:
        """Listen; the port."""
        asynchronous: Any = vars(health)["aio"]  # which its types leave out
        servicer: Any = asynchronous.HealthServicer()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        self._server.add_generic_rpc_handlers((self._proxy,))
        add_health: Any = vars(health_pb2_grpc)["add_HealthServicer_to_server"]
        add_health(servicer, self._server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if certificates:
            found = self._server.add_secure_port(address, _credentials(certificates[0]))
        else:
            found = self._server.add_insecure_port(address)
        await self._server.start()
        return found

    async def drain(self, seconds: float) -> None:
        """Take no more calls; those under way have so long."""
        await self._server.stop(seconds)
        await self._proxy.close()


async def _end(context: Context, outcome: Outcome, request_id: str, version: str) -> None:
    ours: list[Pair] = [("x-request-id", request_id)] if request_id else []
    if version:
        ours.append(("modelway-version", version))
    trailing = (*outcome.trailing, *ours)
    if outcome.status is grpc.StatusCode.OK:
        context.set_trailing_metadata(trailing)
    else:
        await context.abort(outcome.status, outcome.details, trailing)


def _host(peer: str) -> str:
    """`127.0.0.1` of `ipv4:127.0.0.1:4711`, `::1` of `ipv6:[::1]:4711`."""
    return unquote(peer.partition(":")[2].rpartition(":")[0]).strip("[]")


def _credentials(pair: CertificatePair) -> grpc.ServerCredentials:
    """With the files looked at again for each handshake, as a certificate may have been renewed."""
    read = _Certificates(pair)
    first = read.configuration()
    assert first is not None
    return grpc.dynamic_ssl_server_credentials(first, read.configuration, require_client_authentication=False)


class _Certificates:
    def __init__(self, pair: CertificatePair) -> None:
        self._paths = (Path(pair.key), Path(pair.certificate))
        self._read: tuple[bytes, bytes] | None = None

    def configuration(self) -> Any:
        """The pair's, or None where nothing has changed or the files cannot be read now."""
        try:
            key, certificate = (path.read_bytes() for path in self._paths)
        except OSError:
            return None
        if (key, certificate) == self._read:
            return None
        self._read = (key, certificate)
        return grpc.ssl_server_certificate_configuration([(key, certificate)])
