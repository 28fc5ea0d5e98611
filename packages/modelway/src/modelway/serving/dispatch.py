"""Requests wait, go to the model together and come back as answers, without a coroutine or a timer per request.

Batching is greedy: whenever the model is idle, everything that has arrived goes at once, up to the endpoint's limit. Under
load batches form by themselves, and nobody waits for a batch to fill (docs/decisions/0011).
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any, NamedTuple, Protocol

import msgspec

from modelway.errors import DeadlineExceededError, HandlerError, ModelwayError, OverloadedError
from modelway.handler import Handler
from modelway.serving.lane import Lane
from modelway.serving.stages import EndpointStages, Item
from modelway.signature import BoundHandler, EndpointBinding

DEFAULT_QUEUE_SIZE = 1024


class Answer(NamedTuple):
    """What goes back: HTTP status and JSON body; `error` holds the reason of one that failed."""

    status: int
    body: bytes
    error: ModelwayError | None = None


Done = Callable[[Answer], None]


class Observer(Protocol):
    """Is told what happened; for metrics and logs."""

    def batch_done(self, endpoint: str, size: int, seconds: float) -> None:
        """The model worked on `size` requests for `seconds`."""
        ...

    def handler_failed(self, endpoint: str, request_id: str, error: ModelwayError) -> None:
        """The modeller's code raised; `error.__cause__` is what."""
        ...


class Dispatcher:
    """Takes requests of one loaded handler to its stages and back.

    All methods are called on the requests' side of the lane.

    Args:
        handler: The loaded handler.
        bound: What was read off its class.
        lane: How work reaches the model and comes back.
        observer: Is told about batches and failures.
        queue_size: How many requests may wait; more are refused at once.
    """

    def __init__(
        self,
        handler: Handler,
        bound: BoundHandler,
        lane: Lane,
        *,
        observer: Observer | None = None,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self._lane = lane
        self._observer = observer
        self._queue_size = queue_size
        self._bindings: Mapping[str, EndpointBinding] = {each.name: each for each in bound.bindings}
        self._stages = {each.name: EndpointStages(handler, each) for each in bound.bindings}
        self._queues: dict[str, deque[Item]] = {each.name: deque() for each in bound.bindings}
        self._turn: deque[str] = deque(self._queues)
        self._waiting = 0
        self._busy = False
        self._planned = False
        self._encode = msgspec.json.Encoder(enc_hook=_encode_foreign).encode

    @property
    def waiting(self) -> int:
        """How many requests wait for the model."""
        return self._waiting

    def submit(
        self, endpoint: str, body: bytes, done: Done, *, request_id: str = "", deadline: float = inf
    ) -> Item | None:
        """Take one request of an endpoint there is.

        Args:
            endpoint: Its name.
            body: The JSON.
            done: Called with the answer, maybe before this returns.
            request_id: For errors and logs.
            deadline: On `time.monotonic`; not started any more once it has passed.

        Returns:
            What `drop` takes; None when it is answered already.
        """
        if self._waiting >= self._queue_size:
            self._refuse(done, request_id)
            return None
        try:
            arguments = self._bindings[endpoint].decode(body)
        except ModelwayError as error:
            done(error_answer(error, request_id))
            return None
        item = Item(arguments, done, request_id, deadline)
        self._queues[endpoint].append(item)
        self._waiting += 1
        if not self._busy and not self._planned:
            self._planned = True
            self._lane.soon(self._send_planned)
        return item

    def drop(self, item: Item) -> None:
        """The caller left: do not start it any more, answer nobody."""
        item.done = None

    def _refuse(self, done: Done, request_id: str) -> None:
        error = OverloadedError(
            f"{self._waiting} requests wait for the model already", hint="try again after the time in Retry-After"
        )
        done(error_answer(error, request_id))

    def _send_planned(self) -> None:
        self._planned = False
        if not self._busy:
            self._send()

    def _send(self) -> None:
        """Hand the next endpoint's waiting requests to the model, all that fit."""
        for _ in range(len(self._turn)):
            name = self._turn[0]
            self._turn.rotate(-1)
            queue = self._queues[name]
            stages = self._stages[name]
            items = self._take(queue, stages.group_size)
            if items:
                self._busy = True
                self._lane.run(partial(self._work, stages, items))
                return

    def _take(self, queue: deque[Item], limit: int) -> list[Item]:
        items: list[Item] = []
        while queue and len(items) < limit:
            item = queue.popleft()
            self._waiting -= 1
            if item.done is None:
                continue
            if item.deadline != inf and time.monotonic() >= item.deadline:
                late = DeadlineExceededError("the time given was over before the model was free")
                item.done(error_answer(late, item.request_id))
                continue
            items.append(item)
        return items

    def _work(self, stages: EndpointStages, items: list[Item]) -> None:
        """On the model's side."""
        started = time.perf_counter()
        count = stages.run(items)
        seconds = time.perf_counter() - started
        self._lane.back(partial(self._finished, stages, items, count, seconds))

    def _finished(self, stages: EndpointStages, items: list[Item], count: int, seconds: float) -> None:
        self._busy = False
        if count < len(items):
            self._queues[stages.name].extendleft(reversed(items[count:]))
            self._waiting += len(items) - count
            del items[count:]
        if self._waiting:
            self._send()  # before answering: the model works while we write
        if self._observer is not None:
            self._observer.batch_done(stages.name, count, seconds)
        for item in items:
            self._deliver(stages.name, item)

    def _deliver(self, endpoint: str, item: Item) -> None:
        error = item.error
        body = b""
        if error is None:
            try:
                body = self._encode(item.value)
            except Exception as reason:  # noqa: BLE001 - a modeller's value may fail in any way
                error = _unwritable(endpoint, item.value, reason)
        if error is not None and self._observer is not None and isinstance(error, HandlerError):
            self._observer.handler_failed(endpoint, item.request_id, error)
        if item.done is not None:
            item.done(Answer(200, body) if error is None else error_answer(error, item.request_id))


def error_answer(error: ModelwayError, request_id: str) -> Answer:
    """The one JSON form of an error."""
    return Answer(error.http, msgspec.json.encode(error.as_json(request_id), enc_hook=str), error)


def _encode_foreign(value: Any) -> Any:
    """Arrays and scalars of numpy and its likes, known by their `tolist`; nothing is imported for it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _unwritable(endpoint: str, value: Any, reason: Exception) -> HandlerError:
    failure = HandlerError(
        f"{endpoint}: the model's answer, a {type(value).__name__}, cannot be written as JSON",
        hint="return plain types, dataclasses or arrays; the server's log has the reason under this request id",
    )
    failure.__cause__ = reason
    return failure
