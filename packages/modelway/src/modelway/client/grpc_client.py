"""Calls a deployed model over gRPC, through the gateway or at its server; needs `modelway[grpc]`."""

import time
from collections.abc import Iterator, Mapping
from math import inf
from types import TracebackType
from typing import Any, Self

import grpc

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


class GrpcModelClient:
    """One deployed model; may be shared by threads, keeps one connection over which calls go side by side.

        digits = GrpcModelClient("vision/digits")
        digits.call({"image": image})

    Args:
        target: `project/model`, or `project/model/version` to be answered by that version only.
        address: `host:port` of the gateway's gRPC side or of a model server; from `MODELWAY_GRPC_ADDRESS`, else port 8001 of the gateway.
        server: Has the key, and the file of those who sign the other side's certificate, where it speaks TLS; found as the command line
            finds it when not given.
        timeout: Seconds a call may take, with all its tries. The model is told.
        retries: When to ask again; see `RetryPolicy`. Where nobody listens yet, a call waits for somebody within its time.
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
        self._place = place = find_grpc_place(target, address, server)
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self._channel: Any = (
            grpc.secure_channel(place.address, place.credentials, CHANNEL_OPTIONS)
            if place.secure
            else grpc.insecure_channel(place.address, CHANNEL_OPTIONS)
        )
        self._datatypes: Mapping[str, str] | None = None

    def call(self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "", timeout: float | None = None) -> Any:
        """The model's answer: numbers, lists, text and octets, by name where it has several outputs.

        Args:
            inputs: One value per input by name. For the usual endpoint they are sent as the model wants them; for others numbers are INT64 or FP64.
            endpoint: One that is not the model's usual.
            timeout: Seconds, where it is not the client's.

        Raises:
            ModelwayError: An error answer, as its typed error.
        """
        return self.ask(inputs, endpoint=endpoint, options=CallOptions(timeout=timeout)).value

    def ask(
        self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "", options: CallOptions = USUAL_OPTIONS
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took."""
        start = time.perf_counter()
        tries = self._tries(options)
        body = self._message(inputs or {}, endpoint, options, tries)
        raw, trailing = self._unary("ModelInfer", body, options, tries)
        return answer_in(raw, trailing, start)

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "",
        timeout: float | None = None,
        options: CallOptions = USUAL_OPTIONS,
    ) -> Iterator[Any]:
        """The pieces of an endpoint that streams, each as soon as it is there. Closing the iterator ends the call.

        It is asked again only where the stream had not begun. The time given is that of the whole stream.

        Raises:
            ModelwayError: The stream broke, or could not begin.
        """
        options = options.within(timeout)
        tries = self._tries(options)
        body = self._message(inputs or {}, endpoint, options, tries)
        begun = False
        while True:
            try:
                for raw in self._streamed(body, options, tries):
                    begun = True
                    yield piece_in(raw)
            except ModelwayError as error:
                if begun:
                    raise
                time.sleep(tries.pause_after(error))
            else:
                return

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tries(self, options: CallOptions) -> Tries:
        return Tries(self._retries, until_for(options, self._timeout), idempotent=options.idempotent)

    def _message(self, inputs: Mapping[str, Any], endpoint: str, options: CallOptions, tries: Tries) -> bytes:
        if not endpoint and self._datatypes is None:
            raw, _ = self._unary("ModelMetadata", metadata_request(self._place.model), options, tries)
            self._datatypes = datatypes_in(raw)
        wanted = {} if endpoint else self._datatypes or {}
        return infer_request(self._place.model, inputs, endpoint, wanted)

    def _unary(self, method: str, body: bytes, options: CallOptions, tries: Tries) -> tuple[bytes, Mapping[str, str]]:
        call = self._channel.unary_unary(SERVICE + method)
        metadata = self._place.metadata_for(options)
        while True:
            try:
                raw, rpc = call.with_call(body, metadata=metadata, timeout=_left(tries), wait_for_ready=True)
            except grpc.RpcError as reason:
                time.sleep(tries.pause_after(error_of(reason)))
            else:
                return raw, dict(rpc.trailing_metadata())

    def _streamed(self, body: bytes, options: CallOptions, tries: Tries) -> Iterator[bytes]:
        start = self._channel.stream_stream(SERVICE + "ModelStreamInfer")
        pieces = start(
            iter((body,)), metadata=self._place.metadata_for(options), timeout=_left(tries), wait_for_ready=True
        )
        try:
            yield from pieces
        except grpc.RpcError as reason:
            raise error_of(reason) from None
        finally:
            pieces.cancel()


def _left(tries: Tries) -> float | None:
    left = check_time(tries.until)
    return None if left == inf else left
