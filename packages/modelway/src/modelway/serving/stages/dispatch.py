"""Requests wait, go to the model together and come back as answers, without a coroutine or a timer per request.

Batching is greedy: whenever the model is idle, everything that has arrived goes at once, up to the endpoint's limit. Under
load batches form by themselves, and nobody waits for a batch to fill (docs/decisions/0011).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from typing import Any

from modelway.context import Headers
from modelway.errors import ModelwayError, OverloadedError
from modelway.handler import Handler
from modelway.serving.answer import Done, error_answer
from modelway.serving.batching.deadline_watch import DeadlineWatch
from modelway.serving.batching.hold import Closed, Holding
from modelway.serving.batching.hold_choice import Choice
from modelway.serving.batching.holds import hold_of
from modelway.serving.batching.pace import Pace
from modelway.serving.batching.ranks import USUAL
from modelway.serving.batching.room import Room
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item, PlainItem, RawItem
from modelway.serving.lane import Lane
from modelway.serving.stage_clock import StageTimes
from modelway.serving.stages.answering import Answering
from modelway.serving.stages.elsewhere import Elsewhere, Finished
from modelway.serving.stages.inline import ASSUMED, DECLARED, InlineChoice
from modelway.serving.stages.observer import Observer, Skipped
from modelway.serving.stages.side_by_side import SideBySide, make_stages
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import Sink, StreamItem
from modelway.signature import BoundHandler, EndpointBinding

DEFAULT_QUEUE_SIZE = 1024
_HOLD_SECONDS = 0.0002


class Dispatcher:
    """Takes requests of one loaded handler to its stages and back.

    All methods are called on the requests' side of the lane.

    Args:
        handler: The loaded handler.
        bound: What was read off its class.
        lane: How work reaches the model and comes back.
        observer: Is told about batches and failures.
        queue_size: How many requests may wait; more are refused at once.
        elsewhere: Works on what is taken, if that is not the lane; `handler` then is one that is not loaded.
        inline: Whether quick batches may be worked on right here where the endpoint allows it, instead of in the lane.
    """

    def __init__(
        self,
        handler: Handler,
        bound: BoundHandler,
        lane: Lane,
        *,
        observer: Observer | None = None,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        elsewhere: Elsewhere | None = None,
        inline: bool = False,
    ) -> None:
        self._lane = lane
        self._elsewhere = elsewhere
        self.queue_size = queue_size
        self._refusal: ModelwayError | None = None
        self._limit = queue_size
        self._bindings: Mapping[str, EndpointBinding] = {each.name: each for each in bound.bindings}
        self._stages = {each.name: make_stages(handler, each) for each in bound.bindings}
        self._lines = {each.name: WaitingLine() for each in bound.bindings}
        self._turn: deque[str] = deque(each.name for each in bound.bindings if not each.max_concurrency)
        self._waiting = 0
        self.keeps_given = False
        """Whether requests keep what their callers gave until they are answered, for whoever looks at those that failed."""
        self._busy = False
        self._planned = False
        self._here = False
        self._under_way = 0
        self._holds: dict[str, Holding] = {
            each.name: hold_of(each)
            for each in bound.bindings
            if (each.max_wait_seconds or each.adaptive) and lane.waits
        }
        self._pace = Pace()
        self._room = Room(queue_size, self._lines, self._pace, self._displaced)
        self._watch = DeadlineWatch(lane, self._lines, self._too_late)
        self._answering = Answering(observer)
        side_by_side = SideBySide if elsewhere is None else elsewhere.side_by_side
        self._side_by_side = {
            each.name: side_by_side(self._stages[each.name], each, lane, self._answering.encode, self._side_finished)
            for each in bound.bindings
            if each.max_concurrency
        }

        self._inline = (
            {
                each.name: InlineChoice(DECLARED if each.any_thread_declared else ASSUMED)
                for each in bound.bindings
                if each.any_thread
            }
            if inline and elsewhere is None and not self._side_by_side
            else {}
        )

    @property
    def waiting(self) -> int:
        """How many requests wait for the model."""
        return self._waiting

    def submit(
        self,
        endpoint: str,
        body: bytes,
        done: Done,
        *,
        request_id: str = "",
        deadline: float = inf,
        headers: Headers = (),
        sink: Sink | None = None,
        read: Callable[[bytes], tuple[Any, ...]] | None = None,
        raw: bytes = b"",
        priority: int = USUAL,
    ) -> Item | None:
        """Take one request of an endpoint there is.

        Args:
            endpoint: Its name.
            body: The JSON, or what `read` reads.
            done: Called with the answer, maybe before this returns.
            request_id: For errors and logs.
            deadline: On `time.monotonic`; once it has passed, the request is answered without or instead of its result.
            headers: For the handler's context.
            sink: Takes the pieces of an endpoint that streams; without it they are answered together, as a list. Until the
                first piece, errors go to `done`.
            read: Makes the arguments of a body that is not JSON, or raises `ModelwayError`.
            raw: The media type of an answer that shall be the value itself; not for endpoints that stream.
            priority: 0 to 9, higher first.

        Returns:
            What `drop` takes; None when it is answered already.
        """
        try:
            if self._waiting >= self._limit:
                self.check_room(1, priority)
            arguments = self._bindings[endpoint].decode(body) if read is None else read(body)
        except ModelwayError as error:
            done(error_answer(error, request_id))
            return None
        side = self._side_by_side
        if raw:
            item = RawItem((arguments, done, request_id, deadline, headers), raw)
        elif side and endpoint in side:
            item = side[endpoint].make_item((arguments, done, request_id, deadline, headers), sink)
        else:
            item = Item(arguments, done, request_id, deadline, headers)
        if self.keeps_given:
            item.given = body if read is None else arguments
        if priority != USUAL or self._waiting >= self.queue_size:
            self._enqueue(endpoint, item, priority)
            return item
        self._lines[endpoint].append(item)  # from here on as in `_enqueue`, whose call would be felt
        self._waiting += 1
        if deadline != inf:
            self._watch.see(deadline)
        if not self._planned and (side or not self._busy):
            self._planned = True
            self._lane.soon(self._send_planned)
        return item

    def check_room(self, count: int, priority: int = USUAL) -> None:
        """Whether `count` requests may be submitted now.

        Raises:
            OverloadedError: Too many wait already.
            ModelwayError: What `refuse` was told.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._waiting + count > self.queue_size:
            self._room.check(self._waiting, count, priority)

    def submit_arguments(
        self,
        endpoint: str,
        arguments: tuple[Any, ...],
        done: Done,
        *,
        request_id: str,
        deadline: float,
        headers: Headers,
        priority: int = USUAL,
    ) -> PlainItem:
        """Take a request that is decoded already; its result stays in the item. Whoever asks has called `check_room`."""
        item = PlainItem(arguments, done, request_id, deadline, headers)
        if self.keeps_given:
            item.given = arguments
        self._enqueue(endpoint, item, priority)
        return item

    def submit_stream(self, endpoint: str, item: StreamItem, priority: int = USUAL) -> None:
        """Take a request for a stream that is decoded already. Whoever asks has called `check_room`."""
        if self.keeps_given:
            item.given = item.arguments
        self._enqueue(endpoint, item, priority)

    def binding(self, endpoint: str) -> EndpointBinding:
        """How the endpoint reads its arguments."""
        return self._bindings[endpoint]

    def _enqueue(self, endpoint: str, item: Item, priority: int) -> None:
        if self._waiting >= self.queue_size:
            self._room.make(self._waiting, 1)
        if priority == USUAL:
            self._lines[endpoint].append(item)
        else:
            self._lines[endpoint].append_ranked(item, priority)
        self._waiting += 1
        if item.deadline != inf:
            self._watch.see(item.deadline)
        if not self._planned and (self._side_by_side or not self._busy):
            self._planned = True
            self._lane.soon(self._send_planned)

    def choices(self) -> Iterator[tuple[str, Choice, bool]]:
        """For each endpoint: how long its batches are held and at what size they go, and whether they run right here."""
        for name, binding in self._bindings.items():
            hold = self._holds.get(name)
            choice = hold.chosen if hold is not None else Choice(0.0, binding.max_batch_size or 1)
            yield name, choice, name in self._inline and self._inline[name].here

    def wake(self) -> None:
        """What works elsewhere may have room again."""
        self._send()

    def refuse(self, error: ModelwayError | None) -> None:
        """Answer all that wait and all that come with `error`, until told otherwise by None."""
        self._refusal = error
        self._limit = self.queue_size if error is None else 0
        if error is None:
            return
        for name, line in self._lines.items():
            for item in line.take(len(line)):
                self._waiting -= 1
                self._answering.fail(name, item, error)

    def drop(self, endpoint: str, item: Item) -> None:
        """The caller left: out of the queue, or skipped if the model has not begun; answer nobody."""
        item.done = None
        if self._lines[endpoint].evict(item):
            self._waiting -= 1
            self._answering.skip(endpoint, Skipped.LEFT)
        elif endpoint in self._side_by_side:
            self._side_by_side[endpoint].left(item)
        elif self._elsewhere is not None:
            self._elsewhere.left(item)

    def pause(self, endpoint: str, item: StreamItem) -> None:
        """The caller does not read its stream at present."""
        self._side_by_side[endpoint].streams.pause(item)

    def resume(self, endpoint: str, item: StreamItem) -> None:
        """The caller reads again."""
        self._side_by_side[endpoint].streams.resume(item)

    def _displaced(self, _: str, item: Item, error: OverloadedError) -> None:
        self._waiting -= 1
        if item.done is not None:
            item.done(error_answer(error, item.request_id))

    def _too_late(self, endpoint: str, item: Item) -> None:
        self._waiting -= 1
        self._answering.skip(endpoint, Skipped.LATE)
        self._answering.answer_late(item)

    def _send_planned(self) -> None:
        self._planned = False
        self._send()

    def _send(self) -> None:
        """Hand the next endpoint's waiting requests to the model, all that fit."""
        for name, side in self._side_by_side.items():
            while side.room and (items := self._lines[name].take(side.group_size)):
                self._waiting -= len(items)
                self._under_way += 1
                side.start(items)
        if self._elsewhere is not None:
            self._busy = not self._elsewhere.idle
        while not self._busy and self._send_next():
            pass

    def _send_next(self) -> bool:
        """One batch of the endpoint whose turn it is; False when nothing waits."""
        for _ in range(len(self._turn)):
            name = self._turn[0]
            self._turn.rotate(-1)
            stages = self._stages[name]
            line = self._lines[name]
            if self._holds and not self._lets_go(name, line):
                continue
            size = stages.group_size if self._elsewhere is None else self._elsewhere.share(len(line), stages.group_size)
            items = line.take(size)
            if items:
                self._waiting -= len(items)
                if name in self._holds:
                    closed = self._holds[name].closed
                else:
                    closed = Closed.FULL if len(items) == stages.group_size else Closed.IDLE
                return self._begin(stages, items, closed)
        return False

    def _begin(self, stages: EndpointStages, items: list[Item], closed: Closed) -> bool:
        """Work on a batch; False when others have to have their turn before the next one."""
        finished = partial(self._finished, stages, items, closed=closed)
        self._under_way += 1
        if self._inline and stages.name in self._inline and self._inline[stages.name].here:
            self._busy = True
            self._work_here(stages, items, finished)
            return False
        if self._elsewhere is None:
            self._busy = True
            self._lane.run(partial(self._work, stages, items, finished))
        else:
            self._elsewhere.start(stages.name, items, finished)
            self._busy = not self._elsewhere.idle
        return True

    def _lets_go(self, name: str, line: WaitingLine) -> bool:
        hold = self._holds.get(name)
        if hold is None or not line:
            return True
        if hold.lets_go(line):
            return True
        if hold.until < hold.timer_at:
            hold.timer_at = hold.until
            self._lane.later(max(hold.until - time.monotonic(), 0.0) + _HOLD_SECONDS, partial(self._held, hold))
        return False

    def _held(self, hold: Holding) -> None:
        hold.timer_at = inf
        self._send()

    def _work(self, stages: EndpointStages, items: list[Item], finished: Finished) -> None:
        """On the model's side."""
        started = time.perf_counter()
        count, times = stages.run(items, started)
        seconds = time.perf_counter() - started
        self._lane.back(partial(finished, count, seconds, times))

    def _work_here(self, stages: EndpointStages, items: list[Item], finished: Finished) -> None:
        started = time.perf_counter()
        count, times = stages.run(items, started)
        self._here = True
        finished(count, time.perf_counter() - started, times)
        self._here = False
        if self._waiting and not self._planned:
            self._planned = True  # not at once: the loop has sockets to look after
            self._lane.soon(self._send_planned)

    def _finished(
        self,
        stages: EndpointStages,
        items: list[Item],
        count: int,
        seconds: float,
        times: StageTimes,
        *,
        closed: Closed,
    ) -> None:
        self._busy = False
        self._pace.observe(seconds / self._under_way, count)
        self._under_way -= 1
        if self._inline and stages.name in self._inline:
            self._inline[stages.name].ran(seconds)
        if self._holds and stages.name in self._holds:
            cut = stages.batched and count < len(items)
            self._holds[stages.name].batch_ended(self._lines[stages.name], seconds, count, cut=cut)
        if count < len(items):
            if stages.batched:
                closed = Closed.FULL
            self._put_back(stages.name, items[count:])
            del items[count:]
        if self._waiting and not self._here:
            self._send()  # before answering: the model works while we write
        self._answering.answer(stages, items, seconds, closed, times)

    def _side_finished(self, stages: EndpointStages, items: list[Item], seconds: float, times: StageTimes) -> None:
        self._pace.observe(seconds / self._under_way, len(items))
        self._under_way -= 1
        if self._waiting:
            self._send()
        item = items[0]
        if isinstance(item, StreamItem):
            self._answering.end_stream(stages.name, item)
        else:
            closed = Closed.FULL if stages.batched and len(items) == stages.group_size else Closed.IDLE
            self._answering.answer(stages, items, seconds, closed, times)

    def _put_back(self, endpoint: str, items: list[Item]) -> None:
        """Those whose turn did not come, but for the ones that left meanwhile."""
        staying = [item for item in reversed(items) if item.done is not None]
        self._lines[endpoint].put_back(staying)
        self._waiting += len(staying)
        for item in staying:
            if item.deadline != inf:
                self._watch.see(item.deadline)
