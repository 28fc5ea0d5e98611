"""Calls a deployed model over gRPC from an event loop, through the gateway or at its server; needs `modelway[grpc]`."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from math import inf
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from modelway.client.connection import Server
from modelway.client.grpc_calls import (
    CHANNEL_OPTIONS,
    SERVICE,
    answer_in,
    datatypes_in,
    error_of,
    find_grpc_place,
    infer_request,
    metadata_request,
    piece_in,
)
from modelway.client.model_requests import (
    USUAL_OPTIONS,
    USUAL_TIMEOUT,
    CallOptions,
    ModelAnswer,
    check_time,
    until_for,
)
from modelway.client.retries import RetryPolicy, Tries
from modelway.errors import ModelwayError


class AsyncGrpcModelClient:
    """One deployed model, for one event loop; keeps one connection over which calls go side by side.

        async with AsyncGrpcModelClient("vision/digits") as digits:
            await digits.call({"image": image})

    A call whose task is cancelled is cancelled at the server, too. The arguments are those of `GrpcModelClient`.
    """

    def __init__(
        self,
        target: str,
        *,
        address: str = "",
        server: Server | None = None,
        timeout: float = USUAL_TIMEOUT,
        retries: RetryPolicy | None = None,
    ) -> None:
        self.target = target
        self._place = find_grpc_place(target, address, server)
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self._channel: Any = None
        self._datatypes: Mapping[str, str] | None = None

    async def call(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - the model is told of it, too
    ) -> Any:
        """The model's answer; arguments and errors are those of `GrpcModelClient.call`."""
        answer = await self.ask(inputs, endpoint=endpoint, options=CallOptions(timeout=timeout))
        return answer.value

    async def ask(
        self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "", options: CallOptions = USUAL_OPTIONS
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took."""
        start = time.perf_counter()
        tries = self._tries(options)
        body = await self._message(inputs or {}, endpoint, options, tries)
        raw, trailing = await self._unary("ModelInfer", body, options, tries)
        return answer_in(raw, trailing, start)

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "",
        timeout: float | None = None,
        options: CallOptions = USUAL_OPTIONS,
    ) -> "AsyncGrpcPieces":
        """The pieces of an endpoint that streams, each as soon as it is there; see `GrpcModelClient.stream`."""
        return AsyncGrpcPieces(self._pieces(inputs or {}, endpoint, options.within(timeout)))

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _open(self) -> Any:
        """The channel; made in the event loop it belongs to."""
        if self._channel is None:
            place = self._place
            self._channel = (
                grpc.aio.secure_channel(place.address, place.credentials, CHANNEL_OPTIONS)
                if place.secure
                else grpc.aio.insecure_channel(place.address, CHANNEL_OPTIONS)
            )
        return self._channel

    def _tries(self, options: CallOptions) -> Tries:
        return Tries(self._retries, until_for(options, self._timeout), idempotent=options.idempotent)

    async def _message(self, inputs: Mapping[str, Any], endpoint: str, options: CallOptions, tries: Tries) -> bytes:
        if not endpoint and self._datatypes is None:
            raw, _ = await self._unary("ModelMetadata", metadata_request(self._place.model), options, tries)
            self._datatypes = datatypes_in(raw)
        wanted = {} if endpoint else self._datatypes or {}
        return infer_request(self._place.model, inputs, endpoint, wanted)

    async def _unary(
        self, method: str, body: bytes, options: CallOptions, tries: Tries
    ) -> tuple[bytes, Mapping[str, str]]:
        start = self._open().unary_unary(SERVICE + method)
        metadata = self._place.metadata_for(options)
        while True:
            call = start(body, metadata=metadata, timeout=_left(tries), wait_for_ready=True)
            try:
                raw = await call
                return raw, dict(await call.trailing_metadata())
            except grpc.aio.AioRpcError as reason:
                await asyncio.sleep(tries.pause_after(error_of(reason)))

    async def _pieces(self, inputs: Mapping[str, Any], endpoint: str, options: CallOptions) -> AsyncIterator[Any]:
        tries = self._tries(options)
        body = await self._message(inputs, endpoint, options, tries)
        start = self._open().stream_stream(SERVICE + "ModelStreamInfer")
        metadata = self._place.metadata_for(options)
        begun = False
        while True:
            call = start([body], metadata=metadata, timeout=_left(tries), wait_for_ready=True)
            try:
                async for raw in call:
                    begun = True
                    yield piece_in(raw)
            except (grpc.aio.AioRpcError, ModelwayError) as reason:
                error = error_of(reason) if isinstance(reason, grpc.RpcError) else reason
                if begun:
                    raise error from None
                await asyncio.sleep(tries.pause_after(error))
            else:
                return
            finally:
                call.cancel()


class AsyncGrpcPieces:
    """The pieces of one stream; closing it, or letting go of it, ends the call."""

    def __init__(self, pieces: AsyncIterator[Any]) -> None:
        self._pieces: Any = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """End the call."""
        await self._pieces.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _left(tries: Tries) -> float | None:
    left = check_time(tries.until)
    return None if left == inf else left
