"""Every way through the stages tells how long each took."""

import os
import re
import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest

from modelway import Handler, Pipeline, Step, inference, postprocess, preprocess
from modelway.errors import ModelwayError
from modelway.serving.answer import Answer
from modelway.serving.batching.hold import Closed
from modelway.serving.board import Board, create_board_file
from modelway.serving.counting.metrics import Metrics
from modelway.serving.item import Item
from modelway.serving.lane import InlineLane
from modelway.serving.loading import LoadedHandler
from modelway.serving.settings import Identity
from modelway.serving.stage_clock import Batch, StageTimes
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind

PREPARE, INFER, FINISH = 0.004, 0.02, 0.002


class Stages(Handler):
    """Each stage sleeps for a time of its own."""

    @inference(max_batch_size=8)
    def batched(self, numbers: list[int]) -> list[int]:
        if -1 in numbers:
            raise ValueError
        time.sleep(INFER)
        return numbers

    @inference
    def alone(self, number: int) -> int:
        time.sleep(INFER)
        return number

    @inference
    def plain(self, number: int) -> int:
        time.sleep(INFER)
        return number

    @inference
    async def waits(self, number: int) -> int:
        time.sleep(INFER)  # noqa: ASYNC251 - so that each stage takes its own time
        return number

    @inference
    def pieces(self, number: int) -> Iterator[int]:
        for piece in range(number):
            time.sleep(INFER / number)
            yield piece

    @inference
    async def waiting_pieces(self, number: int) -> AsyncIterator[int]:
        for piece in range(number):
            time.sleep(INFER / number)  # noqa: ASYNC251 - as above
            yield piece

    @preprocess("batched", "alone", "waits", "pieces", "waiting_pieces")
    def prepare(self, number: int) -> int:
        time.sleep(PREPARE)
        if number == 13:
            raise ValueError
        return number

    @postprocess("batched", "alone", "waits", "pieces", "waiting_pieces")
    def finish(self, number: int) -> int:
        time.sleep(FINISH)
        return number


class Listener:
    """Observes a dispatcher."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        self.batches.append(batch)

    def wasted(self, endpoint: str, seconds: float) -> None: ...

    def skipped(self, endpoint: str, why: Any) -> None: ...

    def handler_failed(self, endpoint: str, item: Item, error: ModelwayError) -> None: ...


def run(name: str, *numbers: int) -> list[Batch]:
    lane, listener = InlineLane(), Listener()
    dispatcher = Dispatcher(Stages(), bind(Stages), lane, observer=listener)
    answers: list[Answer] = []
    for number in numbers:
        dispatcher.submit(name, b'{"number":%d}' % number, answers.append)
    lane.settle()
    assert len(answers) == len(numbers)
    return listener.batches


def times_of(name: str, *numbers: int) -> StageTimes:
    batches = run(name, *numbers)
    assert len(batches) == 1
    return batches[0].times


@pytest.mark.parametrize("name", ["alone", "waits", "pieces", "waiting_pieces"])
def test_each_stage_has_its_own_time(name: str) -> None:
    began = time.perf_counter()
    (batch,) = run(name, 2)
    elapsed = time.perf_counter() - began
    times = batch.times
    pieces = 2 if "pieces" in name else 1
    assert [len(each) for each in times] == [1, 1, 1, 1]
    assert times.preprocess[0] >= PREPARE
    assert times.inference[0] >= INFER
    assert times.postprocess[0] >= FINISH * pieces
    assert times.queue[0] > 0
    assert batch.encode > 0
    # What one stage took counts in no other.
    assert sum(each[0] for each in times) + batch.encode <= elapsed


def test_a_batch_has_one_time_per_stage_and_a_queue_time_per_request() -> None:
    times = times_of("batched", 1, 2, 3)
    assert [len(each) for each in times] == [3, 1, 1, 1]
    assert times.preprocess[0] >= 3 * PREPARE
    assert INFER <= times.inference[0] < 3 * INFER
    assert times.postprocess[0] >= 3 * FINISH


def test_one_by_one_each_has_its_own_times_and_waits_for_those_before() -> None:
    first, second = run("plain", 1, 2)
    for batch in (first, second):
        assert [len(each) for each in batch.times] == [1, 0, 1, 0]
        assert batch.times.inference[0] >= INFER
    assert second.times.queue[0] >= first.times.inference[0]


def test_what_a_failure_kept_from_running_has_no_time() -> None:
    for name in ("alone", "waits", "batched", "pieces", "waiting_pieces"):
        assert [len(each) for each in times_of(name, 13)] == [1, 1, 0, 0], name


def test_halves_of_a_failed_batch_count_as_inference() -> None:
    times = times_of("batched", 1, -1)
    assert times.inference[0] >= INFER
    assert len(times.inference) == 1


@pytest.fixture
def board() -> Generator[Board]:
    fd = create_board_file(1)
    made = Board(fd, 1)
    yield made
    made.close()
    os.close(fd)


def counts(text: str, series: str) -> dict[str, float]:
    found = re.findall(rf'^{series}\{{.*stage="(\w+)"\}} ([\d.e-]+)$', text, re.MULTILINE)
    return {stage: float(value) for stage, value in found}


def test_histograms_per_endpoint_and_stage(board: Board) -> None:
    metrics = Metrics(board, 0, Identity(), ["batched", "plain"])
    for batch in [*run("batched", 1, 2, 3), *run("batched", 4)]:
        metrics.endpoints["batched"].batch_done(batch)
    times = StageTimes([0.0001, 0.3, 0.0007], (), [0.2, 0.2, 0.2], ())
    metrics.endpoints["plain"].batch_done(Batch(3, 0.6, Closed.FULL, times, 1e-6))
    text = metrics.text().decode()
    batched = "\n".join(line for line in text.splitlines() if 'endpoint="batched"' in line)
    assert counts(batched, "modelway_stage_duration_seconds_count") == {
        "queue": 4,
        "preprocess": 2,
        "inference": 2,
        "postprocess": 2,
        "encode": 2,
    }
    sums = counts(batched, "modelway_stage_duration_seconds_sum")
    assert sums["preprocess"] >= 4 * PREPARE
    assert sums["inference"] >= 2 * INFER
    plain = "\n".join(line for line in text.splitlines() if 'endpoint="plain"' in line)
    buckets = re.findall(r'_stage_duration_seconds_bucket\{.*stage="queue",le="([^"]+)"\} (\d+)', plain)
    assert dict(buckets)["0.0001"] == "1"
    assert dict(buckets)["0.001"] == "2"
    assert dict(buckets)["+Inf"] == "3"
    assert counts(plain, "modelway_stage_duration_seconds_sum")["queue"] == pytest.approx(0.3008)


class Both(Pipeline):
    """Calls a step."""

    twice = Step(Stages, endpoint="batched")

    @inference
    async def ask(self, number: int) -> int:
        return await self.twice(number)


def test_steps_of_a_pipeline_have_stages_of_their_own(board: Board, tmp_path: Any) -> None:
    loaded = LoadedHandler(Both(), tmp_path, "cpu")
    metrics = Metrics(board, 0, Identity(), ["ask"], ["twice"])
    assert loaded.calls is not None
    loaded.calls.observer = metrics.steps
    lane = InlineLane()
    answers: list[Answer] = []
    Dispatcher(loaded.handler, bind(Both), lane).submit("ask", b'{"number":4}', answers.append)
    lane.settle()
    assert answers[0].body == b"4"
    text = metrics.text().decode()
    assert counts(text, "modelway_step_stage_duration_seconds_count") == {
        "queue": 1,
        "preprocess": 1,
        "inference": 1,
        "postprocess": 1,
        "encode": 1,
    }
    assert counts(text, "modelway_step_stage_duration_seconds_sum")["inference"] >= INFER
