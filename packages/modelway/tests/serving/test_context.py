"""What a stage learns about its request, and that work nobody waits for is not done."""

import json
import time
from typing import Any

import pytest

from modelway import Context, Handler, inference, postprocess, preprocess
from modelway.errors import DeadlineExceededError, InvalidHandlerError, ModelwayError
from modelway.serving.answer import Answer
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.devices import device_of, seen_by_worker
from modelway.serving.item import Item
from modelway.serving.lane import InlineLane
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind
from modelway.testing import Client


def _nothing() -> None: ...


class Curious(Handler):
    def load(self) -> None:
        self.seen: list[str] = []
        self.on_preprocess = self.on_postprocess = _nothing

    @preprocess("batched")
    def before(self, context: Context, text: str) -> str:
        self.seen.append(context.request_id)
        self.on_preprocess()
        return text

    @inference(max_batch_size=4)
    def batched(self, texts: list[str], contexts: list[Context]) -> list[str]:
        self.seen.append("+".join(texts))
        return [
            f"{text} for {context.headers.get('x-user', '')}" for text, context in zip(texts, contexts, strict=True)
        ]

    @postprocess("batched")
    def after(self, text: str, context: Context) -> str:
        self.on_postprocess()
        return f"{text}{' again' if context.mirrored else ''}"

    @inference
    def alone(self, *, context: Context, number: int = 1) -> int:
        context.log_fields["number"] = number
        if number < 0:
            raise ValueError(number)
        return number if context.deadline is None else -number


class Watcher:
    """Observes a dispatcher."""

    def __init__(self) -> None:
        self.wasted_seconds = 0.0
        self.failed: list[Item] = []

    def batch_done(self, endpoint: str, batch: Batch) -> None: ...

    def wasted(self, endpoint: str, seconds: float) -> None:
        self.wasted_seconds += seconds

    def skipped(self, endpoint: str, why: Any) -> None: ...

    def handler_failed(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        self.failed.append(item)


class Bench:
    def __init__(self) -> None:
        self.handler = Curious()
        self.handler.load()
        self.lane = InlineLane()
        self.watcher = Watcher()
        self.dispatcher = Dispatcher(self.handler, bind(Curious), self.lane, observer=self.watcher)
        self.answers: list[Answer] = []

    def submit(self, endpoint: str = "batched", **options: Any) -> Item:
        field = options.pop("field", {"text": "a"} if endpoint == "batched" else {})
        item = self.dispatcher.submit(endpoint, json.dumps(field).encode(), self.answers.append, **options)
        assert item is not None
        return item


def test_every_stage_may_ask_and_the_signature_does_not_show_it() -> None:
    client = Client(Curious)
    headers = {"X-User": "ann", "X-Request-Id": "r1", "Modelway-Mirror": "true"}
    assert client.call("batched", {"text": "hi"}, headers=headers) == "hi for ann again"
    assert isinstance(client.handler, Curious)
    assert client.handler.seen[0] == "r1"
    assert [field.name for each in client.signature.endpoints for field in each.inputs] == ["text", "number"]
    assert client.call("alone", {}) == 1
    assert client.call("alone", {"number": 2}, seconds=60) == -2


class ListAlone(Handler):
    @inference
    def endpoint(self, context: list[Context]) -> int:
        return len(context)


class OneForBatch(Handler):
    @inference(max_batch_size=2)
    def endpoint(self, texts: list[str], context: Context) -> list[str]:
        return texts


class Two(Handler):
    @inference
    def endpoint(self, context: Context, other: Context) -> int:
        return 1


@pytest.mark.parametrize(("wrong", "hint"), [(ListAlone, "Context"), (OneForBatch, "list[Context]"), (Two, "Context")])
def test_a_context_of_the_wrong_form_is_refused_with_the_right_one(wrong: type[Handler], hint: str) -> None:
    with pytest.raises(InvalidHandlerError, match="takes one context") as caught:
        bind(wrong)
    assert f"`context: {hint}" in caught.value.hint


def test_what_the_handler_logs_goes_with_its_failure() -> None:
    bench = Bench()
    bench.submit("alone", field={"number": -3})
    bench.lane.settle()
    assert bench.watcher.failed[0].log_fields == {"number": -3}


def test_who_leaves_while_others_are_prepared_is_not_in_the_batch() -> None:
    bench = Bench()
    staying, leaving = bench.submit(field={"text": "stay"}), bench.submit(field={"text": "leave"})
    bench.handler.on_preprocess = lambda: bench.dispatcher.drop("batched", leaving)
    bench.lane.settle()
    assert bench.handler.seen[-1] == "stay"
    assert [answer.status for answer in bench.answers] == [200]
    assert not staying.context.cancelled
    assert leaving.context.cancelled


def test_the_handler_sees_that_the_time_is_over_and_the_caller_gets_no_late_result() -> None:
    bench = Bench()
    item = bench.submit("alone", deadline=time.monotonic() + 0.02)
    assert not item.context.cancelled
    bench.dispatcher.submit("alone", b"{}", bench.answers.append)
    time.sleep(0.03)
    assert item.context.cancelled
    bench.lane.settle()
    assert sorted(answer.status for answer in bench.answers) == [200, 504]
    with pytest.raises(DeadlineExceededError):
        Client(Curious).call("alone", {}, seconds=-1)


def test_work_for_a_caller_who_left_is_counted_as_wasted() -> None:
    bench = Bench()
    items = [bench.submit() for _ in range(4)]

    def meanwhile() -> None:
        time.sleep(0.002)
        bench.dispatcher.drop("batched", items[0])

    bench.handler.on_postprocess = meanwhile
    bench.lane.settle()
    assert len(bench.answers) == 3
    assert 0.001 < bench.watcher.wasted_seconds < 0.1


def test_those_who_left_free_their_place_in_the_queue() -> None:
    bench = Bench()
    for _ in range(5000):
        bench.dispatcher.drop("alone", bench.submit("alone"))
    assert bench.dispatcher.waiting == 0
    bench.submit("alone")
    bench.lane.settle()
    assert [answer.status for answer in bench.answers] == [200]


def test_a_waiting_line_keeps_its_order_through_all_that_happens_to_it() -> None:
    line = WaitingLine()
    items = [Item((number,), print, "", 1.0 + number, ()) for number in range(200)]
    for item in items:
        line.append(item)
    for item in items[::2]:
        assert line.evict(item)
        assert not line.evict(item)
    assert (len(line), line.next_deadline()) == (100, 2.0)
    first = line.take(10)
    assert [item.arguments[0] for item in first] == list(range(1, 20, 2))
    line.put_back(reversed(first[5:]))
    assert [item.arguments[0] for item in line.take(1000)] == list(range(11, 200, 2))
    assert len(line) == 0


def test_workers_take_devices_in_turn_and_see_only_their_own() -> None:
    assert [device_of(("cuda:0", "cuda:1"), worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert seen_by_worker("cpu", {}) == ("cpu", {})
    assert seen_by_worker("cuda", {}) == ("cuda", {})
    assert seen_by_worker("cuda:1", {}) == ("cuda", {"CUDA_VISIBLE_DEVICES": "1"})
    assert seen_by_worker("cuda:1", {"CUDA_VISIBLE_DEVICES": "4, 6"}) == ("cuda", {"CUDA_VISIBLE_DEVICES": "6"})


def test_a_client_gives_the_device_and_unloads_at_its_end() -> None:
    said: list[str] = []

    class Loud(Handler):
        def load(self) -> None:
            said.append(f"load on {self.device}")

        def unload(self) -> None:
            said.append("unload")

        @inference
        def say(self) -> list[str]:
            return said

    with Client(Loud, device="cuda") as client:
        assert client.call("say", {}) == ["load on cuda"]
    assert said == ["load on cuda", "unload"]
