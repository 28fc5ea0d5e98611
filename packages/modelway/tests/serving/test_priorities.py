"""Priorities of requests that wait: who is next, who is passed for how long, who gives way when the queue is full."""

import concurrent.futures
import json
import struct
import time
from math import inf
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway import Handler, inference
from modelway.errors import InvalidRequestError, OverloadedError
from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse
from modelway.serving.answer import Answer
from modelway.serving.batching.pace import MOST_SECONDS, Pace
from modelway.serving.batching.ranks import HIGHEST, PASSED_SECONDS, USUAL, Ranks, read_priority
from modelway.serving.batching.waiting_line import WaitingLine
from modelway.serving.item import Item
from modelway.serving.lane import InlineLane
from modelway.serving.open_inference.priority import request_priority
from modelway.serving.open_inference.tensors import InferJson
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import bind


def item(name: str = "") -> Item:
    return Item((name,), print, name, inf, ())


arrivals = st.lists(st.tuples(st.integers(0, HIGHEST), st.floats(0, 3)), max_size=40)


@given(arrivals)
def test_higher_first_oldest_first_and_nobody_is_passed_for_ever(given_arrivals: list[tuple[int, float]]) -> None:
    now = 0.0
    ranks = Ranks(lambda: now)
    came: dict[Item, tuple[int, float]] = {}
    for priority, later in given_arrivals:
        now += later
        each = item()
        came[each] = (priority, now)
        ranks.append(each, priority)
    order = [ranks.pop() for _ in range(len(ranks))]
    assert len(order) == len(given_arrivals)
    for position, first in enumerate(order):
        for second in order[position + 1 :]:
            (high, high_came), (low, low_came) = came[first], came[second]
            if high == low:
                assert high_came <= low_came
            elif high > low:  # it passed: but not by more than its levels allow
                assert high_came - low_came <= (high - low) * PASSED_SECONDS
            else:  # it did not pass: because it came too late for that
                assert low_came - high_came >= (low - high) * PASSED_SECONDS - 1e-9


@given(st.lists(st.sampled_from(["usual", "high", "low", "take", "back", "evict", "displace"]), max_size=60))
def test_nobody_is_lost_or_served_twice(acts: list[str]) -> None:
    line = WaitingLine()
    waiting: list[Item] = []
    taken: list[Item] = []
    gone: list[Item] = []
    for act in acts:
        if act in {"usual", "high", "low"}:
            each = item()
            waiting.append(each)
            if act == "usual":
                line.append(each)
            else:
                line.append_ranked(each, 9 if act == "high" else 0)
        elif act == "take":
            taken = line.take(3)
            assert all(each in waiting for each in taken)
            waiting = [each for each in waiting if each not in taken]
        elif act == "back" and taken:
            waiting += taken[1:]
            line.put_back(reversed(taken[1:]))
            taken = []
        elif act == "evict" and waiting:
            gone.append(waiting.pop(len(waiting) // 2))
            assert line.evict(gone[-1])
        elif act == "displace" and waiting:
            gone.append(line.evict_lowest())
            waiting.remove(gone[-1])
        assert len(line) == len(waiting)
    rest: list[Item] = []
    while some := line.take(5):
        rest += some
    assert set(rest) == set(waiting)
    assert len(rest) == len(waiting)


class Recorder(Handler):
    def load(self) -> None:
        self.order: list[str] = []

    @inference(max_batch_size=1)
    def run(self, names: list[str]) -> list[str]:
        self.order += names
        return names

    @inference
    def one(self, name: str) -> str:
        self.order.append(name)
        time.sleep(0.2 if name.startswith("slow") else 0)
        return name


class Bench:
    def __init__(self, queue_size: int = 100) -> None:
        self.handler = Recorder()
        self.handler.load()
        self.lane = InlineLane()
        self.dispatcher = Dispatcher(self.handler, bind(Recorder), self.lane, queue_size=queue_size)
        self.answers: dict[str, Answer] = {}

    def submit(self, name: str, priority: int = USUAL, endpoint: str = "run") -> Any:
        body = json.dumps({"names" if endpoint == "run" else "name": name}).encode()
        return self.dispatcher.submit(
            endpoint, body, lambda answer: self.answers.update({name: answer}), priority=priority
        )


def test_the_model_takes_higher_priorities_first() -> None:
    bench = Bench()
    for name, priority in (("a", 4), ("low", 0), ("b", 4), ("high", 9), ("c", 4)):
        bench.submit(name, priority)
    bench.lane.settle()
    assert bench.handler.order == ["high", "a", "b", "c", "low"]
    bench.submit("later")  # and the line is a plain one again
    bench.lane.settle()
    assert bench.handler.order[-1] == "later"


def test_a_full_queue_makes_room_for_a_higher_priority_by_the_newest_of_the_lowest() -> None:
    bench = Bench(queue_size=3)
    for name, priority, endpoint in (("a", 4, "run"), ("old", 2, "one"), ("new", 2, "one")):
        bench.submit(name, priority, endpoint)
    assert bench.submit("same", 2) is None
    assert bench.submit("b") is not None
    assert bench.answers["new"].status == bench.answers["same"].status == 503
    assert bench.submit("high", 9) is not None
    assert bench.answers["old"].status == 503
    assert bench.submit("c") is None
    assert bench.submit("higher", 9) is not None  # in the place of b, which is a usual one
    assert bench.dispatcher.waiting == 3
    bench.lane.settle()
    assert sorted(bench.handler.order) == ["a", "high", "higher"]
    assert {name: each.status for name, each in bench.answers.items()} == {
        **dict.fromkeys(("new", "same", "old", "b", "c"), 503),
        **dict.fromkeys(("a", "high", "higher"), 200),
    }


def test_what_is_wrong_displaces_nobody() -> None:
    bench = Bench(queue_size=1)
    bench.submit("a", 0)
    bench.dispatcher.submit("run", b"{", lambda answer: bench.answers.update(bad=answer), priority=9)
    assert (bench.answers["bad"].status, bench.dispatcher.waiting) == (400, 1)


@pytest.mark.parametrize("wrong", [b"", b"10", b"-1", b"x", b"\xb2", b"4 4"])
def test_a_priority_that_is_none_is_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="0 to 9"):
        read_priority(wrong)


def test_tritons_parameter_counts_the_other_way_round_and_ours_goes_first() -> None:
    def of(value: Any, *headers: tuple[bytes, bytes]) -> int:
        return request_priority(InferJson(inputs=[], parameters={"priority": value}), headers)

    assert [of(each) for each in (0, 1, 2, 9, 10, 11, 10**30, "3")] == [4, 9, 8, 1, 0, 0, 0, 7]
    assert of(1, (b"modelway-priority", b"2"), (b"modelway-priority", b" 3 ")) == 3
    for wrong in (-1, True, 1.5, "x", None):
        with pytest.raises(InvalidRequestError, match="priority"):
            of(wrong)


def test_retry_after_follows_what_the_model_takes() -> None:
    pace = Pace()
    assert pace.retry_after(1000) == 1  # nothing is known yet
    for _ in range(20):
        pace.observe(0.4, 20)
    assert 0.019 < pace.seconds < 0.0201
    assert (pace.retry_after(10), pace.retry_after(1000), pace.retry_after(10**6)) == (1, 20, MOST_SECONDS)
    for _ in range(60):
        pace.observe(0.04, 20)
    assert pace.retry_after(1000) in {2, 3}


def test_priorities_over_rest_the_protocol_and_grpc(shared: Any) -> None:
    """Each answer says as how many-th it was run."""

    def rest(priority: str) -> int:
        status, answer, _ = shared.ask("POST", "/wait", {"seconds": 0.01}, {"Modelway-Priority": priority})
        assert status == 200
        return answer

    def infer(priority: int) -> int:
        body = {
            "inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [0.01]}],
            "parameters": {"endpoint": "wait", "priority": priority},
        }
        status, answer, _ = shared.ask("POST", "/v2/models/adder/infer", body)
        assert status == 200, answer
        return answer["outputs"][0]["data"][0]

    def rpc(priority: str) -> int:
        message = ModelInferRequest(model_name="adder")
        message.parameters["endpoint"].string_param = "wait"
        message.inputs.add(name="seconds", datatype="FP64", shape=[1])
        message.raw_input_contents.append(struct.pack("<d", 0.01))
        port = int(next(each for each in shared.log.splitlines() if each.startswith("  gRPC")).rpartition(":")[2])
        opened: Any = grpc.insecure_channel(f"127.0.0.1:{port}")
        with opened as channel:
            call: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            metadata = (("modelway-priority", priority),)
            raw = call(message.SerializeToString(), metadata=metadata, timeout=20, wait_for_ready=True)
        return struct.unpack("<q", ModelInferResponse.FromString(raw).raw_output_contents[0])[0]

    asks = [(rest, "0"), (rest, "4"), (infer, 10), (infer, 0), (rpc, "0"), (rest, "9"), (infer, 1), (rpc, "9")]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        blocker = pool.submit(shared.ask, "POST", "/wait", {"seconds": 1.0})
        time.sleep(0.1)
        results = [pool.submit(ask, priority) for ask, priority in asks]  # type: ignore[arg-type]
        assert blocker.result()[0] == 200
        numbers = [each.result() for each in results]
    low, usual, high = ([numbers[each] for each in which] for which in ((0, 2, 4), (1, 3), (5, 6, 7)))
    assert max(high) < min(usual)
    assert max(usual) < min(low)


def test_a_priority_that_is_none_is_a_400(shared: Any) -> None:
    status, answer, _ = shared.ask("POST", "/add", {"rows": [1]}, {"Modelway-Priority": "12"})
    assert (status, answer["error"]["code"]) == (400, "invalid_request")


def test_a_full_queue_says_how_long_it_will_be() -> None:
    bench = Bench(queue_size=8)
    for name in ("slow1", "slow2"):
        bench.submit(name, endpoint="one")
    bench.lane.settle()
    for number in range(9):
        bench.submit(f"n{number}")
    error = bench.answers["n8"].error
    assert isinstance(error, OverloadedError)
    assert 2 <= error.retry_after <= 30  # eight times a fifth of a second; more on a busy machine
