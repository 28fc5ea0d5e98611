"""What went through the model becomes answers, and is told to the observer."""

from math import inf
from time import perf_counter
from typing import Any

import msgspec

from modelway.errors import DeadlineExceededError, HandlerError, ModelCrashedError, ModelwayError
from modelway.serving.answer import Answer, error_answer
from modelway.serving.batching.hold import Closed
from modelway.serving.item import Item, is_wanted
from modelway.serving.observing.trail import batch_passed
from modelway.serving.stage_clock import Batch, StageTimes
from modelway.serving.stages.observer import Observer, Skipped
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import StreamItem
from modelway.signature.images import is_image, write_image

_NOTHING = Answer(200, b"")


class Answering:
    """Answers requests that are done.

    Args:
        observer: Is told about batches and failures.
    """

    __slots__ = ("_observer", "encode")

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self.encode = msgspec.json.Encoder(enc_hook=encode_foreign).encode

    def answer(
        self, stages: EndpointStages, items: list[Item], seconds: float, closed: Closed, times: StageTimes
    ) -> None:
        """Those of one batch, which took the model `seconds`."""
        started = perf_counter()
        if items and (items[0].trail is not None or items[-1].trail is not None):
            batch_passed(items, times, closed, batched=stages.batched, answering=started)
        unwanted = 0
        encode = self.encode
        for item in items:
            done = item.done
            if done is None or (item.deadline != inf and not is_wanted(item)):
                unwanted += 1
                self._report(stages.name, item, item.error)
                self.answer_late(item)
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
                self.fail(stages.name, item, item.error)
        if self._observer is not None:
            written = perf_counter() - started
            self._observer.batch_done(stages.name, Batch(len(items), seconds, closed, times, written))
            if unwanted:
                self._observer.wasted(stages.name, seconds * unwanted / len(items))

    def skip(self, endpoint: str, why: Skipped) -> None:
        """One left the queue."""
        if self._observer is not None:
            self._observer.skipped(endpoint, why)

    def answer_late(self, item: Item) -> None:
        """Its time is over."""
        if item.done is not None:
            late = DeadlineExceededError("the time given was over before the model had answered")
            item.done(error_answer(late, item.request_id))

    def end_stream(self, endpoint: str, item: StreamItem) -> None:
        """No more pieces come."""
        self._report(endpoint, item, item.error)
        if item.trail is not None:
            batch_passed([item], item.clock.times(), Closed.IDLE, batched=True, answering=0.0)
            item.trail.encode = item.encode_seconds
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

    def fail(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        """Answer with an error."""
        self._report(endpoint, item, error)
        if item.done is not None:
            item.done(error_answer(error, item.request_id))

    def _report(self, endpoint: str, item: Item, error: ModelwayError | None) -> None:
        if isinstance(error, HandlerError | ModelCrashedError) and self._observer is not None:
            self._observer.handler_failed(endpoint, item, error)


def encode_foreign(value: Any) -> Any:
    """Arrays and scalars of numpy and its likes, known by their `tolist`; pydantic models; images as PNG. Nothing is imported for it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump_json"):
        return msgspec.Raw(value.model_dump_json().encode())
    if is_image(value):
        return write_image(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
