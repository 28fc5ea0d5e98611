"""`max_batch_cost`: batches filled by what their items cost."""

import base64
from typing import Any

import pytest

from modelway import Handler, InvalidInputError, ModelwayError, cost, inference, preprocess
from modelway.errors import InvalidHandlerError
from modelway.signature import Signature, bind, signature_of
from modelway.testing import Client


class Tokens(Handler):
    def load(self) -> None:
        self.batches: list[list[int]] = []
        self.prepared: list[str] = []

    @preprocess
    def split(self, text: str) -> list[str]:
        self.prepared.append(text)
        return text.split()

    @cost
    def count(self, words: list[str]) -> int:
        if words == ["raise"]:
            raise RuntimeError("secret")
        return -1 if words == ["negative"] else len(words)

    @inference(max_batch_cost=10)
    def echo(self, texts: list[list[str]]) -> list[int]:
        self.batches.append([len(each) for each in texts])
        return [len(each) for each in texts]


def ask(client: Client, *lengths: int) -> list[Any]:
    return client.call_many("echo", [{"text": "w " * each} for each in lengths])


def test_a_batch_costs_no_more_than_it_may_and_everybody_is_prepared_once() -> None:
    client = Client(Tokens)
    assert ask(client, 4, 4, 4, 9, 1, 1, 0, 10) == [4, 4, 4, 9, 1, 1, 0, 10]
    handler: Any = client.handler
    assert handler.batches == [[4, 4], [4], [9, 1], [1, 0], [10]]
    assert len(handler.prepared) == 8


def test_what_costs_more_than_a_batch_may_is_refused_and_fails_alone() -> None:
    answers = ask(Client(Tokens), 4, 11, 4)
    assert answers[::2] == [4, 4]
    assert isinstance(answers[1], InvalidInputError)
    assert str(answers[1]) == "this input costs 11 (count), more than the 10 that fit into one batch"


def test_a_cost_that_is_none_is_the_models_failure() -> None:
    answers = Client(Tokens).call_many("echo", [{"text": each} for each in ("a b", "raise", "negative", "c")])
    assert [answers[0], answers[3]] == [2, 1]
    for each, words in ((answers[1], "'count' raised RuntimeError"), (answers[2], "instead of a cost")):
        assert isinstance(each, ModelwayError)
        assert (each.error_code, words in each.message) == ("handler_failed", True)
        assert "secret" not in each.message


class WithoutPreprocess(Handler):
    def load(self) -> None:
        self.batches: list[int] = []

    @cost("sizes")
    def size(self, data: bytes) -> float:
        return len(data) / 2

    @inference(max_batch_size=3, max_batch_cost=4)
    def sizes(self, data: list[bytes]) -> list[int]:
        self.batches.append(len(data))
        return [len(each) for each in data]

    @inference(max_batch_size=2)
    def other(self, numbers: list[int]) -> list[int]:
        return numbers


def test_the_number_of_items_counts_as_well() -> None:
    client = Client(WithoutPreprocess)
    lengths = [1, 1, 1, 1, 8, 1]
    bodies = [{"data": base64.b64encode(b"x" * each).decode()} for each in lengths]
    assert client.call_many("sizes", bodies) == lengths
    handler: Any = client.handler
    assert handler.batches == [3, 1, 1, 1]


def test_the_signature_tells_it_and_others_are_as_they_were() -> None:
    values = signature_of(WithoutPreprocess).to_json()
    assert [each.get("max_batch_cost", "absent") for each in values["endpoints"]] == [4, "absent"]
    assert Signature.from_json(values) == signature_of(WithoutPreprocess)


def test_handlers_that_make_no_sense_are_refused() -> None:
    class NoCost(Handler):
        @inference(max_batch_cost=3)
        def run(self, values: list[int]) -> list[int]:
            return values

    class NoLimit(Handler):
        @cost
        def size(self, value: int) -> int:
            return value

        @inference(max_batch_size=3)
        def run(self, values: list[int]) -> list[int]:
            return values

    class Other(Handler):
        @cost
        def size(self, value: int, more: int) -> int:
            return value + more

        @inference(max_batch_cost=3)
        def run(self, values: list[int]) -> list[int]:
            return values

    class Async(Handler):
        @cost
        def size(self, value: int) -> int:
            return value

        @inference(max_batch_cost=3)
        async def run(self, values: list[int]) -> list[int]:
            return values

    for handler, words in (
        (NoCost, "nothing says what an item costs"),
        (NoLimit, "no endpoint has a limit"),
        (Other, "1 values"),
        (Async, "without `async def`"),
    ):
        with pytest.raises(InvalidHandlerError, match=words):
            bind(handler)
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="max_batch_cost"):
            inference(max_batch_cost=wrong)
