"""ModelStreamInfer: requests and answers of one call, many at a time; answers of streaming endpoints in pieces."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from modelway.errors import InvalidRequestError, ModelwayError
from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse, ModelStreamInferResponse
from modelway.protos.statuses import CODE, text_of
from modelway.rpc.call import Call
from modelway.serving.answer import Answer
from modelway.serving.model_app import ModelApp
from modelway.serving.open_inference.inference import Inference, choose_endpoint
from modelway.serving.open_inference.outputs import wanted_outputs
from modelway.serving.open_inference.priority import request_priority
from modelway.serving.open_inference.rows import arguments_by_row
from modelway.serving.open_inference.tensors import flag
from modelway.serving.rpc.caller import Caller
from modelway.serving.rpc.messages import answer_form, infer_of, read_message, tensors_of
from modelway.serving.rpc.recorded import read_piece
from modelway.serving.rpc.seen_call import SeenCall
from modelway.serving.rpc.service import check_model, start_inference
from modelway.serving.stages.streams import StreamItem

MAX_UNDER_WAY = 64
"""Requests of one call that are worked on, or whose answers the caller has not taken yet; the next is read after that."""
HIGH = 32
"""So many pieces that the caller has not taken pause the streams of its call."""
_WANTS_END = "triton_enable_empty_final_response"
_IS_END = "triton_final_response"


class InferStream:
    """One call.

    Args:
        app: What this worker serves.
        call: Who asks; request ids get a number behind its own.
    """

    def __init__(self, app: ModelApp, call: Call) -> None:
        self._app = app
        self._call = call
        self._caller = Caller(call.request_id, call.deadline, call.headers)
        self._drops: dict[int, Callable[[], None]] = {}
        self._streams: dict[int, tuple[str, StreamItem]] = {}
        self._paused = False
        self._asked_all = False
        self._number = 0

    def message(self, body: bytes, /) -> None:
        self._number += 1
        self._begin(self._number, body)
        if self._under_way >= MAX_UNDER_WAY:
            self._call.hold()

    def asked(self) -> None:
        self._asked_all = True
        self._changed()

    def taken(self) -> None:
        if self._paused:
            self._paused = False
            self._all_streams("resume")
        self._changed()

    def left(self) -> None:
        drops, self._drops = self._drops, {}
        for drop in drops.values():
            drop()

    @property
    def _under_way(self) -> int:
        return len(self._drops) + len(self._call.unsent or ())

    def _changed(self) -> None:
        """Something is done: take the next requests, or end with the last."""
        if self._under_way < MAX_UNDER_WAY:
            self._call.go_on()
        if self._asked_all and not self._drops and self._call.work is self:
            self._call.finish()

    def _begin(self, number: int, body: bytes) -> None:
        caller = self._caller._replace(request_id=f"{self._caller.request_id}.{number}")
        request_id = ""
        try:
            message = read_message(body)
            request_id = message.id
            check_model(self._app, message)
            assert self._app.signature is not None
            if choose_endpoint(self._app.signature, infer_of(message)).streaming:
                self._begin_stream(number, message, caller, body)
            else:
                self._begin_whole(number, message, caller, body)
        except ModelwayError as error:
            SeenCall(self._app, caller, body, perf_counter()).ended(error.http, error.error_code)
            self._write(error_message(error, request_id))

    def _begin_whole(self, number: int, message: ModelInferRequest, caller: Caller, body: bytes) -> None:
        started = perf_counter()
        wants_end = flag(infer_of(message).parameters, _WANTS_END)
        inference: Inference[ModelInferResponse] | None = None
        seen = SeenCall(self._app, caller, body, started)

        def count(status: int, code: str = "", answer: bytes = b"") -> None:
            if inference is not None:
                seen.ended(status, code, answer, read_piece)
                name = f"/{inference.endpoint}".encode()
                self._app.endpoints[name].request_done(status, perf_counter() - started)

        def ended(result: ModelInferResponse | ModelwayError) -> None:
            self._drops.pop(number, None)
            if isinstance(result, ModelwayError):
                if result.__cause__ is not None and result.http == 500:
                    self._app.answer_failed(caller.request_id, result)
                count(result.http, result.error_code)
                self._write(error_message(result, message.id))
            else:
                if wants_end:
                    result.parameters[_IS_END].bool_param = True
                answer = ModelStreamInferResponse(infer_response=result).SerializeToString()
                count(200, answer=answer)
                self._write(answer)
            self._changed()

        inference = start_inference(self._app, message, caller, ended)
        seen.follow(inference, inference.endpoint)

        def drop() -> None:
            inference.drop()
            count(499, "client_left")

        self._drops[number] = drop

    def _begin_stream(self, number: int, message: ModelInferRequest, caller: Caller, body: bytes) -> None:
        app = self._app
        dispatcher, signature = app.dispatcher, app.signature
        assert dispatcher is not None
        assert signature is not None
        request = infer_of(message)
        endpoint = choose_endpoint(signature, request)
        wanted_outputs(request, endpoint)
        wants_end = flag(request.parameters, _WANTS_END)
        rows = arguments_by_row(endpoint, dispatcher.binding(endpoint.name), tensors_of(message))
        if len(rows) != 1:
            raise InvalidRequestError(f"{len(rows)} rows: '{endpoint.name}' streams, which is for one row")
        priority = request_priority(request, caller.headers)
        dispatcher.check_room(1, priority)
        head = app.open_inference.model_head(app.open_inference.check(message.model_name, message.model_version))
        head = {**head, "id": message.id}
        form = answer_form(message)

        def encode(piece: Any) -> bytes:
            answer = form(head, request, endpoint, [piece])
            if wants_end:
                answer.parameters[_IS_END].bool_param = False
            return ModelStreamInferResponse(infer_response=answer).SerializeToString()

        seen = SeenCall(app, caller, body, perf_counter())
        answer = _Pieces(self, number, endpoint.name, head, seen, wants_end=wants_end)
        item = StreamItem((rows[0], answer.done, caller.request_id, caller.deadline, caller.headers), answer, encode)
        item.read = read_piece
        seen.follow(item, endpoint.name)
        self._streams[number] = (endpoint.name, item)

        def drop() -> None:
            dispatcher.drop(endpoint.name, item)
            answer.count(499, "client_left")

        self._drops[number] = drop
        dispatcher.submit_stream(endpoint.name, item, priority)
        if self._paused:
            dispatcher.pause(endpoint.name, item)

    def ended(self, number: int, name: str, status: int, seconds: float) -> None:
        """A stream is over."""
        self._drops.pop(number, None)
        self._streams.pop(number, None)
        self._app.endpoints[f"/{name}".encode()].request_done(status, seconds)
        self._changed()

    def write(self, bodies: list[bytes]) -> None:
        """Pieces for the caller."""
        for body in bodies:
            self._write(body)
        if len(self._call.unsent or ()) > HIGH and not self._paused:
            self._paused = True
            self._all_streams("pause")

    def _write(self, body: bytes) -> None:
        self._call.send(body)

    def _all_streams(self, act: str) -> None:
        assert self._app.dispatcher is not None
        for name, item in list(self._streams.values()):
            getattr(self._app.dispatcher, act)(name, item)


class _Pieces:
    """Where one stream's pieces go."""

    def __init__(
        self, call: InferStream, number: int, name: str, head: dict[str, Any], seen: SeenCall, *, wants_end: bool
    ) -> None:
        self._seen = seen
        self._call = call
        self._number = number
        self._name = name
        self._head = head
        self._wants_end = wants_end
        self._started = perf_counter()

    def done(self, answer: Answer) -> None:
        """It failed before the first piece."""
        assert answer.error is not None
        self.ended(answer.error)

    def pieces(self, bodies: list[bytes], /) -> None:
        self._call.write(bodies)

    def ended(self, error: ModelwayError | None, /) -> None:
        if error is not None:
            self._call.write([error_message(error, self._head["id"])])
        elif self._wants_end:
            end = ModelInferResponse(**self._head)
            end.parameters[_IS_END].bool_param = True
            self._call.write([ModelStreamInferResponse(infer_response=end).SerializeToString()])
        self.count(200 if error is None else error.http, "" if error is None else error.error_code)

    def count(self, status: int, code: str = "") -> None:
        self._seen.ended(status, code)
        self._call.ended(self._number, self._name, status, perf_counter() - self._started)


def error_message(error: ModelwayError, request_id: str) -> bytes:
    """An error as a message of the stream, which goes on: its words, and the stable code as a parameter."""
    answer = ModelInferResponse(id=request_id)
    answer.parameters[CODE].string_param = error.error_code
    return ModelStreamInferResponse(error_message=text_of(error), infer_response=answer).SerializeToString()
