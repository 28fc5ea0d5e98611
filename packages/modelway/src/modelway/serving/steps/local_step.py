"""A step in the pipeline's process: its handler behind a dispatcher of its own, so that it batches over all requests."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelway.errors import InvalidInputError
from modelway.handler import Handler
from modelway.serving.answer import Answer
from modelway.serving.item import Item, PlainItem
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.observer import Skipped
from modelway.serving.steps.apart import StepApart
from modelway.serving.steps.loop_lane import LoopLane
from modelway.signature import BoundHandler, EndpointBinding, EndpointSignature, Field

_SCALARS = frozenset({bool, int, float, str, type(None)})


class LoadedStep:
    """A step's handler, ready; several steps may call it.

    Args:
        handler: Loaded.
        bound: What was read off its class.
        batch_done: Is told about batches.
        apart: Its processes; then `handler` is one that is not loaded.
    """

    def __init__(
        self,
        handler: Handler,
        bound: BoundHandler,
        batch_done: Callable[[Batch], None],
        apart: StepApart | None = None,
    ) -> None:
        self.handler = handler
        self.signature = bound.signature
        # An image goes on to the next step as it is; only answers to callers are written as PNG.
        inside = replace(bound, bindings=tuple(replace(each, write=None) for each in bound.bindings))
        self.dispatcher = Dispatcher(
            handler,
            inside,
            LoopLane(),
            observer=_Batches(batch_done),
            queue_size=sys.maxsize,
            elsewhere=None if apart is None else apart.elsewhere,
        )
        if apart is not None:
            apart.attach(self.dispatcher)


class LocalRun:
    """Calls one endpoint of a loaded step.

    Args:
        loaded: The step's handler.
        endpoint: The endpoint's signature.
    """

    def __init__(self, loaded: LoadedStep, endpoint: EndpointSignature) -> None:
        self._dispatcher = loaded.dispatcher
        self._endpoint = endpoint.name
        self._fields: Mapping[str, Field] = {each.name: each for each in endpoint.inputs}
        self._binding: EndpointBinding = self._dispatcher.binding(endpoint.name)

    async def run(self, arguments: tuple[Any, ...], named: Mapping[str, Any], request: Item) -> Any:
        """The step's result, which takes the request's deadline, id and headers along.

        Raises:
            ModelwayError: What the step's endpoint would answer with.
        """
        values = self._arguments(arguments, named)
        dispatcher = self._dispatcher
        # No limit of its own: requests are bounded before they are here, and half a fan-out is of no use.
        dispatcher.check_room(1)  # refused only while no process of it is there
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        item = dispatcher.submit_arguments(
            self._endpoint,
            values,
            done,
            request_id=request.request_id,
            deadline=request.deadline,
            headers=request.headers,
        )
        item.trail = request.trail
        item.above = request.above if isinstance(request, PlainItem) else request
        try:
            answer = await answered
        except asyncio.CancelledError:
            dispatcher.drop(self._endpoint, item)
            raise
        if item.trail is not None and item.log_fields:
            request.context.log_fields.update(item.log_fields)
        if answer.error is not None:
            raise answer.error
        return item.value

    def unload(self) -> None:
        """The handler is let go by whoever loaded it."""

    def _arguments(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
        if len(arguments) > len(self._fields):
            raise TypeError(f"takes {len(self._fields)} values, not {len(arguments)}")
        values = dict(zip(self._fields, arguments, strict=False))
        twice = values.keys() & named.keys()
        if twice:
            raise TypeError(f"is given '{min(twice)}' twice")
        values.update(named)
        decode = self._binding.decode
        decode.check_names(values)
        ready: set[str] = set()
        for name, value in values.items():
            dtype = self._fields[name].dtype
            if dtype and hasattr(value, "astype"):
                values[name] = _fitting(value, self._fields[name])
            if hasattr(value, "astype") or not (type(value) in _SCALARS or (dtype and isinstance(value, list))):
                ready.add(name)  # a Python object, which no step changes the form of
        return decode.of_values(values, ready)


class _Batches:
    """What a dispatcher tells of a step; failures are told by the pipeline, which knows the step's name."""

    def __init__(self, batch_done: Callable[[Batch], None]) -> None:
        self._batch_done = batch_done

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        self._batch_done(batch)

    def wasted(self, endpoint: str, seconds: float) -> None:
        """Counted with the pipeline's own endpoint."""

    def skipped(self, endpoint: str, why: Skipped) -> None:
        """The pipeline's own endpoint counts those."""

    def handler_failed(self, endpoint: str, item: Item, error: Exception) -> None:
        """Logged with the pipeline's own request."""


def _fitting(value: Any, field: Field) -> Any:
    """The array in the declared element type; one of the same kind is converted.

    Raises:
        InvalidInputError: It is of another kind or shape, and would spoil a batch.
    """
    shape = field.shape
    fits = shape is None or (
        len(shape) == len(value.shape)
        and all(length in {None, found} for length, found in zip(shape, value.shape, strict=True))
    )
    if fits and field.dtype in {"str", value.dtype.name}:
        return value
    try:
        if fits:
            return value.astype(field.dtype, casting="same_kind")
    except TypeError:
        fits = False
    found = f"{value.dtype.name}[{', '.join(map(str, value.shape))}]"
    raise InvalidInputError(f"{field.name}: {found} is not {field.label}")
