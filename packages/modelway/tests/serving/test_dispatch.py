"""Waiting, batching, fairness and refusal, decided without a thread or a socket."""

import json
import os
import time
from typing import Any

import pytest

from modelway import Handler, inference
from modelway.serving.answer import Answer
from modelway.serving.batching.hold import Closed
from modelway.serving.board import Board, WorkerState, create_board_file
from modelway.serving.counting.metrics import Metrics
from modelway.serving.events import MAX_PER_SECOND, Events
from modelway.serving.lane import InlineLane
from modelway.serving.settings import Identity
from modelway.serving.stage_clock import Batch, StageTimes
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind


class Recorder(Handler):
    """Writes down in which order it was asked."""

    def load(self) -> None:
        self.order: list[str] = []

    @inference(max_batch_size=2)
    def many(self, names: list[str]) -> list[str]:
        self.order.append("+".join(names))
        return names

    @inference
    def one(self, name: str) -> str:
        self.order.append(name)
        time.sleep(0.003 if name.startswith("slow") else 0)
        return name


class Bench:
    """A dispatcher with everything around it in one thread."""

    def __init__(self, queue_size: int = 100) -> None:
        self.handler = Recorder()
        self.handler.load()
        self.lane = InlineLane()
        self.dispatcher = Dispatcher(self.handler, bind(Recorder), self.lane, queue_size=queue_size)
        self.answers: dict[str, Answer] = {}

    def submit(self, endpoint: str, name: str, **options: Any) -> Any:
        field = "names" if endpoint == "many" else "name"
        body = json.dumps({field: name}).encode()
        return self.dispatcher.submit(endpoint, body, lambda answer: self.answers.update({name: answer}), **options)


def test_what_waits_goes_together_up_to_the_limit_and_endpoints_take_turns() -> None:
    bench = Bench()
    for name in "abc":
        bench.submit("many", name)
    for name in "xy":
        bench.submit("one", name)
    assert bench.dispatcher.waiting == 5
    bench.lane.settle()
    assert bench.handler.order[:2] == ["a+b", "x"]
    assert sorted(bench.handler.order[2:]) == ["c", "y"]  # a slow machine gives "c" its turn before "y"
    assert bench.dispatcher.waiting == 0
    assert {name: answer.body for name, answer in bench.answers.items()} == {
        name: f'"{name}"'.encode() for name in "abcxy"
    }


def test_slow_single_calls_give_their_results_back_one_by_one_and_in_order() -> None:
    bench = Bench()
    for number in range(4):
        bench.submit("one", f"slow{number}")
    bench.submit("many", "a")
    bench.lane.settle()
    assert bench.handler.order == ["a", "slow0", "slow1", "slow2", "slow3"]
    assert len(bench.answers) == 5


def test_a_dropped_request_is_neither_run_nor_answered() -> None:
    bench = Bench()
    bench.submit("many", "a")
    bench.dispatcher.drop("many", bench.submit("many", "b"))
    bench.submit("many", "c")
    bench.lane.settle()
    assert bench.handler.order == ["a+c"]
    assert sorted(bench.answers) == ["a", "c"]


def test_a_full_queue_refuses_at_once() -> None:
    bench = Bench(queue_size=2)
    items = [bench.submit("many", name) for name in "abc"]
    assert items[2] is None
    assert bench.answers["c"].status == 503
    assert json.loads(bench.answers["c"].body)["error"]["code"] == "overloaded"
    bench.lane.settle()
    assert [bench.answers[name].status for name in "abc"] == [200, 200, 503]


def test_a_deadline_that_passed_while_waiting_is_answered_without_inference() -> None:
    bench = Bench()
    bench.submit("many", "late", deadline=time.monotonic() - 1, request_id="r7")
    bench.submit("many", "fine", deadline=time.monotonic() + 60)
    bench.lane.settle()
    assert bench.handler.order == ["fine"]
    assert bench.answers["late"].status == 504
    assert json.loads(bench.answers["late"].body)["error"]["request_id"] == "r7"


def test_a_flood_of_events_is_counted_not_written() -> None:
    lines: list[str] = []
    events = Events(lines.append, worker=0)
    for number in range(MAX_PER_SECOND * 10):
        events.emit("handler_failed", number=number)
    assert len(lines) <= MAX_PER_SECOND * 2
    assert json.loads(lines[0])["worker"] == 0


def test_the_board_is_shared_and_the_supervisor_decides_readiness() -> None:

    fd = create_board_file(2)
    first, second = Board(fd, 2), Board(fd, 2)
    try:
        first.set_state(0, WorkerState.READY)
        assert (second.ready_workers, second.is_ready) == (1, False)
        second.set_state(1, WorkerState.READY)
        assert first.is_ready
        metrics = [Metrics(board, index, Identity(model="m"), ["e"]) for index, board in enumerate((first, second))]
        for each in metrics:
            each.endpoints["e"].request_done(200, 0.003)
            each.endpoints["e"].batch_done(
                Batch(4, 0.002, Closed.FULL, StageTimes((0.1, 0.2), (), (0.002,), ()), 0.001)
            )
            each.count_gathered()
        text = metrics[0].text().decode()
        labels = 'project="",model="m",version="",endpoint="e"'
        assert f'modelway_requests_total{{{labels},code="200"}} 2' in text
        assert f'modelway_request_duration_seconds_bucket{{{labels},le="0.0025"}} 0' in text
        assert f'modelway_request_duration_seconds_bucket{{{labels},le="0.005"}} 2' in text
        assert f"modelway_batch_size_sum{{{labels}}} 8" in text
        assert f'modelway_batches_total{{{labels},closed="full"}} 2' in text
        first.start_draining()
        assert not second.is_ready
        del metrics
    finally:
        first.close()
        second.close()
        os.close(fd)


def test_too_many_endpoints_for_the_board_are_refused() -> None:
    fd = create_board_file(1)
    board = Board(fd, 1)
    with pytest.raises(Exception, match="too many"):
        Metrics(board, 0, Identity(), [f"e{number}" for number in range(200)])
    board.close()

    os.close(fd)
