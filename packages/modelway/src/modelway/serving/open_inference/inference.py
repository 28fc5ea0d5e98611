"""One inference request: its rows go to the model as items, and come back as one answer."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from modelway.context import Headers
from modelway.errors import HandlerError, InvalidRequestError, ModelwayError
from modelway.serving.answer import Answer
from modelway.serving.item import Item
from modelway.serving.observing.trail import Trail
from modelway.serving.open_inference.outputs import wanted_outputs
from modelway.serving.open_inference.priority import request_priority
from modelway.serving.open_inference.rows import arguments_by_row
from modelway.serving.open_inference.tensors import InferJson, Tensor
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import EndpointSignature, Signature

T = TypeVar("T")
Encode = Callable[[Mapping[str, Any], InferJson, EndpointSignature, Sequence[Any]], T]
USUAL = ("predict", "infer")


def usual_endpoint(signature: Signature) -> EndpointSignature:
    """The endpoint behind the model's name: `predict` or `infer` if there is one, else the first that does not stream."""
    if len(signature.endpoints) == 1:
        return signature.endpoints[0]
    whole = [each for each in signature.endpoints if not each.streaming] or list(signature.endpoints)
    return next((each for name in USUAL for each in whole if each.name == name), whole[0])


def choose_endpoint(signature: Signature, request: InferJson) -> EndpointSignature:
    """The endpoint a request names by its parameter, or the usual one.

    Raises:
        ModelwayError: There is no such endpoint.
    """
    if "endpoint" not in request.parameters:
        return usual_endpoint(signature)
    name = request.parameters["endpoint"]
    if not isinstance(name, str):
        raise InvalidRequestError("parameter 'endpoint' is a name")
    return signature.endpoint(name)


def _whole(endpoint: EndpointSignature) -> EndpointSignature:
    if endpoint.streaming:
        raise InvalidRequestError(
            f"'{endpoint.name}' streams", hint=f"use POST /{endpoint.name}, or ModelStreamInfer over gRPC"
        )
    return endpoint


class Inference(Generic[T]):
    """An inference request under way.

    Args:
        dispatcher: Where rows go.
        signature: What there is to ask.
        ended: Called once, with the answer or the error of the first row that failed.
        encode: Makes the answer of the rows' results.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        signature: Signature,
        ended: Callable[[T | ModelwayError], None],
        encode: Encode[T],
    ) -> None:
        self._dispatcher = dispatcher
        self._signature = signature
        self._ended = ended
        self._encode = encode
        self._items: list[Item] = []
        self._left = 0
        self._errors: dict[int, ModelwayError] = {}
        self.endpoint = ""

    def start(
        self,
        model: Mapping[str, Any],
        request: InferJson,
        tensors: Sequence[Tensor],
        *,
        request_id: str,
        deadline: float,
        headers: Headers,
    ) -> None:
        """Hand the rows of a request over.

        Raises:
            ModelwayError: It cannot be accepted.
        """
        self._request = request
        self._described = _whole(choose_endpoint(self._signature, request))
        self._head = {**model, "id": request.id} if request.id else model
        self.endpoint = self._described.name
        wanted_outputs(request, self._described)
        rows = arguments_by_row(self._described, self._dispatcher.binding(self.endpoint), tensors)
        if len(rows) > self._dispatcher.queue_size:
            raise InvalidRequestError(f"{len(rows)} rows: at most {self._dispatcher.queue_size} wait at a time")
        priority = request_priority(request, headers)
        self._dispatcher.check_room(len(rows), priority)
        self._left = len(rows)
        self._items = [
            self._dispatcher.submit_arguments(
                self.endpoint,
                each,
                partial(self._row_done, number),
                request_id=request_id,
                deadline=deadline,
                headers=headers,
                priority=priority,
            )
            for number, each in enumerate(rows)
        ]

    @property
    def rows(self) -> int:
        """Items it became."""
        return len(self._items)

    @property
    def log_fields(self) -> Mapping[str, Any]:
        """What the handler wants to have logged: of all rows, the last where they speak of the same."""
        return {name: value for item in self._items for name, value in item.log_fields.items()}

    def follow(self, trail: Trail) -> None:
        """Have the rows leave their times there; of several, those of the last one stay."""
        for item in self._items:
            item.trail = trail

    def drop(self) -> None:
        """The caller left."""
        for item in self._items:
            self._dispatcher.drop(self.endpoint, item)

    def _row_done(self, row: int, answer: Answer) -> None:
        if answer.error is not None:
            self._errors[row] = answer.error
        self._left -= 1
        if self._left:
            return
        if self._errors:
            self._ended(_of_row(self._errors, len(self._items)))
        else:
            self._ended(self._encoded([item.value for item in self._items]))

    def _encoded(self, values: Sequence[Any]) -> T | ModelwayError:
        try:
            return self._encode(self._head, self._request, self._described, values)
        except ModelwayError as error:
            return error
        except Exception as reason:  # noqa: BLE001 - a modeller's values may fail in any way
            failure = HandlerError(
                f"{self.endpoint}: the model's results are not what its signature says",
                hint="rows of one answer have the same shape and the declared type; the server's log has the reason",
            )
            failure.__cause__ = reason
            return failure


def _of_row(errors: dict[int, ModelwayError], rows: int) -> ModelwayError:
    row = min(errors)
    error = errors[row]
    if rows == 1:
        return error
    return ModelwayError(f"row {row}: {error.message}", hint=error.hint, code=error.error_code)
