"""Batches that fail: who is at fault, in how many runs, and when nobody looks any further."""

import asyncio
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway import Handler, InvalidInputError, ModelwayError, inference
from modelway.serving.batching.singling_out import LOST_IN_A_ROW, Search
from modelway.serving.stages.stages import SINGLED_OUT
from modelway.testing import Client

batches = st.integers(2, 200).flatmap(
    lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1), max_size=size))
)


def searched(size: int, bad: set[int], *, broken: bool = False) -> tuple[Search[int], int]:
    search = Search(range(size), broken=broken)
    runs = 1  # the one that failed
    while part := search.next_part(lambda _: True):
        runs += 1
        if bad & set(part):
            search.failed(ValueError(str(part)))
        else:
            search.passed()
    return search, runs


@given(batches)
def test_exactly_the_bad_ones_are_found_within_the_bound(batch: tuple[int, set[int]]) -> None:
    size, bad = batch
    bad = bad or {size - 1}
    search, runs = searched(size, bad)
    assert {item for item, _ in search.at_fault} == bad
    assert search.saved == size - len(bad)
    assert not search.given_up
    depth = ceil(log2(size))
    assert runs <= 1 + (2 * len(bad) * depth if len(bad) <= 2 else size + 5 * depth)


@given(batches)
def test_of_a_broken_model_only_samples_are_run_unless_one_is_good(batch: tuple[int, set[int]]) -> None:
    size, bad = batch
    everything = set(range(size))
    search, runs = searched(size, everything, broken=True)
    assert runs <= 2 + ceil(log2(size))
    assert len(search.at_fault) + len(search.given_up) == size
    search, runs = searched(size, bad or {0}, broken=True)
    good_sample = search.saved > 0
    assert {item for item, _ in search.at_fault} | set(search.given_up) >= (bad or {0}) if good_sample else True
    if good_sample:
        assert {item for item, _ in search.at_fault} == (bad or {0})
        assert not search.given_up


def test_who_left_meanwhile_is_not_run_again() -> None:
    search: Search[int] = Search(range(8))
    seen: list[int] = []
    while part := search.next_part(lambda item: item % 2 == 0):
        seen += part
        search.passed()
    assert sorted(seen) == [0, 2, 4, 6]


class Picky(Handler):
    def load(self) -> None:
        self.calls: list[int] = []
        self.broken = False

    @inference(max_batch_size=32)
    def check(self, values: list[int]) -> list[int]:
        self.calls.append(len(values))
        if self.broken or any(value < 0 for value in values):
            raise ArithmeticError("secret")
        if any(value == 1000 for value in values):
            raise InvalidInputError("1000 is too much")
        return values


class AsyncPicky(Picky):
    @inference(max_batch_size=32)
    async def check(self, values: list[int]) -> list[int]:  # pyright: ignore[reportIncompatibleMethodOverride]
        await asyncio.sleep(0)
        return super().check(values)


Ask = Any


@pytest.fixture(params=[Picky, AsyncPicky])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(request.param)


def ask(client: Client, values: list[int]) -> list[Any]:
    return client.call_many("check", [{"values": each} for each in values])


def test_one_of_32_fails_alone_in_eleven_calls_and_its_error_says_so(client: Client) -> None:
    answers = ask(client, [*range(1, 20), -1, *range(20, 32)])
    assert len([each for each in answers if isinstance(each, int)]) == 31
    failure = answers[19]
    assert isinstance(failure, ModelwayError)
    assert (failure.error_code, failure.details) == ("handler_failed", (SINGLED_OUT,))
    assert "secret" not in failure.message
    assert len(client.handler.calls) <= 11  # type: ignore[attr-defined]


def test_several_bad_ones_fail_and_the_others_do_not(client: Client) -> None:
    values = [-each if each % 5 == 0 else each for each in range(1, 33)]
    answers = ask(client, values)
    assert [isinstance(each, int) for each in answers] == [each > 0 for each in values]
    assert len(client.handler.calls) <= 1 + 32 + 25  # type: ignore[attr-defined]


def test_what_the_handler_refuses_itself_is_nobodys_poison(client: Client) -> None:
    answers = ask(client, [1, 1000, 2])
    assert answers[0] == 1
    assert isinstance(answers[1], InvalidInputError)
    assert not answers[1].details


def test_a_broken_model_is_not_searched_for_ever_and_a_mended_one_is_again(client: Client) -> None:
    handler: Any = client.handler
    handler.broken = True
    for _ in range(LOST_IN_A_ROW):
        ask(client, [1] * 32)
    handler.calls.clear()
    for _ in range(5):
        answers = ask(client, [1] * 32)
        assert all(isinstance(each, ModelwayError) and not each.details for each in answers)
    assert len(handler.calls) <= 5 * 7
    handler.broken = False
    answers = ask(client, [1] * 10 + [-1] + [1] * 21)
    assert len([each for each in answers if isinstance(each, int)]) == 31
