"""The protocol's calls that have one answer."""

from collections.abc import Callable, Mapping
from math import inf
from time import monotonic, perf_counter
from typing import Any

from google.protobuf.message import DecodeError, Message

from modelway.errors import DeadlineExceededError, InvalidRequestError, ModelwayError, UnavailableError
from modelway.protos import open_inference as messages
from modelway.rpc.call import Call
from modelway.serving.model_app import ModelApp
from modelway.serving.open_inference.inference import Inference
from modelway.serving.open_inference.metadata import server_metadata
from modelway.serving.rpc.caller import Caller
from modelway.serving.rpc.messages import answer_form, infer_of, read_message, tensors_of
from modelway.serving.rpc.seen_call import SeenCall

SERVICE = "inference.GRPCInferenceService"
UnaryCall = Callable[[Call, bytes], None]


class UnaryCalls:
    """Health, metadata, index, inference.

    Args:
        app: What this worker serves.
    """

    def __init__(self, app: ModelApp) -> None:
        self._app = app

    @property
    def by_name(self) -> Mapping[str, UnaryCall]:
        """The methods."""
        return {
            "ServerLive": self.live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.infer,
            "RepositoryIndex": self.index,
        }

    @property
    def ready(self) -> bool:
        """Whether there are endpoints to call."""
        return bool(self._app.endpoints)

    def live(self, call: Call, body: bytes) -> None:
        """ServerLive."""
        call.respond(messages.ServerLiveResponse(live=True).SerializeToString())

    def server_ready(self, call: Call, body: bytes) -> None:
        """ServerReady."""
        call.respond(messages.ServerReadyResponse(ready=self.ready).SerializeToString())

    def model_ready(self, call: Call, body: bytes) -> None:
        """ModelReady: that there is no such model is an error."""
        asked = _read(messages.ModelReadyRequest, body)
        self._app.open_inference.check(asked.name, asked.version)
        call.respond(messages.ModelReadyResponse(ready=self.ready).SerializeToString())

    def server_metadata(self, call: Call, body: bytes) -> None:
        """ServerMetadata."""
        call.respond(messages.ServerMetadataResponse(**server_metadata()).SerializeToString())

    def model_metadata(self, call: Call, body: bytes) -> None:
        """ModelMetadata: the tensors of the usual endpoint."""
        asked = _read(messages.ModelMetadataRequest, body)
        self._app.open_inference.check(asked.name, asked.version)
        found = self._app.open_inference.metadata(self._app.signature)
        call.respond(messages.ModelMetadataResponse(**found).SerializeToString())

    def index(self, call: Call, body: bytes) -> None:
        """RepositoryIndex."""
        asked = _read(messages.RepositoryIndexRequest, body)
        models = self._app.open_inference.index(ready=self.ready) if self.ready or not asked.ready else []
        answer = messages.RepositoryIndexResponse(
            models=[messages.RepositoryIndexResponse.ModelIndex(**each) for each in models]
        )
        call.respond(answer.SerializeToString())

    def infer(self, call: Call, body: bytes) -> None:
        """ModelInfer: rows are items, as over REST."""
        InferCall(self._app, call).start(body)


class InferCall:
    """One ModelInfer under way.

    Args:
        app: What this worker serves.
        call: Who asked.
    """

    __slots__ = ("_app", "_call", "_inference", "_seen", "_started")

    def __init__(self, app: ModelApp, call: Call) -> None:
        self._app = app
        self._call = call
        self._started = perf_counter()
        self._inference: Inference[messages.ModelInferResponse] | None = None
        self._seen: SeenCall | None = None

    def start(self, body: bytes) -> None:
        """Hand the rows over."""
        app, call = self._app, self._call
        caller = Caller(call.request_id, call.deadline, call.headers)
        if app.observation is not None:
            self._seen = SeenCall(app, caller, body, self._started)
        try:
            message = read_message(body)
            self._inference = inference = start_inference(app, message, caller, self._ended)
        except ModelwayError as error:
            self._count(error.http, error.error_code)
            call.fail(error)
            return
        call.work = self
        if self._seen is not None:
            self._seen.follow(inference, inference.endpoint)

    def left(self) -> None:
        """The caller is gone, or its time is over."""
        if self._inference is not None:
            self._inference.drop()
        if monotonic() >= self._call.deadline:
            self._count(504, "deadline_exceeded")
        else:
            self._count(499, "client_left")

    def _ended(self, result: messages.ModelInferResponse | ModelwayError) -> None:
        if isinstance(result, ModelwayError):
            self._count(result.http, result.error_code)
            if result.__cause__ is not None and result.http == 500:
                self._app.answer_failed(self._call.request_id, result)
            self._call.fail(result)
        else:
            answer = result.SerializeToString()
            self._count(200, body=answer)
            self._call.respond(answer)

    def _count(self, status: int, code: str = "", body: bytes = b"") -> None:
        if self._seen is not None:
            self._seen.ended(status, code, body)
        if self._inference is not None:
            metrics = self._app.endpoints[f"/{self._inference.endpoint}".encode()]
            metrics.request_done(status, perf_counter() - self._started)


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


def _read(kind: type[Message], body: bytes) -> Any:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise InvalidRequestError(f"the message is no {kind.DESCRIPTOR.name}") from None
