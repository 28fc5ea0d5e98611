"""Endpoints whose requests run beside one another, in model processes: `async def` stages, and streams."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from modelway.errors import ModelwayError
from modelway.serving.item import Item
from modelway.serving.lane import Lane
from modelway.serving.processes.work import Assignment
from modelway.serving.stage_clock import StageTimes
from modelway.serving.stages.side_by_side import SideBySide
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import StreamItem, Streams
from modelway.signature import EndpointBinding

_Finished = Callable[[EndpointStages, list[Item], float, StageTimes], None]


class Processes(Protocol):
    """What is asked of model processes here."""

    def room_beside(self, endpoint: str, limit: int, size: int, /) -> bool: ...
    def start_beside(self, batch: Assignment, /) -> None: ...
    def left(self, item: Item, /) -> None: ...
    def more(self, item: StreamItem, /) -> None: ...


class ProcessStreams(Streams):
    """Streams that are produced in a model process, which waits after each step until the caller has taken it."""

    def __init__(
        self,
        processes: Processes,
        stages: EndpointStages,
        lane: Lane,
        encode: Callable[[Any], bytes],
        finished: Callable[[StreamItem, ModelwayError | None], None],
    ) -> None:
        super().__init__(stages, lane, encode, finished)
        self._processes = processes

    def resume(self, item: StreamItem) -> None:
        item.paused = False
        if item.resting:
            item.resting = False
            self._processes.more(item)

    def left(self, item: StreamItem) -> None:
        self._processes.left(item)

    def arrived(self, item: StreamItem, pieces: list[Any], error: ModelwayError | None) -> None:
        """Pieces came; with an error when one could not be read."""
        self._stepped(item, pieces, error, 0.0, ended=False)

    def over(self, item: StreamItem, seconds: float, times: StageTimes) -> None:
        """No more will come; `item.error` says why, if that is not the stream's own end."""
        clock = item.clock
        for ours, theirs in zip(
            (clock.queue, clock.preprocess, clock.inference, clock.postprocess), times, strict=True
        ):
            ours.extend(theirs)
        self._stepped(item, [], item.error, seconds, ended=True)

    def _go_on(self, item: StreamItem, count: int) -> None:
        if item.paused and item.done is not None:
            item.resting = True
        else:
            self._processes.more(item)

    def _stop_producing(self, item: StreamItem) -> None:
        item.done = None
        self._processes.left(item)


class ProcessBeside(SideBySide):
    """Runs up to `max_concurrency` requests, batches or streams of one endpoint at a time in each process.

    Args:
        processes: Where.
        stages: The endpoint's, of a handler that is not loaded.
        binding: How many at a time, and whether they are streams.
        lane: Of the model server.
        encode: A value as JSON.
        finished: Called with what is done and how long it took.
    """

    def __init__(  # noqa: PLR0917 - what a dispatcher says of any such endpoint
        self,
        processes: Processes,
        stages: EndpointStages,
        binding: EndpointBinding,
        lane: Lane,
        encode: Callable[[Any], bytes],
        finished: _Finished,
    ) -> None:
        super().__init__(stages, binding, lane, encode, finished)
        self._processes = processes
        self._in_processes = ProcessStreams(processes, stages, lane, encode, self._stream_finished)
        self.streams = self._in_processes

    @property
    def room(self) -> bool:
        return self._processes.room_beside(self._stages.name, self._limit, self.group_size)

    def start(self, items: list[Item]) -> None:
        self._active += 1
        streams = self._in_processes if self._streaming else None
        self._processes.start_beside(
            Assignment(self._stages.name, items, partial(self._ended, items), beside=True, streams=streams)
        )

    def left(self, item: Item) -> None:
        self._processes.left(item)

    def _ended(self, items: list[Item], count: int, seconds: float, times: StageTimes) -> None:
        if self._streaming:
            self._in_processes.over(cast("StreamItem", items[0]), seconds, times)
        else:
            self._active -= 1
            self._finished(self._stages, items, seconds, times)
