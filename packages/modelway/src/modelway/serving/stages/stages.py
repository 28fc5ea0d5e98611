"""A group of requests goes through one endpoint's stages; whatever is wrong with one of them stays with that one."""

import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from types import MappingProxyType
from typing import Any

from modelway.errors import HandlerError, ModelwayError
from modelway.handler import Handler, StageKind
from modelway.serving.batching.batch_cost import BatchCost
from modelway.serving.batching.singling_out import LOST_IN_A_ROW, Search
from modelway.serving.item import Item, is_wanted
from modelway.serving.stage_clock import StageClock, StageTimes
from modelway.signature import EndpointBinding
from modelway.signature.unread import all_read

UNBATCHED_GROUP = 32
UNBATCHED_SECONDS = 0.002
"""One-by-one endpoints hand over several requests at once, but give results back after this long."""

SINGLED_OUT: Mapping[str, Any] = MappingProxyType({"singledOut": True})
"""In the details of an error: others of the same batch were answered when they were run without this one."""

_END = object()


class EndpointStages:
    """Runs one endpoint of a loaded handler, on the model's thread.

    Args:
        handler: The loaded handler.
        binding: Which of its methods, and how they fit together.
    """

    __slots__ = (
        "_binding",
        "_cost",
        "_first_names",
        "_inference",
        "_inference_names",
        "_last_name",
        "_late",
        "_lost",
        "_postprocess",
        "_postprocess_names",
        "_preprocess",
        "_several",
        "_spread",
        "_spread_last",
        "batched",
        "group_size",
        "name",
    )

    def __init__(self, handler: Handler, binding: EndpointBinding) -> None:
        self.name = binding.name
        self.batched = binding.max_batch_size is not None
        self.group_size = binding.max_batch_size or UNBATCHED_GROUP
        self._binding = binding
        self._late = binding.late
        self._lost = 0
        self._cost = BatchCost(handler, binding) if binding.cost else None
        contexts = binding.contexts
        self._inference_names = contexts.get(StageKind.INFERENCE)
        self._postprocess_names = contexts.get(StageKind.POSTPROCESS)
        first = StageKind.PREPROCESS if binding.preprocess else StageKind.INFERENCE
        self._first_names = contexts.get(first)
        self._preprocess: Callable[..., Any] | None = (
            getattr(handler, binding.preprocess) if binding.preprocess else None
        )
        self._inference: Callable[..., Any] = getattr(handler, binding.inference)
        self._postprocess: Callable[..., Any] | None = (
            getattr(handler, binding.postprocess) if binding.postprocess else None
        )
        self._last_name = binding.postprocess or binding.inference
        if binding.write is not None and not inspect.iscoroutinefunction(self._postprocess):
            self._postprocess = _followed_by(self._postprocess, binding.write)
        self._several = self._preprocess is not None or self._postprocess is not None
        self._spread = binding.preprocess is not None and binding.inference_inputs != 1
        self._spread_last = binding.postprocess_inputs != 1

    def run(self, items: Sequence[Item], started: float) -> tuple[int, StageTimes]:
        """Fill in each item's value or error.

        Returns:
            How many were done, from the first on, and their times; the rest waits because this took long enough.
        """
        if self.batched:
            clock = StageClock(started)
            if self._cost is not None:
                return self._run_by_cost(items, self._cost, clock), clock.times()
            self._run_batch(items, clock)
            return len(items), clock.times()
        if self._several:
            return self._run_stages_of(items, StageClock(started))
        now = started
        ends = now + UNBATCHED_SECONDS
        perf_counter = time.perf_counter
        queue: list[float] = []
        inference: list[float] = []
        for done, item in enumerate(items, start=1):
            if (item.done is not None and item.deadline == inf) or is_wanted(
                item
            ):  # the caller may have left while others of the group ran
                queue.append(now - item.enqueued)
                self._run_one(item)
                before, now = now, perf_counter()
                inference.append(now - before)
                if item.trail is not None:
                    item.trail.times = StageTimes(queue[-1:], (), inference[-1:], ())
                if now > ends:
                    return done, StageTimes(queue, (), inference, ())
        return len(items), StageTimes(queue, (), inference, ())

    def _run_stages_of(self, items: Sequence[Item], clock: StageClock) -> tuple[int, StageTimes]:
        ends = clock.last + UNBATCHED_SECONDS
        for done, item in enumerate(items, start=1):
            if is_wanted(item):
                own = StageClock(clock.last)
                own.queue.append(clock.last - item.enqueued)
                self._run_stages(item, own)
                clock.add(own)
                if item.trail is not None:
                    item.trail.times = own.times()
                if clock.last > ends:
                    return done, clock.times()
        return len(items), clock.times()

    def begin_stream(self, item: Item) -> Any:
        """What inference yields; preprocess, where there is one, has run."""
        if self._preprocess is None:
            return self._call_first(self._inference, item)
        if self._inference_names is not None:
            return call_named(self._inference, self._inference_names, item.arguments, item)
        return self._inference(*item.arguments)

    def prepare_stream(self, item: Item, clock: StageClock) -> Iterator[Any]:
        """Run preprocess and begin.

        Raises:
            ModelwayError: A stage failed; the cause is chained.
        """
        if self._preprocess is not None:
            self._prepare(item)
            clock.lap(clock.preprocess)
            if item.error is not None:
                raise item.error
        try:
            return self.begin_stream(item)
        except BaseException as error:
            raise self._failed(self._binding.inference, error) from error

    def next_piece(self, item: Item, pieces: Iterator[Any], clock: StageClock) -> Any:
        """The next piece through postprocess.

        Raises:
            StopIteration: There is none.
            ModelwayError: A stage failed; the cause is chained.
        """
        stage = self._binding.inference
        try:
            piece = next(pieces, _END)
            clock.lap_on(clock.inference)
            if piece is not _END and self._postprocess is not None:
                stage = self._last_name
                piece = self._call_last(self._postprocess, piece, item)
                clock.lap_on(clock.postprocess)
        except BaseException as error:  # noqa: BLE001 - as above
            failure = self._failed(stage, error)
            raise failure from failure.__cause__
        if piece is _END:
            raise StopIteration
        return piece

    def close_stream(self, pieces: Any) -> None:
        """Let the generator clean up; what goes wrong there concerns nobody any more."""
        with suppress(BaseException):
            pieces.close()

    def unwritable(self, value: Any, reason: Exception) -> HandlerError:
        """The error for a result that has no form in JSON."""
        failure = HandlerError(
            f"{self.name}: the model's answer, a {type(value).__name__}, cannot be written as JSON",
            hint="return plain types, dataclasses or arrays; the server's log has the reason under this request id",
        )
        failure.__cause__ = reason
        return failure

    def _run_one(self, item: Item) -> None:
        """An endpoint of inference alone."""
        try:
            item.value = self._call_first(self._inference, item)
        except BaseException as error:  # noqa: BLE001 - not even SystemExit of a model may end the server
            item.error = self._failed(self._binding.inference, error)

    def _run_stages(self, item: Item, clock: StageClock) -> None:
        stage, column = self._binding.inference, clock.inference
        try:
            if self._preprocess is None:
                value = self._call_first(self._inference, item)
            else:
                stage, column = str(self._binding.preprocess), clock.preprocess
                value = self._call_first(self._preprocess, item)
                clock.lap(column)
                stage, column = self._binding.inference, clock.inference
                value = self._infer_one(value, item)
            if self._postprocess is not None:
                clock.lap(column)
                stage, column = self._last_name, clock.postprocess
                value = self._call_last(self._postprocess, value, item)
            item.value = value
        except BaseException as error:  # noqa: BLE001 - as above
            item.error = self._failed(stage, error)
        clock.lap(column)

    def _infer_one(self, value: Any, item: Item) -> Any:
        if self._inference_names is not None:
            return call_named(self._inference, self._inference_names, value if self._spread else (value,), item)
        return self._inference(*value) if self._spread else self._inference(value)

    def _run_batch(self, items: Sequence[Item], clock: StageClock) -> None:
        clock.queue += [clock.last - item.enqueued for item in items]
        ready = [item for item in items if (item.done is not None and item.deadline == inf) or is_wanted(item)]
        if self._preprocess is not None or self._late:
            prepared = [item for item in ready if is_wanted(item) and self._prepare(item)]
            ready = [item for item in prepared if is_wanted(item)]  # callers may have left meanwhile
            clock.lap(clock.preprocess)
        self._infer_ready(ready, clock)

    def _run_by_cost(self, items: Sequence[Item], cost: BatchCost, clock: StageClock) -> int:
        ready, done = cost.fitting(items, self._prepare if self._preprocess is not None or self._late else is_wanted)
        clock.queue += [clock.last - item.enqueued for item in items[:done]]
        if self._preprocess is not None or self._late:
            clock.lap(clock.preprocess)
        else:
            clock.go_on()
        self._infer_ready(ready, clock)
        return done

    def _infer_ready(self, ready: list[Item], clock: StageClock) -> None:
        if not ready:
            return
        self._infer(ready)
        clock.lap(clock.inference)
        if self._postprocess is None:
            return
        for item in ready:
            if item.error is None:
                try:
                    item.value = self._call_last(self._postprocess, item.value, item)
                except BaseException as error:  # noqa: BLE001 - as above
                    item.error = self._failed(self._last_name, error)
        clock.lap(clock.postprocess)

    def _prepare(self, item: Item) -> bool:
        """Arguments become the inputs of inference; False when that failed."""
        try:
            if self._preprocess is None:
                item.arguments = all_read(item.arguments)
                return True
            value = self._call_first(self._preprocess, item)
            item.arguments = tuple(value) if self._spread else (value,)
        except BaseException as error:  # noqa: BLE001 - as above
            item.error = self._failed(str(self._binding.preprocess), error)
            return False
        return True

    def _infer(self, items: list[Item]) -> None:
        """One call for all of a shape."""
        for group in by_shape(items) if len(items) > 1 else [items]:
            try:
                self._infer_together(group)
            except BaseException as error:  # noqa: BLE001 - as above
                self._single_out(group, error)

    def _single_out(self, items: list[Item], error: BaseException) -> None:
        """The call for all failed: call for parts of them, so that bad ones fail alone."""
        search = self.begin_search(items, error)
        while search is not None and (part := search.next_part(is_wanted)):
            try:
                self._infer_together(part)
            except BaseException as again:  # noqa: BLE001 - as above
                search.failed(again)
            else:
                search.passed()
        self.end_search(search, error)

    def begin_search(self, items: list[Item], error: BaseException) -> Search[Item] | None:
        """For the items at fault in a batch that failed; None where there is nothing to look for."""
        if len(items) == 1:
            items[0].error = self._failed(self._binding.inference, error)
            return None
        return Search(items, broken=self._lost >= LOST_IN_A_ROW)

    def end_search(self, search: Search[Item] | None, error: BaseException) -> None:
        """Give those that were found their errors; `error` is what the whole batch raised."""
        if search is None:
            return
        if search.saved:
            self._lost = 0
        elif search.at_fault:
            self._lost += 1
        for item, reason in search.at_fault:
            item.error = self._failed(self._binding.inference, reason)
            if search.saved and isinstance(item.error, HandlerError):
                item.error.details = (SINGLED_OUT,)
        for item in search.given_up:
            item.error = self._failed(self._binding.inference, error)

    def _infer_together(self, items: list[Item]) -> None:
        self._hand_out(items, self._call_together(items))

    def _call_together(self, items: list[Item]) -> Any:
        columns = [
            _column([item.arguments[position] for item in items], stacked)
            for position, stacked in enumerate(self._binding.stacked)
        ]
        if self._inference_names is not None:
            contexts = [item.context for item in items]
            return self._inference(**dict(zip(self._inference_names, (*columns, contexts), strict=True)))
        if self._binding.keywords and self._preprocess is None:
            return self._inference(**dict(zip(self._binding.keywords, columns, strict=True)))
        return self._inference(*columns)

    def _hand_out(self, items: list[Item], result: Any) -> None:
        for item, value in zip(items, self._split(result, len(items)), strict=True):
            item.value = value

    def _split(self, result: Any, count: int) -> Sequence[Any]:
        match self._binding.result:
            case "tuple":
                return list(zip(*[self._counted(part, count) for part in result], strict=True))
            case "dict":
                columns = {name: self._counted(part, count) for name, part in result.items()}
                return [{name: column[index] for name, column in columns.items()} for index in range(count)]
            case _:
                return self._counted(result, count)

    def _counted(self, result: Any, count: int) -> Any:
        found = len(result) if hasattr(result, "__len__") else None
        if found != count:
            what = f"{found} results" if found is not None else f"one {type(result).__name__}"
            raise HandlerError(
                f"{self.name}: '{self._binding.inference}' returned {what} for a batch of {count}",
                hint="a method with max_batch_size returns as many results as it got items",
            )
        return result

    def _call_first(self, method: Callable[..., Any], item: Item) -> Any:
        if self._late:
            item.arguments = all_read(item.arguments)
        if self._first_names is not None:
            return call_named(method, self._first_names, item.arguments, item)
        if self._binding.keywords:
            return method(**dict(zip(self._binding.keywords, item.arguments, strict=True)))
        return method(*item.arguments)

    def _call_last(self, method: Callable[..., Any], value: Any, item: Item) -> Any:
        if self._postprocess_names is not None:
            return call_named(method, self._postprocess_names, value if self._spread_last else (value,), item)
        return method(*value) if self._spread_last else method(value)

    def _failed(self, stage: str, error: BaseException) -> ModelwayError:
        """The caller's view; an error of ours passes as it is, so a handler may refuse an input itself."""
        if isinstance(error, ModelwayError):
            return error
        failure = HandlerError(
            f"{self.name}: the model's '{stage}' raised {type(error).__name__}",
            hint="the server's log has the traceback under this request id",
        )
        failure.__cause__ = error
        return failure


def call_named(method: Callable[..., Any], names: tuple[str, ...], arguments: Sequence[Any], item: Item) -> Any:
    """Call a stage that wants the context, which `names` has last."""
    return method(**dict(zip(names, (*arguments, item.context), strict=True)))


def _followed_by(method: Callable[..., Any] | None, write: Callable[[Any], Any]) -> Callable[..., Any]:
    if method is None:
        return write

    def both(*arguments: Any, **named: Any) -> Any:
        return write(method(*arguments, **named))

    return both


def _column(values: list[Any], stacked: bool | None) -> Any:  # noqa: FBT001 - a tri-state of the binding
    if stacked is None:
        stacked = hasattr(values[0], "__array__")
    if not stacked:
        return values
    numpy = sys.modules["numpy"]
    if len(values) == 1 and type(values[0]) is numpy.ndarray and values[0].flags.writeable:
        return values[0][None]  # a batch of one: no copy for a lone caller
    return numpy.stack(values)


def by_shape(items: list[Item]) -> list[list[Item]]:
    """Arrays of different shapes cannot be stacked; those of one shape go together."""
    groups: dict[Any, list[Item]] = {}
    for item in items:
        key = tuple([getattr(value, "shape", None) for value in item.arguments])
        groups.setdefault(key, []).append(item)
    return list(groups.values())
