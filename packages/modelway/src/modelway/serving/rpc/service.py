"""The protocol's calls that have one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic, perf_counter
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from modelway.errors import DeadlineExceededError, InvalidRequestError, ModelwayError, UnavailableError
from modelway.protos import open_inference as messages
from modelway.protos.statuses import REQUEST_ID, metadata_of, status_of, text_of
from modelway.serving.model_app import ModelApp
from modelway.serving.open_inference.inference import Inference
from modelway.serving.open_inference.metadata import server_metadata
from modelway.serving.rpc.caller import Caller
from modelway.serving.rpc.messages import answer_form, infer_of, read_message, tensors_of
from modelway.serving.rpc.seen_call import SeenCall

SERVICE = "inference.GRPCInferenceService"
UnaryCall = Callable[[bytes, "Call"], Awaitable[bytes]]
Call = grpc.aio.ServicerContext[bytes, bytes]


class UnaryCalls:
    """Health, metadata, index, inference.

    Args:
        app: What this worker serves.
    """

    def __init__(self, app: ModelApp) -> None:
        self._app = app

    @property
    def ready(self) -> bool:
        """Whether there are endpoints to call."""
        return bool(self._app.endpoints)

    def caller(self, context: Call) -> Caller:
        """Request id, deadline and metadata of a call."""
        given = None
        headers: list[tuple[bytes, bytes]] = []
        for name, value in context.invocation_metadata() or ():
            raw = value.encode() if isinstance(value, str) else value
            if name == REQUEST_ID:
                given = raw
            headers.append((name.encode(), raw))
        remaining: Any = context.time_remaining()  # None without a deadline, which its types leave out
        deadline = inf if remaining is None else monotonic() + remaining
        return Caller(self._app.request_ids.choose(given).decode("ascii"), deadline, headers)

    async def live(self, body: bytes, context: Call) -> bytes:
        """ServerLive."""
        return messages.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(self, body: bytes, context: Call) -> bytes:
        """ServerReady."""
        return messages.ServerReadyResponse(ready=self.ready).SerializeToString()

    async def model_ready(self, body: bytes, context: Call) -> bytes:
        """ModelReady: that there is no such model is an error."""
        try:
            asked = _read(messages.ModelReadyRequest, body)
            self._app.open_inference.check(asked.name, asked.version)
        except ModelwayError as error:
            return await fail(context, error, self.caller(context).request_id)
        return messages.ModelReadyResponse(ready=self.ready).SerializeToString()

    async def server_metadata(self, body: bytes, context: Call) -> bytes:
        """ServerMetadata."""
        return messages.ServerMetadataResponse(**server_metadata()).SerializeToString()

    async def model_metadata(self, body: bytes, context: Call) -> bytes:
        """ModelMetadata: the tensors of the usual endpoint."""
        try:
            asked = _read(messages.ModelMetadataRequest, body)
            self._app.open_inference.check(asked.name, asked.version)
            found = self._app.open_inference.metadata(self._app.signature)
        except ModelwayError as error:
            return await fail(context, error, self.caller(context).request_id)
        return messages.ModelMetadataResponse(**found).SerializeToString()

    async def index(self, body: bytes, context: Call) -> bytes:
        """RepositoryIndex."""
        try:
            asked = _read(messages.RepositoryIndexRequest, body)
        except ModelwayError as error:
            return await fail(context, error, self.caller(context).request_id)
        models = self._app.open_inference.index(ready=self.ready) if self.ready or not asked.ready else []
        return messages.RepositoryIndexResponse(
            models=[messages.RepositoryIndexResponse.ModelIndex(**each) for each in models]
        ).SerializeToString()

    async def infer(self, body: bytes, context: Call) -> bytes:
        """ModelInfer: rows are items, as over REST."""
        app = self._app
        started = perf_counter()
        caller = self.caller(context)
        done: asyncio.Future[messages.ModelInferResponse | ModelwayError] = asyncio.get_running_loop().create_future()

        def ended(result: messages.ModelInferResponse | ModelwayError) -> None:
            if not done.done():
                done.set_result(result)

        inference: Inference[messages.ModelInferResponse] | None = None
        seen = SeenCall(app, caller, len(body), started)
        status, code = 200, ""
        try:
            message = read_message(body)
            inference = start_inference(app, message, caller, ended)
            seen.follow(inference, inference.endpoint)
            result = await done
            if isinstance(result, ModelwayError):
                raise result
        except ModelwayError as error:
            status, code = error.http, error.error_code
            if error.__cause__ is not None and status == 500:
                app.answer_failed(caller.request_id, error)
            return await fail(context, error, caller.request_id)
        except asyncio.CancelledError:
            late = monotonic() >= caller.deadline
            status, code = (504, "deadline_exceeded") if late else (499, "client_left")
            if inference is not None:
                inference.drop()
            raise
        finally:
            seen.ended(status, code)
            if inference is not None and inference.endpoint:
                app.endpoints[f"/{inference.endpoint}".encode()].request_done(status, perf_counter() - started)
        context.set_trailing_metadata(((REQUEST_ID, caller.request_id),))
        return result.SerializeToString()


def start_inference(
    app: ModelApp, message: messages.ModelInferRequest, caller: Caller, ended: Any
) -> Inference[messages.ModelInferResponse]:
    """Hand the rows of a message over.

    Raises:
        ModelwayError: It cannot be accepted.
    """
    model = check_model(app, message)
    if caller.deadline != inf and monotonic() >= caller.deadline:
        raise DeadlineExceededError("the time given was over before the request was read")
    assert app.dispatcher is not None
    assert app.signature is not None
    inference = Inference(app.dispatcher, app.signature, ended, answer_form(message))
    inference.start(
        app.open_inference.model_head(model),
        infer_of(message),
        tensors_of(message),
        request_id=caller.request_id,
        deadline=caller.deadline,
        headers=caller.headers,
    )
    return inference


def check_model(app: ModelApp, message: messages.ModelInferRequest) -> str:
    """The name of the model a message is for.

    Raises:
        ModelwayError: It is not here, or not ready.
    """
    model = app.open_inference.check(message.model_name, message.model_version)
    if not app.endpoints:
        raise UnavailableError("the model is not ready yet", hint="ask ServerReady; try again")
    return model


def guarded(app: ModelApp, call: UnaryCall) -> UnaryCall:
    """`call`, whose unforeseen failures are logged here and told to nobody."""

    async def answer(body: bytes, context: Call) -> bytes:
        try:
            return await call(body, context)
        except (grpc.aio.AbortError, grpc.aio.BaseError):
            raise
        except Exception as reason:  # noqa: BLE001 - whatever it is
            failure = ModelwayError("the server failed", hint="the server's log has the reason")
            failure.__cause__ = reason
            app.answer_failed("", failure)
            return await fail(context, failure, "")

    return answer


async def fail(context: Call, error: ModelwayError, request_id: str) -> bytes:
    """End a call with an error; does not return."""
    await context.abort(status_of(error), text_of(error), tuple(metadata_of(error, request_id)))
    raise AssertionError


def _read(kind: type[Message], body: bytes) -> Any:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise InvalidRequestError(f"the message is no {kind.DESCRIPTOR.name}") from None
