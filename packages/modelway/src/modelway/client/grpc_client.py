"""Calls a deployed model over gRPC, through the gateway or at its server; needs `modelway[grpc]`."""

import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, cast
from urllib.parse import urlsplit

import grpc
import msgspec

from modelway.client.connection import Server, find_connection
from modelway.client.error_answers import error_from_answer
from modelway.client.grpc_tensors import add_value, datatypes_of, value_of
from modelway.client.model_client import ModelAnswer
from modelway.errors import STATUS_BY_CODE, DeadlineExceededError, InvalidRequestError, ModelwayError, UnavailableError
from modelway.protos.open_inference import (
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelStreamInferResponse,
)
from modelway.protos.statuses import CODE, REQUEST_ID, WHOLE

ADDRESS_VARIABLE = "MODELWAY_GRPC_ADDRESS"
KEY_VARIABLE = "MODELWAY_KEY"
USUAL_PORT = 8001
FIRST_BACK_OFF_SECONDS = 0.05
LONGEST_BACK_OFF_SECONDS = 2.0
# Said before the model was given anything, so that asking again cannot make it work twice.
_NOT_BEGUN = frozenset({"not_ready", "no_ready_replica", "overloaded"})
_SERVICE = "/inference.GRPCInferenceService/"
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0))


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
    """

    def __init__(self, target: str, *, address: str = "", server: Server | None = None, timeout: float = 60.0) -> None:
        parts = target.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise InvalidRequestError(
                f"{target!r} is not the name of a model", hint="a model is named PROJECT/MODEL or PROJECT/MODEL/VERSION"
            )
        self.target = target
        self._model = parts[1]
        self._timeout = timeout
        address = address or os.environ.get(ADDRESS_VARIABLE, "")
        server = server or _server_for(address)
        self._metadata = [("modelway-model", target)]
        if server.key:
            self._metadata.append(("authorization", f"Bearer {server.key}"))
        address = address or f"{_bracketed(urlsplit(server.url).hostname or '127.0.0.1')}:{USUAL_PORT}"
        self._channel: Any = (
            grpc.secure_channel(
                address,
                grpc.ssl_channel_credentials(Path(server.ca_file).read_bytes() if server.ca_file else None),
                _OPTIONS,
            )
            if server.url.startswith("https:")
            else grpc.insecure_channel(address, _OPTIONS)
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
        return self.ask(inputs, endpoint=endpoint, timeout=timeout).value

    def ask(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took."""
        start = time.perf_counter()
        ends = time.monotonic() + (self._timeout if timeout is None else timeout)
        body = self._message(inputs or {}, endpoint, ends).SerializeToString()
        raw, trailing = self._unary("ModelInfer", body, ends, request_id)
        return ModelAnswer(
            value=value_of(ModelInferResponse.FromString(raw)),
            version=trailing.get("modelway-version", ""),
            request_id=trailing.get(REQUEST_ID, ""),
            seconds=time.perf_counter() - start,
        )

    def stream(
        self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "", timeout: float | None = None
    ) -> Iterator[Any]:
        """The pieces of an endpoint that streams, each as soon as it is there. Closing the iterator ends the call.

        Raises:
            ModelwayError: The stream broke, or could not begin.
        """
        ends = time.monotonic() + (self._timeout if timeout is None else timeout)
        body = self._message(inputs or {}, endpoint, ends).SerializeToString()
        start = self._channel.stream_stream(_SERVICE + "ModelStreamInfer")
        pieces = start(iter((body,)), metadata=self._metadata, timeout=max(ends - time.monotonic(), 0.001))
        try:
            for raw in pieces:
                piece = ModelStreamInferResponse.FromString(raw)
                if piece.error_message:
                    code = piece.infer_response.parameters[CODE].string_param
                    raise _typed(code, piece.error_message)
                yield value_of(piece.infer_response)
        except grpc.RpcError as error:
            _raise(error)
        finally:
            pieces.cancel()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _message(self, inputs: Mapping[str, Any], endpoint: str, ends: float) -> ModelInferRequest:
        message = ModelInferRequest(model_name=self._model)
        if endpoint:
            message.parameters["endpoint"].string_param = endpoint
        elif self._datatypes is None:
            body = ModelMetadataRequest(name=self._model).SerializeToString()
            raw, _ = self._unary("ModelMetadata", body, ends, "")
            self._datatypes = datatypes_of(ModelMetadataResponse.FromString(raw).inputs)
        wanted = {} if endpoint else self._datatypes or {}
        for name, value in inputs.items():
            add_value(message, name, value, wanted.get(name, ""))
        return message

    def _unary(self, method: str, body: bytes, ends: float, request_id: str) -> tuple[bytes, Mapping[str, str]]:
        """One call within its time; again after what was said before the model had begun."""
        metadata = [*self._metadata, (REQUEST_ID, request_id)] if request_id else self._metadata
        call = self._channel.unary_unary(_SERVICE + method)
        pause = FIRST_BACK_OFF_SECONDS
        while True:
            left = max(ends - time.monotonic(), 0.001)
            try:
                raw, rpc = call.with_call(body, metadata=metadata, timeout=left, wait_for_ready=True)
            except grpc.RpcError as error:
                trailing: dict[str, Any] = dict(cast("Any", error).trailing_metadata() or ())
                code = trailing.get(CODE, "")
                wait = random.uniform(pause / 2, pause)  # noqa: S311 (no secret)
                if code not in _NOT_BEGUN or time.monotonic() + wait >= ends:
                    _raise(error)
                time.sleep(wait)
                pause = min(pause * 2, LONGEST_BACK_OFF_SECONDS)
            else:
                return raw, dict(rpc.trailing_metadata())


def _server_for(address: str) -> Server:
    """The gateway as it is found; a key that was not given by hand is for its own host only."""
    found = find_connection().gateway
    host = address.rpartition(":")[0].strip("[]")
    if address and host != urlsplit(found.url).hostname and not os.environ.get(KEY_VARIABLE):
        return Server(url=found.url, ca_file=found.ca_file)
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _raise(reason: grpc.RpcError) -> NoReturn:
    error: Any = reason
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    whole = trailing.get(WHOLE)
    code = trailing.get(CODE, "")
    details = error.details() or ""
    if isinstance(whole, bytes) and code in STATUS_BY_CODE:
        raise error_from_answer(STATUS_BY_CODE[code].http, {}, whole, asked="the call") from None
    if code in STATUS_BY_CODE:
        raise _typed(code, details) from None
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        raise DeadlineExceededError(
            "no answer came in the time given", hint="give more, or see what takes so long"
        ) from None
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        raise UnavailableError(
            f"nobody answers over gRPC: {details[:160]}",
            code="unreachable",
            hint=f"say where the gateway's gRPC port is with {ADDRESS_VARIABLE}",
        ) from None
    raise ModelwayError(f"the call ended with {error.code().name}: {details[:160]}") from None


def _typed(code: str, message: str) -> ModelwayError:
    known = STATUS_BY_CODE.get(code)
    body = msgspec.json.encode({"error": {"code": code or "internal", "message": message}})
    return error_from_answer(known.http if known is not None else 500, {}, body, asked="the call")
