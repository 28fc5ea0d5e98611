"""Answers that come in pieces: as fast as the caller reads, and no further once the caller has left."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from math import inf
from time import monotonic, perf_counter
from typing import Any, Protocol

from modelway.context import Headers
from modelway.errors import DeadlineExceededError, ModelwayError
from modelway.serving.item import Item, is_wanted
from modelway.serving.lane import Lane, Task
from modelway.serving.observing.payload import Read, read_json
from modelway.serving.stage_clock import StageClock
from modelway.serving.stages.async_stages import AsyncStages
from modelway.serving.stages.stages import EndpointStages

STEP_SECONDS = 0.002
STEP_PIECES = 64
WINDOW = 16
"""So many pieces of an async generator may be on their way before it waits for the first to be written."""


class Sink(Protocol):
    """Where a stream's pieces go."""

    def pieces(self, bodies: list[bytes], /) -> None:
        """Pieces in order, each as JSON or as the item encodes it."""
        ...

    def ended(self, error: ModelwayError | None, /) -> None:
        """No more will come; with the reason, if that is not the stream's own end."""
        ...


class StreamItem(Item):
    """A request whose answer is a stream."""

    __slots__ = (
        "burst",
        "clock",
        "closed",
        "encode",
        "encode_seconds",
        "held",
        "iterator",
        "paused",
        "pieces_sent",
        "read",
        "resting",
        "seconds",
        "sink",
        "task",
        "window",
    )

    def __init__(
        self,
        item: tuple[Any, Any, str, float, Headers],
        sink: Sink,
        encode: Callable[[Any], bytes] | None = None,
    ) -> None:
        super().__init__(*item)
        self.sink = sink
        self.encode = encode  # where a piece is not wanted as JSON
        self.read: Read = read_json  # what is encoded, for a log
        self.iterator: Iterator[Any] | None = None
        self.paused = False  # the caller does not read
        self.resting = False  # because of that, nothing is under way on the model's side
        self.held = 0
        self.closed = False
        self.burst = 1  # pieces of the next step: one that is there never waits long for one that takes its time
        self.seconds = 0.0
        self.pieces_sent = 0
        self.window: asyncio.Semaphore | None = None
        self.task: Task | None = None
        self.clock = StageClock(0.0)
        self.encode_seconds = 0.0


Finished = Callable[[StreamItem, ModelwayError | None], None]


class Streams:
    """Runs the streams of one endpoint.

    Args:
        stages: The endpoint's.
        lane: To the model and back.
        encode: A piece as JSON.
        finished: Called once per stream, on the requests' side, with the error that ended it.
    """

    def __init__(self, stages: EndpointStages, lane: Lane, encode: Callable[[Any], bytes], finished: Finished) -> None:
        self._stages = stages
        self._lane = lane
        self._encode = encode
        self._finished = finished

    def start(self, item: StreamItem) -> None:
        """Begin to produce."""
        if isinstance(self._stages, AsyncStages):
            item.task = self._lane.spawn(partial(self._produce, self._stages, item))
        else:
            self._lane.run(partial(self._step, item))

    def pause(self, item: StreamItem) -> None:
        """The caller does not read at present."""
        item.paused = True

    def resume(self, item: StreamItem) -> None:
        """The caller reads again."""
        item.paused = False
        if item.window is not None and item.held:
            self._lane.run(partial(_release, item.window, item.held))
            item.held = 0
        if item.resting:
            item.resting = False
            self._lane.run(partial(self._step, item))

    def left(self, item: StreamItem) -> None:
        """The caller is gone."""
        if item.task is not None:
            item.task.cancel()
        elif item.resting:
            item.resting = False
            self._lane.run(partial(self._step, item))

    # On the model's side

    def _step(self, item: StreamItem) -> None:
        """Some pieces of a plain generator; then others have their turn."""
        item.clock.go_on()
        started = item.clock.last
        pieces: list[Any] = []
        ended, error = self._next_pieces(item, pieces, started + STEP_SECONDS)
        self._lane.back(partial(self._stepped, item, pieces, error, perf_counter() - started, ended=ended))

    def _next_pieces(self, item: StreamItem, pieces: list[Any], ends: float) -> tuple[bool, ModelwayError | None]:
        stages = self._stages
        try:
            if item.iterator is None:
                if not is_wanted(item):
                    return True, None
                item.clock.queue.append(item.clock.last - item.enqueued)
                item.iterator = stages.prepare_stream(item, item.clock)
            while len(pieces) < item.burst:
                if not is_wanted(item):
                    stages.close_stream(item.iterator)
                    return True, None
                pieces.append(stages.next_piece(item, item.iterator, item.clock))
                if perf_counter() > ends:
                    item.burst = 1
                    return False, None
            item.burst = min(item.burst * 2, STEP_PIECES)
        except StopIteration:
            return True, None
        except ModelwayError as error:
            if item.iterator is not None:
                stages.close_stream(item.iterator)
            return True, error
        return False, None

    async def _produce(self, stages: AsyncStages, item: StreamItem) -> None:
        """All pieces of an async generator, in one task."""
        item.clock.go_on()
        started = item.clock.last
        item.clock.queue.append(started - item.enqueued)
        item.window = window = asyncio.Semaphore(WINDOW)
        error: ModelwayError | None = None
        try:
            async with asyncio.timeout(None if item.deadline == inf else max(item.deadline - monotonic(), 0.0)):
                async with aclosing(stages.stream(item, item.clock)) as pieces:
                    async for piece in pieces:
                        await window.acquire()
                        self._lane.back(partial(self._stepped, item, [piece], None, 0.0, ended=False))
        except (asyncio.CancelledError, TimeoutError):
            error = None  # the caller left, or its time is over
        except ModelwayError as reason:
            error = reason
        self._lane.back(partial(self._stepped, item, [], error, perf_counter() - started, ended=True))

    # On the requests' side

    def _stepped(
        self, item: StreamItem, pieces: list[Any], error: ModelwayError | None, seconds: float, *, ended: bool
    ) -> None:
        item.seconds += seconds
        if item.done is not None and pieces and not item.closed:
            error = self._write(item, pieces) or error
        if ended:
            self._end(item, error)
        elif item.closed:
            return
        elif error is not None:
            self._end(item, error)
            self._stop_producing(item)
        else:
            self._go_on(item, len(pieces))

    def _write(self, item: StreamItem, pieces: list[Any]) -> ModelwayError | None:
        started = perf_counter()
        bodies: list[bytes] = []
        error: ModelwayError | None = None
        encode = item.encode or self._encode
        for piece in pieces:
            try:
                bodies.append(encode(piece))
            except Exception as reason:  # noqa: BLE001 - a modeller's value may fail in any way
                error = self._stages.unwritable(piece, reason)
                break
        if bodies:
            item.pieces_sent += len(bodies)
            item.sink.pieces(bodies)
            if item.trail is not None and item.trail.capture is not None:
                item.trail.keep_pieces(bodies, item.read)
        item.encode_seconds += perf_counter() - started
        return error

    def _go_on(self, item: StreamItem, count: int) -> None:
        if item.window is not None:
            if item.paused:
                item.held += count
            else:
                self._lane.run(partial(_release, item.window, count))
        elif item.paused and item.done is not None:
            item.resting = True
        else:
            self._lane.run(partial(self._step, item))

    def _stop_producing(self, item: StreamItem) -> None:
        item.done = None
        self.left(item)
        if item.task is None:
            self._lane.run(partial(self._step, item))

    def _end(self, item: StreamItem, error: ModelwayError | None) -> None:
        if item.closed:
            return
        item.closed = True
        if error is None and item.done is not None and not is_wanted(item):
            error = DeadlineExceededError("the time given was over before the stream had ended")
        self._finished(item, error)


def _release(window: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        window.release()
