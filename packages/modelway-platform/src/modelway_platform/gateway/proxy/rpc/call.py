"""One call on its way: decided like every request, then messages pass both ways as they come."""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Any

import grpc
import grpc.aio

from modelway_platform.gateway.proxy import pipeline
from modelway_platform.gateway.proxy.access_record import of_client
from modelway_platform.gateway.proxy.admission import Refusal, too_large
from modelway_platform.gateway.proxy.choices import no_ready_replica
from modelway_platform.gateway.proxy.exchange import REPLAY_BYTES, Exchange
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica
from modelway_platform.gateway.proxy.replicas.replica_failures import BROKEN_OFF, OVERDUE
from modelway_platform.gateway.proxy.rpc.caller_side import CallerSide
from modelway_platform.gateway.proxy.rpc.channels import Channels
from modelway_platform.gateway.proxy.rpc.heads import Pair, forwarded, returned
from modelway_platform.gateway.proxy.rpc.outcome import Outcome, answered, refused
from modelway_platform.gateway.proxy.worker_state import WorkerState

TOGETHER_SECONDS = 0.002
_NO_GRPC = Refusal(
    status=501,
    code="not_implemented",
    message="the model's replicas speak no gRPC",
    hint="add modelway[grpc] to the dependencies of its package, or call it over HTTP",
)


class RpcCaller:
    """What the stages ask and tell of a caller; see `CallerConnection`."""

    answer_started = False
    secure = False

    def __init__(self, worker: WorkerState, peer: str) -> None:
        self._worker = worker
        self.logged = of_client(peer, worker.log.worker)
        self.waited: asyncio.Future[Refusal | None] = worker.loop.create_future()

    @property
    def clock(self) -> float:
        """The loop's time in seconds."""
        return self._worker.loop.time()

    def wait_is_over(self, exchange: Exchange) -> None:
        """There is a place for a call that waited, or a replica."""
        if not self.waited.done():
            refusal = pipeline.go_on(exchange)
            if refusal is not None or exchange.held is None:
                exchange.waited = perf_counter() - exchange.started
                self.waited.set_result(refusal)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """There is none."""
        if not self.waited.done():
            self.waited.set_result(refusal)


class _Broken(Exception):  # noqa: N818 - a way on, no error
    """The replica was not reached, or its connection broke before it said anything."""

    def __init__(self, *, reached: bool) -> None:
        super().__init__()
        self.reached = reached


class RpcCall:
    """One call.

    Args:
        exchange: Admitted, with a replica.
        method: `/package.Service/Method`.
        metadata: The caller's.
        caller: Its side of it.
        channels: To replicas.
    """

    def __init__(
        self, exchange: Exchange, method: str, metadata: tuple[Pair, ...], caller: CallerSide, channels: Channels
    ) -> None:
        self._exchange = exchange
        self._method = method
        self._metadata = metadata
        self._caller = caller
        self._channels = channels
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._asked_all = False
        self._began = exchange.clock
        self._refusal: Refusal | None = None

    async def run(self) -> Outcome:
        """Until the answer's end."""
        exchange = self._exchange
        model = exchange.admission.model
        assert model is not None
        request_id = exchange.request_id.decode("latin-1")
        try:
            async with asyncio.timeout(model.timeout) as self._limit:
                return await self._try_until_answered()
        except TimeoutError:
            if exchange.replica is not None and not exchange.caller.answer_started:
                exchange.replica.failed(exchange.caller.clock)
            return refused(OVERDUE, request_id)

    async def _try_until_answered(self) -> Outcome:
        exchange = self._exchange
        request_id = exchange.request_id.decode("latin-1")
        while True:
            replica = exchange.replica
            if replica is None:
                return refused(no_ready_replica(exchange), request_id)
            if not replica.entry.grpc_port:
                return refused(_NO_GRPC, request_id)
            try:
                outcome = await self._try(replica)
            except _Broken as broken:
                replica.failed(exchange.caller.clock)
                if not self._may_go_to_another(replica, reached=broken.reached):
                    return refused(BROKEN_OFF if broken.reached else no_ready_replica(exchange), request_id)
                continue
            if self._refusal is not None:
                return refused(self._refusal, request_id)
            replica.answers += 1
            if outcome.http >= 500 or replica.doubted:
                busy = outcome.code in {"overloaded", "not_ready", "deadline_exceeded"}
                replica.answered(outcome.http, exchange.caller.clock, self._began, counts=not busy)
            return outcome

    def _may_go_to_another(self, replica: LiveReplica, *, reached: bool) -> bool:
        exchange = self._exchange
        model, version = exchange.admission.model, exchange.version
        if model is None or version is None or exchange.caller.answer_started or not exchange.replayable:
            return False
        retries = model.retries
        cause = "reset" if reached else "connect"
        tried = (*exchange.tried, replica)
        if (
            exchange.retries + 1 >= retries.attempts
            or cause not in retries.on
            or (reached and not exchange.admission.idempotent)
            or all(each in tried for each in version.replicas)
        ):
            return False
        if not model.budget.take(exchange.caller.clock):
            version.metrics.retries_denied += 1
            return False
        exchange.tried = tried
        exchange.replica = version.choose_replica(exchange.caller.clock, tried)
        exchange.plain = False
        exchange.retries += 1
        return True

    async def _try(self, replica: LiveReplica) -> Outcome:
        exchange = self._exchange
        identity = exchange.admission.identity
        consumer = identity.consumer if identity is not None else b""
        model = exchange.admission.model
        payloads = model.payloads_told if model is not None else ""
        whole = await self._is_whole()
        if self._refusal is not None:
            return answered(grpc.StatusCode.CANCELLED, "", ())  # what is said instead is decided above
        try:
            start = self._channels.method(replica, self._method, whole=whole)
        except OSError:
            raise _Broken(reached=False) from None
        call: Any = start(
            *(self._kept if whole else ()),
            timeout=self._caller.time_remaining(),
            metadata=tuple(forwarded(self._metadata, exchange.request_id, consumer, payloads)),
        )
        if not exchange.sent_at:
            exchange.sent_at = perf_counter()
        replica.connections += 1
        writer = None if whole else asyncio.create_task(self._ask(call))
        try:
            return await self._answers(call)
        finally:
            replica.connections -= 1
            if writer is not None:
                writer.cancel()
                with suppress(asyncio.CancelledError, grpc.RpcError):
                    await asyncio.wait((writer,))
            call.cancel()

    async def _is_whole(self) -> bool:
        """Whether the request is one message and its end, as most are: then it is sent in one go.

        Written piece by piece, a request that a replica refuses at once meets a call that is over, and grpcio tells
        of that instead of what the replica said. Both come together, so waiting for a moment costs streams alone.
        """
        caller = self._caller
        while not self._asked_all and len(self._kept) < 2 and self._refusal is None:
            if not caller.has_news:
                try:
                    await asyncio.wait_for(caller.news(), TOGETHER_SECONDS)
                except TimeoutError:
                    break
            self._take(caller.take())
        return self._asked_all and len(self._kept) == 1 and self._exchange.replayable

    async def _ask(self, call: Any) -> None:
        """The caller's messages to the replica, those of an earlier try first."""
        at = 0
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            while True:
                if at < len(self._kept):
                    await call.write(self._kept[at])
                    at += 1
                elif self._asked_all:
                    await call.done_writing()
                    return
                else:
                    at = await self._read_next(call, at)

    async def _read_next(self, call: Any, at: int) -> int:
        await self._caller.news()
        if not self._exchange.replayable:  # all that is kept has been sent, and will not be sent again
            self._kept.clear()
            at = 0
        self._take(self._caller.take())
        if self._refusal is not None:
            call.cancel()
        return at

    def _take(self, body: bytes | None) -> None:
        """One of the caller's messages, or their end."""
        exchange = self._exchange
        if body is None:
            self._asked_all = True
            return
        exchange.bytes_in += len(body)
        model = exchange.admission.model
        if model is not None and len(body) > model.max_body_bytes:
            self._refusal = too_large(model.max_body_bytes)
            return
        self._extend()
        self._kept_bytes += len(body)
        if self._kept_bytes > REPLAY_BYTES:
            exchange.replayable = False
        self._kept.append(body)

    async def _answers(self, call: Any) -> Outcome:
        """The replica's messages to the caller, each as it comes."""
        exchange = self._exchange
        try:
            while (body := await call.read()) is not grpc.aio.EOF:
                if not exchange.caller.answer_started:
                    exchange.caller.answer_started = True
                    self._caller.begin(returned(await call.initial_metadata()))
                exchange.bytes_out += len(body)
                await self._caller.write(body)
                self._extend()
            return answered(grpc.StatusCode.OK, "", returned(await call.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            self._look_for_break(error)
            return answered(error.code(), error.details() or "", returned(tuple(error.trailing_metadata() or ())))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return answered(grpc.StatusCode.CANCELLED, "the model's side ended the call", ())

    def _look_for_break(self, error: grpc.aio.AioRpcError) -> None:
        """A connection's end looks like an answer; one has no metadata of the replica's."""
        if error.code() is not grpc.StatusCode.UNAVAILABLE or self._exchange.caller.answer_started:
            return
        if error.trailing_metadata() or error.initial_metadata():
            return
        raise _Broken(reached="failed to connect" not in (error.details() or "").lower()) from None

    def _extend(self) -> None:
        model = self._exchange.admission.model
        if model is not None and not self._limit.expired():
            self._limit.reschedule(self._exchange.worker.loop.time() + model.timeout)
