"""Batches as a model process sees them: requests come in, go through the stages, and their results go back."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, cast

import msgspec

from modelway.errors import ModelwayError
from modelway.serving.item import Item
from modelway.serving.loading import LoadedHandler
from modelway.serving.processes.arena import Arena, Memory
from modelway.serving.processes.failures import write_failure
from modelway.serving.processes.messages import (
    JSON,
    OCTETS,
    VALUE,
    Done,
    Ended,
    ItemHead,
    Left,
    More,
    Outcome,
    Pieces,
    Run,
    StepBatch,
    StepDone,
    Stop,
    encode,
)
from modelway.serving.processes.parcel import Parcel, pack, pack_octets, shareable, unpack
from modelway.serving.processes.received import Received, ReceivedItem, ReceivedStream, read_arguments
from modelway.serving.stage_clock import Batch, StageTimes
from modelway.serving.stages.answering import encode_foreign
from modelway.serving.stages.side_by_side import SideBySide, make_stages
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import StreamItem
from modelway.serving.steps.loop_lane import LoopLane
from modelway.signature import BoundHandler, EndpointBinding
from modelway.signature.octets import as_octets

Send = Callable[[bytes], None]


class Running:
    """The loaded model of a model process.

    Args:
        loaded: The handler.
        bound: What was read off its class.
        requests: Where arguments lie.
        answers: Where results are placed.
        send: Takes a message to the model server.
    """

    def __init__(
        self, loaded: LoadedHandler, bound: BoundHandler, requests: Memory, answers: Arena, send: Send
    ) -> None:
        self._loaded = loaded
        self._requests = requests
        self._send = send
        write = msgspec.json.Encoder(enc_hook=encode_foreign).encode
        self._pack: Mapping[int, Callable[[Any], Parcel]] = {
            JSON: lambda value: pack_octets(write(value), answers),
            OCTETS: lambda value: pack_octets(as_octets(value), answers),
            VALUE: lambda value: pack(shareable(value), answers),
        }
        self._bindings = {each.name: each for each in bound.bindings}
        self._stages = {each.name: make_stages(loaded.handler, each) for each in bound.bindings}
        self._beside = {
            each.name: SideBySide(self._stages[each.name], each, LoopLane(), write, self._beside_done)
            for each in bound.bindings
            if each.max_concurrency
        }
        self._numbers: dict[Item, int] = {}
        self._open: dict[int, tuple[SideBySide, Received]] = {}
        if loaded.calls is not None:
            loaded.calls.observer = _Steps(send)

    def take(self, order: Run | Left | More | Stop) -> None:
        """Do as told by the model server."""
        match order:
            case Run():
                self._run(order)
            case Left():
                if order.slot in self._open:
                    side, item = self._open[order.slot]
                    side.left(item)
            case More():
                if order.slot in self._open:
                    side, item = self._open[order.slot]
                    side.streams.resume(cast("StreamItem", item))
            case Stop():
                raise AssertionError(order)

    def unload(self) -> None:
        """The handler lets go of what it took; what goes wrong there is printed."""
        try:
            self._loaded.unload()
        except BaseException:  # noqa: BLE001 - the process ends either way
            traceback.print_exc()

    def _run(self, run: Run) -> None:
        stages = self._stages[run.endpoint]
        items = [self._item(self._bindings[run.endpoint], head) for head in run.items]
        if run.beside:
            self._numbers[items[0]] = run.number
            side = self._beside[run.endpoint]
            for item in items:
                self._open[item.slot] = (side, item)
            side.start(list(items))
            return
        started = perf_counter()
        count, times = stages.run(items, started)
        self._done(run.number, stages, items[:count], perf_counter() - started, times)

    def _item(self, binding: EndpointBinding, head: ItemHead) -> Received:
        arguments = read_arguments(binding, unpack(head.arguments, self._requests))
        if not binding.streaming:
            return ReceivedItem(arguments, head, self._requests)
        item = ReceivedStream(arguments, head, self._requests)
        item.sink = _Sink(item, self._send)
        item.encode = cast("Callable[[Any], bytes]", self._pack[head.form])
        return item

    def _beside_done(self, stages: EndpointStages, items: list[Item], seconds: float, times: StageTimes) -> None:
        received = cast("list[Received]", items)
        for item in received:
            self._open.pop(item.slot, None)
        number = self._numbers.pop(received[0])
        first = received[0]
        if isinstance(first, ReceivedStream):
            self._send(encode(Ended(first.slot, first.seconds, times, self._outcome(stages, first))))
        else:
            self._done(number, stages, received, seconds, times)

    def _done(
        self, number: int, stages: EndpointStages, items: Sequence[Received], seconds: float, times: StageTimes
    ) -> None:
        self._send(encode(Done(number, seconds, times, [self._outcome(stages, item) for item in items])))

    def _outcome(self, stages: EndpointStages, item: Received) -> Outcome:
        result: Parcel | None = None
        if item.error is None and item.done is not None and not isinstance(item, ReceivedStream):
            try:
                result = self._pack[item.form](item.value)
            except Exception as reason:  # noqa: BLE001 - a modeller's value may fail in any way
                item.error = stages.unwritable(item.value, reason)
        fields = msgspec.json.encode(item.log_fields, enc_hook=str) if item.log_fields else b""
        return Outcome(None if item.error is None else write_failure(item.error), result, fields)


class _Sink:
    """Takes a stream's pieces, which are parcels already, to the model server; then waits until its caller has them."""

    def __init__(self, item: ReceivedStream, send: Send) -> None:
        self._item = item
        self._send = send

    def pieces(self, bodies: list[bytes], /) -> None:
        self._item.paused = True
        self._send(encode(Pieces(self._item.slot, cast("list[Parcel]", bodies))))

    def ended(self, error: ModelwayError | None, /) -> None:
        """Told by the batch's end."""


class _Steps:
    """Tells of the steps of a pipeline in this process."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def step_done(self, step: str, seconds: float, *, failed: bool) -> None:
        self._send(encode(StepDone(step, seconds, failed)))

    def step_batch(self, step: str, batch: Batch) -> None:
        self._send(encode(StepBatch(step, batch)))
