"""Calls in a test go through the production path: decode, batch, stages, encode."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway import Handler, InvalidInputError, Shape, inference, postprocess, preprocess
from modelway.errors import HandlerError, ModelwayError, NotFoundError
from modelway.testing import Client, call


@dataclass
class Prediction:
    label: int
    scores: NDArray[np.float32]


class Digits(Handler):
    def load(self) -> None:
        self.weights = np.eye(3, dtype=np.float32)
        self.batches: list[int] = []

    @preprocess
    def scale(self, image: Annotated[NDArray[np.float32], Shape(3)]) -> NDArray[np.float32]:
        if image[0] < 0:
            raise InvalidInputError("image: no negative pixels", hint="they are brightness")
        return (image / 16).astype(np.float32)

    @inference(max_batch_size=4)
    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(batch))
        if (batch > 100).any():
            raise FloatingPointError("too bright")
        return batch @ self.weights

    @postprocess
    def label(self, scores: NDArray[np.float32]) -> Prediction:
        if scores.argmax() == 2:
            raise LookupError("no such label")
        return Prediction(int(scores.argmax()), scores)


def test_a_call_answers_like_the_server() -> None:
    assert call(Digits, "predict", {"image": np.array([0, 16, 0])}) == {"label": 1, "scores": [0, 1, 0]}


def test_requests_that_arrive_together_are_batched_up_to_the_limit() -> None:
    client = Client(Digits)
    answers = client.call_many("predict", [{"image": [16, 0, 0]}] * 10)
    assert [answer["label"] for answer in answers] == [0] * 10
    assert isinstance(client.handler, Digits)
    assert client.handler.batches == [4, 4, 2]


def test_one_bad_item_fails_alone_at_every_stage() -> None:
    with Client(Digits) as client:
        requests = [[16, 0, 0], [-1, 0, 0], [9999, 0, 0], [0, 0, 16], "x", [0, 16, 0]]
        answers = client.call_many("predict", [{"image": image} for image in requests])
    assert [type(answer).__name__ for answer in answers] == [
        *("dict", "InvalidInputError", "HandlerError", "HandlerError", "InvalidInputError", "dict")
    ]
    assert isinstance(answers[2].__cause__, FloatingPointError)
    assert "'label' raised LookupError" in str(answers[3])


def test_errors_are_raised_as_the_server_would_say_them() -> None:
    with pytest.raises(InvalidInputError, match=r"image: expected shape \(3,\), got \(2,\)"):
        call(Digits, "predict", {"image": [1, 2]})
    with pytest.raises(NotFoundError) as caught:
        call(Digits, "predictt", {})
    assert caught.value.hint == "endpoints: predict"
    with pytest.raises(HandlerError) as failed:
        call(Digits, "predict", {"image": [0, 0, 16]})
    assert isinstance(failed.value.__cause__, LookupError)
    assert "no such label" not in failed.value.message  # a caller learns the kind, not the text


def test_files_are_given_and_an_instance_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("hi")

    class Reads(Handler):
        def load(self) -> None:
            self.word = (self.files / "word").read_text()

        @inference
        def say(self) -> str:
            return self.word

    assert call(Reads, "say", {}, files=tmp_path) == "hi"
    ready = Reads()
    ready.word = "there"
    assert call(ready, "say", b"") == "there"


class Shapes(Handler):
    def load(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    @inference(max_batch_size=8)
    def total(self, batch: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
        self.calls.append(batch.shape)
        return batch.sum(axis=1), ["x"] * len(batch)

    @inference(max_batch_size=8)
    def named(self, left: list[int], right: list[int]) -> dict[str, list[int]]:
        return {"sum": [a + b for a, b in zip(left, right, strict=True)], "first": left}

    @inference(max_batch_size=8)
    def short(self, values: list[int]) -> list[int]:
        return values[1:]

    @inference
    def exits(self, values: list[int]) -> list[int]:
        raise SystemExit(3)

    @inference
    def unwritable(self, value: int) -> object:
        return object()

    @inference
    def not_finite(self, value: float) -> NDArray[np.float64]:
        return np.array([np.nan, np.inf, value])


def test_arrays_of_different_shapes_are_batched_by_shape() -> None:
    client = Client(Shapes)
    answers = client.call_many("total", [{"batch": row} for row in ([1, 2], [1, 2, 3], [3, 4])])
    assert answers == [[3, "x"], [6, "x"], [7, "x"]]
    assert isinstance(client.handler, Shapes)
    assert client.handler.calls == [(2, 2), (1, 3)]


def test_several_inputs_and_outputs_are_batched_side_by_side() -> None:
    answers = Client(Shapes).call_many("named", [{"left": 1, "right": 2}, {"left": 3, "right": 4}])
    assert answers == [{"sum": 3, "first": 1}, {"sum": 7, "first": 3}]


@pytest.mark.parametrize(
    ("endpoint", "request_", "message"),
    [
        ("short", {"values": 1}, "returned 0 results for a batch of 1"),
        ("exits", {"values": []}, "raised SystemExit"),
        ("unwritable", {"value": 1}, "a object, cannot be written as JSON"),
    ],
)
def test_what_a_handler_does_wrong_is_said(endpoint: str, request_: dict[str, object], message: str) -> None:
    with pytest.raises(ModelwayError, match=message) as caught:
        call(Shapes, endpoint, request_)
    assert caught.value.http == 500


def test_values_json_has_not_become_null() -> None:
    assert call(Shapes, "not_finite", {"value": 1.5}) == [None, None, 1.5]


def test_a_call_is_quick() -> None:
    client = Client(Digits)
    started = time.perf_counter()
    for _ in range(200):
        client.call("predict", {"image": [1, 0, 0]})
    assert time.perf_counter() - started < 1.0


class Sums(Handler):
    def load(self) -> None:
        self.calls: list[int] = []

    @inference(max_batch_size=32)
    def add(self, numbers: list[int]) -> list[int]:
        self.calls.append(len(numbers))
        if any(number < 0 for number in numbers):
            raise ArithmeticError("negative")
        return numbers


def test_a_batch_with_a_poison_item_is_halved_until_it_is_found() -> None:
    for poison in range(32):
        client = Client(Sums)
        answers = client.call_many("add", [{"numbers": -1 if number == poison else number} for number in range(32)])
        assert isinstance(answers[poison], HandlerError)
        assert [answer for answer in answers if isinstance(answer, int)] == [n for n in range(32) if n != poison]
        assert isinstance(client.handler, Sums)
        assert len(client.handler.calls) == 11


def test_a_batch_of_nothing_but_poison_ends() -> None:
    client = Client(Sums)
    assert all(isinstance(each, HandlerError) for each in client.call_many("add", [{"numbers": -1}] * 32))
    assert isinstance(client.handler, Sums)
    assert len(client.handler.calls) <= 1 + 32 + 5 * 5
