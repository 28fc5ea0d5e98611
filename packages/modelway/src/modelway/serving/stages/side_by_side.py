"""Endpoints whose requests run beside one another: those with `async def` stages, and streams."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, cast

from modelway.errors import ModelwayError
from modelway.handler import Handler
from modelway.pipeline import Pipeline
from modelway.serving.answer import Answer
from modelway.serving.item import Item, ItemParts
from modelway.serving.lane import Lane, Task
from modelway.serving.stage_clock import StageClock, StageTimes
from modelway.serving.stages.async_stages import AsyncStages
from modelway.serving.stages.pipeline_stages import PipelineStages
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import Sink, StreamItem, Streams
from modelway.signature import EndpointBinding


def make_stages(handler: Handler, binding: EndpointBinding) -> EndpointStages:
    """The kind of stages an endpoint needs."""
    if isinstance(handler, Pipeline):
        return PipelineStages(handler, binding)
    return AsyncStages(handler, binding) if binding.asynchronous else EndpointStages(handler, binding)


class SideBySide:
    """Runs up to `max_concurrency` requests, batches or streams of one endpoint at a time.

    Args:
        stages: The endpoint's.
        binding: How many at a time, and whether they are streams.
        lane: To the model and back.
        encode: A value as JSON.
        finished: Called on the requests' side with what is done and how long it took.
    """

    def __init__(
        self,
        stages: EndpointStages,
        binding: EndpointBinding,
        lane: Lane,
        encode: Callable[[Any], bytes],
        finished: Callable[[EndpointStages, list[Item], float, StageTimes], None],
    ) -> None:
        self._stages = stages
        self._streaming = binding.streaming
        self._limit = binding.max_concurrency
        self._active = 0
        self._lane = lane
        self._finished = finished
        self._tasks: dict[Item, Task] = {}
        self.streams = Streams(stages, lane, encode, self._stream_finished)
        self.group_size = binding.max_batch_size or 1

    @property
    def room(self) -> bool:
        """Whether another one may start."""
        return self._active < self._limit

    def make_item(self, parts: ItemParts, sink: Sink | None) -> Item:
        """A request in the form this endpoint needs."""
        if not self._streaming:
            return Item(*parts)
        item = StreamItem(parts, cast("Sink", None))
        item.sink = sink or _Collected(item)
        return item

    def start(self, items: list[Item]) -> None:
        """Run them together."""
        self._active += 1
        if self._streaming:
            self.streams.start(cast("StreamItem", items[0]))
            return
        task = self._lane.spawn(partial(self._run, items))
        for item in items:
            self._tasks[item] = task

    def left(self, item: Item) -> None:
        """Its caller is gone: interrupt what runs for nobody."""
        if isinstance(item, StreamItem):
            self.streams.left(item)
            return
        task = self._tasks.pop(item, None)
        if task is not None and task not in self._tasks.values():
            task.cancel()

    async def _run(self, items: list[Item]) -> None:
        started = perf_counter()
        clock = StageClock(started)
        try:
            await cast("AsyncStages", self._stages).run_together(items, clock)
        finally:
            self._lane.back(partial(self._done, items, perf_counter() - started, clock))

    def _done(self, items: list[Item], seconds: float, clock: StageClock) -> None:
        self._active -= 1
        for item in items:
            self._tasks.pop(item, None)
        self._finished(self._stages, items, seconds, clock.times())

    def _stream_finished(self, item: StreamItem, error: ModelwayError | None) -> None:
        self._active -= 1
        item.error = error
        self._finished(self._stages, [item], item.seconds, item.clock.times())


class _Collected:
    """A stream for a caller who wants it whole: a JSON list; an error on the way is the answer."""

    def __init__(self, item: StreamItem) -> None:
        self._item = item
        self._bodies: list[bytes] = []

    def pieces(self, bodies: list[bytes], /) -> None:
        self._bodies += bodies
        self._item.pieces_sent = 0  # nothing has reached the caller, so an error can still be the answer

    def ended(self, error: ModelwayError | None, /) -> None:
        done: Callable[[Answer], None] | None = self._item.done
        if done is not None:
            done(Answer(200, b"[%b]" % b",".join(self._bodies)))
