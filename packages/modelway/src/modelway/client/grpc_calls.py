"""What the clients over gRPC have in common, blocking or not: where the model is, messages, and errors as they were meant."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import msgspec

from modelway.client.connection import Server, find_connection
from modelway.client.error_answers import error_from_answer, seconds_of
from modelway.client.grpc_tensors import add_value, datatypes_of, value_of
from modelway.client.model_requests import CallOptions, ModelAnswer, parts_of
from modelway.errors import STATUS_BY_CODE, DeadlineExceededError, ModelwayError, UnavailableError
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
SERVICE = "/inference.GRPCInferenceService/"
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
)
Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcPlace:
    """A model: where it is asked, and what every call to it carries.

    Args:
        model: Its name in messages.
        address: `host:port`.
        metadata: Which model is meant, and the key.
        secure: Whether TLS is spoken.
        certificates: PEM of those to trust; None for the system's.
    """

    model: str
    address: str
    metadata: Metadata
    secure: bool
    certificates: bytes | None

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel over TLS."""
        return grpc.ssl_channel_credentials(self.certificates)

    def metadata_for(self, options: CallOptions) -> Metadata:
        """What one call carries."""
        more = [(name.lower(), value) for name, value in options.headers.items()]
        named = [(REQUEST_ID, options.request_id)] if options.request_id else []
        return [*self.metadata, *more, *named]


def find_grpc_place(target: str, address: str, server: Server | None) -> GrpcPlace:
    """Where a model is asked over gRPC.

    Raises:
        InvalidRequestError: `target` is not the name of a model.
    """
    parts = parts_of(target)
    address = address or os.environ.get(ADDRESS_VARIABLE, "")
    server = server or _server_for(address)
    key = [("authorization", f"Bearer {server.key}")] if server.key else []
    return GrpcPlace(
        model=parts[1],
        address=address or f"{_bracketed(urlsplit(server.url).hostname or '127.0.0.1')}:{USUAL_PORT}",
        metadata=[("modelway-model", target), *key],
        secure=server.url.startswith("https:"),
        certificates=Path(server.ca_file).read_bytes() if server.ca_file else None,
    )


def metadata_request(model: str) -> bytes:
    """Asks what the model takes."""
    return ModelMetadataRequest(name=model).SerializeToString()


def datatypes_in(raw: bytes) -> Mapping[str, str]:
    """Datatype by input, of the answer to that."""
    return datatypes_of(ModelMetadataResponse.FromString(raw).inputs)


def infer_request(model: str, inputs: Mapping[str, Any], endpoint: str, wanted: Mapping[str, str]) -> bytes:
    """The message of one call.

    Args:
        model: Its name.
        inputs: One value per input.
        endpoint: One that is not the model's usual.
        wanted: Datatype by input, where the model has said it.

    Raises:
        InvalidRequestError: A value cannot be sent.
    """
    message = ModelInferRequest(model_name=model)
    if endpoint:
        message.parameters["endpoint"].string_param = endpoint
    if not inputs:  # raw inputs are answered in their own form, but there are none
        message.parameters["binary_data_output"].bool_param = True
    for name, value in inputs.items():
        add_value(message, name, value, wanted.get(name, ""))
    return message.SerializeToString()


def answer_in(raw: bytes, trailing: Mapping[str, str], started: float) -> ModelAnswer:
    """What a model said; `started` is on `time.perf_counter`."""
    return ModelAnswer(
        value=value_of(ModelInferResponse.FromString(raw)),
        version=trailing.get("modelway-version", ""),
        request_id=trailing.get(REQUEST_ID, ""),
        seconds=time.perf_counter() - started,
    )


def piece_in(raw: bytes) -> Any:
    """The value of one message of a stream.

    Raises:
        ModelwayError: The message says that the stream failed.
    """
    piece = ModelStreamInferResponse.FromString(raw)
    if piece.error_message:
        raise _typed(piece.infer_response.parameters[CODE].string_param, piece.error_message)
    return value_of(piece.infer_response)


def error_of(reason: grpc.RpcError) -> ModelwayError:
    """The typed error that the end of a call stands for."""
    error: Any = reason
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    whole = trailing.get(WHOLE)
    code = trailing.get(CODE, "")
    details = error.details() or ""
    if code in STATUS_BY_CODE:
        found = (
            error_from_answer(STATUS_BY_CODE[code].http, {}, whole, asked="the call")
            if isinstance(whole, bytes)
            else _typed(code, details)
        )
        found.retry_after = seconds_of(str(trailing.get("retry-after", "")))
        return found
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("no answer came in the time given", hint="give more, or see what takes so long")
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(
            f"nobody answers over gRPC: {details[:160]}",
            code="unreachable",
            hint=f"say where the gateway's gRPC port is with {ADDRESS_VARIABLE}",
        )
    return ModelwayError(f"the call ended with {error.code().name}: {details[:160]}")


def _server_for(address: str) -> Server:
    """The gateway as it is found; a key that was not given by hand is for its own host only."""
    found = find_connection().gateway
    host = address.rpartition(":")[0].strip("[]")
    if address and host != urlsplit(found.url).hostname and not os.environ.get(KEY_VARIABLE):
        return Server(url=found.url, ca_file=found.ca_file)
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _typed(code: str, message: str) -> ModelwayError:
    known = STATUS_BY_CODE.get(code)
    body = msgspec.json.encode({"error": {"code": code or "internal", "message": message}})
    return error_from_answer(known.http if known is not None else 500, {}, body, asked="the call")
