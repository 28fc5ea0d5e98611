"""Requests wait, go to the model together and come back as answers, without a coroutine or a timer per request.

Batching is greedy: whenever the model is idle, everything that has arrived goes at once, up to the endpoint's limit. Under
load batches form by themselves, and nobody waits for a batch to fill (docs/decisions/0011).
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any, Protocol

import msgspec

from modelway.context import Headers
from modelway.errors import DeadlineExceededError, HandlerError, ModelwayError, OverloadedError
from modelway.handler import Handler
from modelway.serving.answer import Answer, Done, error_answer
from modelway.serving.elsewhere import Elsewhere, Finished
from modelway.serving.hold import Closed, Hold
from modelway.serving.item import Item, PlainItem, RawItem, is_wanted
from modelway.serving.lane import Lane
from modelway.serving.side_by_side import SideBySide, make_stages
from modelway.serving.stage_clock import Batch, StageTimes
from modelway.serving.stages import EndpointStages
from modelway.serving.streams import Sink, StreamItem
from modelway.serving.waiting_line import WaitingLine
from modelway.signature import BoundHandler, EndpointBinding
from modelway.signature.images import is_image, write_image

DEFAULT_QUEUE_SIZE = 1024
_NOTHING = Answer(200, b"")
_LOOK_SECONDS = 0.002
_HOLD_SECONDS = 0.0002


class Observer(Protocol):
    """Is told what happened; for metrics and logs."""

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        """The model worked on a batch, which is answered."""
        ...

    def wasted(self, endpoint: str, seconds: float) -> None:
        """The model worked so long for callers who did not wait for the answer."""
        ...

    def handler_failed(self, endpoint: str, item: Item, error: ModelwayError) -> None:
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
        elsewhere: Works on what is taken, if that is not the lane; `handler` then is one that is not loaded.
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
    ) -> None:
        self._lane = lane
        self._elsewhere = elsewhere
        self._observer = observer
        self.queue_size = queue_size
        self._bindings: Mapping[str, EndpointBinding] = {each.name: each for each in bound.bindings}
        self._stages = {each.name: make_stages(handler, each) for each in bound.bindings}
        self._lines = {each.name: WaitingLine() for each in bound.bindings}
        self._turn: deque[str] = deque(each.name for each in bound.bindings if not each.max_concurrency)
        self._waiting = 0
        self._next_look = inf
        self._busy = False
        self._planned = False
        self._holds = {
            each.name: Hold(each.max_batch_size or 1, each.max_wait_seconds)
            for each in bound.bindings
            if each.max_wait_seconds and lane.waits
        }
        self._encode = msgspec.json.Encoder(enc_hook=_encode_foreign).encode
        side_by_side = SideBySide if elsewhere is None else elsewhere.side_by_side
        self._side_by_side = {
            each.name: side_by_side(self._stages[each.name], each, lane, self._encode, self._side_finished)
            for each in bound.bindings
            if each.max_concurrency
        }

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

        Returns:
            What `drop` takes; None when it is answered already.
        """
        if self._waiting >= self.queue_size:
            self._refuse(done, request_id)
            return None
        try:
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
        self._lines[endpoint].append(item)  # from here on as in `_enqueue`, whose call would be felt
        self._waiting += 1
        if deadline < self._next_look:
            self._look_at(deadline)
        if not self._planned and (side or not self._busy):
            self._planned = True
            self._lane.soon(self._send_planned)
        return item

    def submit_arguments(
        self,
        endpoint: str,
        arguments: tuple[Any, ...],
        done: Done,
        *,
        request_id: str,
        deadline: float,
        headers: Headers,
    ) -> Item:
        """Take a request that is decoded already; its result stays in the item. Whoever asks has looked at `waiting`."""
        item = PlainItem(arguments, done, request_id, deadline, headers)
        self._enqueue(endpoint, item)
        return item

    def submit_stream(self, endpoint: str, item: StreamItem) -> None:
        """Take a request for a stream that is decoded already. Whoever asks has looked at `waiting`."""
        self._enqueue(endpoint, item)

    def binding(self, endpoint: str) -> EndpointBinding:
        """How the endpoint reads its arguments."""
        return self._bindings[endpoint]

    def _enqueue(self, endpoint: str, item: Item) -> None:
        self._lines[endpoint].append(item)
        self._waiting += 1
        if item.deadline < self._next_look:
            self._look_at(item.deadline)
        if not self._planned and (self._side_by_side or not self._busy):
            self._planned = True
            self._lane.soon(self._send_planned)

    def wake(self) -> None:
        """What works elsewhere has room again."""
        if self._waiting:
            self._send()

    def refuse_all(self, error: ModelwayError) -> None:
        """Answer all that wait with `error`."""
        for name, line in self._lines.items():
            for item in line.take(len(line)):
                self._waiting -= 1
                self._fail(name, item, error)

    def drop(self, endpoint: str, item: Item) -> None:
        """The caller left: out of the queue, or skipped if the model has not begun; answer nobody."""
        item.done = None
        if self._lines[endpoint].evict(item):
            self._waiting -= 1
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

    def _refuse(self, done: Done, request_id: str) -> None:
        error = OverloadedError(
            f"{self._waiting} requests wait for the model already", hint="try again after the time in Retry-After"
        )
        done(error_answer(error, request_id))

    def _send_planned(self) -> None:
        self._planned = False
        self._send()

    def _send(self) -> None:
        """Hand the next endpoint's waiting requests to the model, all that fit."""
        for name, side in self._side_by_side.items():
            while side.room and (items := self._lines[name].take(side.group_size)):
                self._waiting -= len(items)
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
                self._begin(stages, items, closed)
                return True
        return False

    def _begin(self, stages: EndpointStages, items: list[Item], closed: Closed) -> None:
        finished = partial(self._finished, stages, items, closed=closed)
        if self._elsewhere is None:
            self._busy = True
            self._lane.run(partial(self._work, stages, items, finished))
        else:
            self._elsewhere.start(stages.name, items, finished)
            self._busy = not self._elsewhere.idle

    def _lets_go(self, name: str, line: WaitingLine) -> bool:
        hold = self._holds.get(name)
        if hold is None or not line:
            return True
        known = hold.until
        if hold.lets_go(line):
            return True
        if hold.until != known:
            self._lane.later(max(hold.until - time.monotonic(), 0.0) + _HOLD_SECONDS, self._send)
        return False

    def _look_at(self, deadline: float) -> None:
        """Be called when it has passed, so that who waits for a busy model hears in time."""
        self._next_look = deadline
        self._lane.later(max(deadline - time.monotonic(), 0.0) + _LOOK_SECONDS, self._look_for_late)

    def _look_for_late(self) -> None:
        if time.monotonic() < self._next_look:
            return  # an earlier one was asked for meanwhile, which looks again by itself
        self._next_look = inf
        next_deadline = inf
        for line in self._lines.values():
            for item in line.late():
                line.evict(item)
                self._waiting -= 1
                self._answer_late(item)
            next_deadline = min(next_deadline, line.next_deadline())
        if next_deadline < self._next_look:
            self._look_at(next_deadline)

    def _answer_late(self, item: Item) -> None:
        if item.done is not None:
            late = DeadlineExceededError("the time given was over before the model had answered")
            item.done(error_answer(late, item.request_id))

    def _work(self, stages: EndpointStages, items: list[Item], finished: Finished) -> None:
        """On the model's side."""
        started = time.perf_counter()
        count, times = stages.run(items, started)
        seconds = time.perf_counter() - started
        self._lane.back(partial(finished, count, seconds, times))

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
        if self._holds and stages.name in self._holds:
            self._holds[stages.name].batch_ended(self._lines[stages.name], seconds)
        if count < len(items):
            self._put_back(stages.name, items[count:])
            del items[count:]
        if self._waiting:
            self._send()  # before answering: the model works while we write
        self._answer(stages, items, seconds, closed, times)

    def _side_finished(self, stages: EndpointStages, items: list[Item], seconds: float, times: StageTimes) -> None:
        if self._waiting:
            self._send()
        item = items[0]
        if isinstance(item, StreamItem):
            self._stream_finished(stages.name, item)
        else:
            closed = Closed.FULL if stages.batched and len(items) == stages.group_size else Closed.IDLE
            self._answer(stages, items, seconds, closed, times)

    def _stream_finished(self, endpoint: str, item: StreamItem) -> None:
        self._report(endpoint, item, item.error)
        if self._observer is not None:
            batch = Batch(1, item.seconds, Closed.IDLE, item.clock.times(), item.encode_seconds)
            self._observer.batch_done(endpoint, batch)
            if not is_wanted(item):
                self._observer.wasted(endpoint, item.seconds)
        if item.done is None:
            return
        if item.error is not None and not item.pieces_sent:
            item.done(error_answer(item.error, item.request_id))
        else:
            item.sink.ended(item.error)

    def _answer(
        self, stages: EndpointStages, items: list[Item], seconds: float, closed: Closed, times: StageTimes
    ) -> None:
        started = time.perf_counter()
        unwanted = 0
        encode = self._encode
        for item in items:
            done = item.done
            if done is None or (item.deadline != inf and not is_wanted(item)):
                unwanted += 1
                self._report(stages.name, item, item.error)
                self._answer_late(item)
                continue
            try:
                if item.error is not None:
                    answer = _NOTHING
                else:
                    answer = Answer(200, encode(item.value)) if item.encoded else item.answer()
            except Exception as reason:  # noqa: BLE001 - a modeller's value may fail in any way
                answer, item.error = _NOTHING, stages.unwritable(item.value, reason)
            if item.error is None:
                done(answer)
            else:
                self._fail(stages.name, item, item.error)
        if self._observer is not None:
            encode = time.perf_counter() - started
            self._observer.batch_done(stages.name, Batch(len(items), seconds, closed, times, encode))
            if unwanted:
                self._observer.wasted(stages.name, seconds * unwanted / len(items))

    def _put_back(self, endpoint: str, items: list[Item]) -> None:
        """Those whose turn did not come, but for the ones that left meanwhile."""
        staying = [item for item in reversed(items) if item.done is not None]
        self._lines[endpoint].put_back(staying)
        self._waiting += len(staying)
        for item in staying:
            if item.deadline < self._next_look:
                self._look_at(item.deadline)

    def _fail(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        self._report(endpoint, item, error)
        if item.done is not None:
            item.done(error_answer(error, item.request_id))

    def _report(self, endpoint: str, item: Item, error: ModelwayError | None) -> None:
        if isinstance(error, HandlerError) and self._observer is not None:
            self._observer.handler_failed(endpoint, item, error)


def _encode_foreign(value: Any) -> Any:
    """Arrays and scalars of numpy and its likes, known by their `tolist`; pydantic models; images as PNG. Nothing is imported for it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump_json"):
        return msgspec.Raw(value.model_dump_json().encode())
    if is_image(value):
        return write_image(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
