"""Calls of steps through the path that serves them: batches over requests, conditions, failures, deadlines."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway import Context, Handler, Pipeline, Shape, Step, StepError, inference, postprocess, preprocess, together
from modelway.errors import (
    DeadlineExceededError,
    HandlerError,
    InvalidInputError,
    InvalidRequestError,
    ModelwayError,
)
from modelway.testing import Client, call


class Doubler(Handler):
    loads = 0

    def load(self) -> None:
        type(self).loads += 1
        self.batches: list[list[int]] = []
        self.seen: list[str] = []
        self.unloaded = False

    @inference(max_batch_size=8)
    def double(self, numbers: list[int], contexts: list[Context]) -> list[int]:
        self.batches.append(numbers)
        self.seen += [f"{each.request_id} {each.headers.get('x-user', '')}" for each in contexts]
        if 13 in numbers:
            raise ArithmeticError("secret: thirteen")
        return [2 * each for each in numbers]

    def unload(self) -> None:
        self.unloaded = True


class Namer(Handler):
    @preprocess
    def before(self, number: int, prefix: str = "n") -> tuple[int, str]:
        if number < 0:
            raise InvalidInputError("number: must not be negative")
        return number, prefix

    @inference
    async def name(self, number: int, prefix: str) -> str:
        await asyncio.sleep(0)
        return f"{prefix}{number}"

    @postprocess
    def after(self, text: str) -> str:
        return text.upper()


class Numbers(Pipeline):
    double = Step(Doubler)
    again = Step(Doubler)
    name = Step(Namer)

    @inference
    async def every(self, numbers: list[int]) -> list[int]:
        return await together(self.double(number) for number in numbers)

    @inference
    async def chain(self, number: int) -> str:
        doubled = await self.double(number)
        doubled = await self.again(doubled) if doubled < 100 else doubled
        return await self.name(number=doubled, prefix="x")

    @inference
    async def tolerant(self, number: int) -> list[Any]:
        try:
            return [await self.double(number)]
        except StepError as error:
            return [error.error_code, str(error.__cause__)]

    @inference
    async def wrong(self, what: str) -> Any:
        values: dict[str, Any] = {"surplus": {"number": 1, "more": 2}, "text": {"number": "two"}, "none": {}}
        return await self.double(**values[what])

    @inference
    async def words(self, count: int) -> Any:
        for number in range(count):
            yield await self.name(number)


def test_fan_out_of_several_requests_goes_to_the_model_together() -> None:
    doubler = Doubler()
    with Client(Numbers, steps={"double": doubler}) as client:
        answers = client.call_many("every", [{"numbers": [1, 2, 3]}, {"numbers": [4, 5]}])
    assert answers == [[2, 4, 6], [8, 10]]
    assert doubler.batches == [[1, 2, 3, 4, 5]]
    assert doubler.unloaded


def test_a_fan_out_may_be_longer_than_the_queue_of_requests() -> None:
    assert call(Numbers, "every", {"numbers": [1] * 3000}) == [2] * 3000


def test_steps_of_one_handler_and_folder_share_an_instance() -> None:
    before = Doubler.loads
    assert call(Numbers, "chain", {"number": 3}) == "X12"
    assert call(Numbers, "chain", {"number": 60}) == "X120"
    assert Doubler.loads == before + 2


def test_a_step_knows_the_request_it_works_for() -> None:
    doubler = Doubler()
    with Client(Numbers, steps={"double": doubler}) as client:
        client.call("every", {"numbers": [1]}, headers={"X-Request-Id": "r7", "X-User": "ada"})
    assert doubler.seen == ["r7 ada"]


def test_a_failing_step_is_named_and_the_cause_stays_here() -> None:
    with pytest.raises(StepError, match="step 'double': double: the model's 'double' raised ArithmeticError") as caught:
        call(Numbers, "every", {"numbers": [1, 13]})
    assert (caught.value.error_code, caught.value.http) == ("step_failed", 500)
    assert caught.value.details == ({"step": "double", "code": "handler_failed"}, {"singledOut": True})
    assert str(caught.value.__cause__) == "secret: thirteen"
    assert "secret" not in str(caught.value.as_json())


def test_only_the_requests_of_the_bad_item_fail() -> None:
    with Client(Numbers) as client:
        good, bad = client.call_many("every", [{"numbers": [1, 2]}, {"numbers": [13]}])
    assert good == [2, 4]
    assert isinstance(bad, StepError)


def test_a_pipeline_may_go_on_without_a_step() -> None:
    assert call(Numbers, "tolerant", {"number": 13}) == ["step_failed", "secret: thirteen"]


def test_a_step_that_refuses_its_input_says_so_to_the_caller() -> None:
    with pytest.raises(InvalidInputError, match="step 'name': number: must not be negative"):
        call(Numbers, "chain", {"number": -4})


@pytest.mark.parametrize("what", ["surplus", "text", "none"])
def test_values_no_step_takes_are_the_pipelines_mistake(what: str) -> None:
    with pytest.raises((StepError, InvalidInputError), match="step 'double'"):
        call(Numbers, "wrong", {"what": what})


def test_an_endpoint_may_stream() -> None:
    assert call(Numbers, "words", {"count": 3}) == ["N0", "N1", "N2"]


class Slow(Handler):
    def load(self) -> None:
        self.begun = self.cancelled = 0

    @inference(max_concurrency=8)
    async def rest(self, seconds: float) -> float:
        self.begun += 1
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if seconds == 0:
            raise ValueError(seconds)
        return seconds


class Resting(Pipeline):
    rest = Step(Slow)

    @inference
    async def wait(self, seconds: list[float]) -> list[float]:
        return await together(*(self.rest(each) for each in seconds))


def test_the_deadline_reaches_steps_that_run() -> None:
    slow = Slow()
    started = time.monotonic()
    with Client(Resting, steps={"rest": slow}) as client:
        with pytest.raises(DeadlineExceededError):
            client.call("wait", {"seconds": [60.0, 60.0]}, seconds=0.2)
        client.call("wait", {"seconds": [0.01]})  # lets what was interrupted end
    assert time.monotonic() - started < 30
    assert (slow.begun, slow.cancelled) == (3, 2)


def test_when_one_branch_fails_the_others_are_stopped() -> None:
    slow = Slow()
    with Client(Resting, steps={"rest": slow}) as client:
        with pytest.raises(StepError, match="step 'rest'"):
            client.call("wait", {"seconds": [60.0, 0.0, 60.0]})
        client.call("wait", {"seconds": [0.01]})
    assert slow.cancelled == 2


class Pixels(Handler):
    @inference(max_batch_size=4)
    def total(self, image: Annotated[NDArray[np.float32], Shape(None, 2)]) -> NDArray[np.float32]:
        assert image.dtype == np.float32
        return image.sum(axis=1)


class Images(Pipeline):
    total = Step(Pixels)

    @inference
    async def sums(self, kind: str, rows: list[list[float]]) -> list[float]:
        arrays: list[Any] = [np.array(row, dtype=kind) if kind != "list" else row for row in rows]
        return [float(each) for each in await together(self.total(image=array) for array in arrays)]


@pytest.mark.parametrize("kind", ["float32", "float64", "int16", "list"])
def test_arrays_of_the_same_kind_become_what_the_step_declares(kind: str) -> None:
    assert call(Images, "sums", {"kind": kind, "rows": [[1, 2], [3, 4]]}) == [3.0, 7.0]


@pytest.mark.parametrize(
    ("kind", "rows", "said"), [("float32", [[1, 2, 3]], r"float32\[3\]"), ("complex64", [[1, 2]], "complex64")]
)
def test_other_arrays_never_reach_a_batch(kind: str, rows: list[list[float]], said: str) -> None:
    with pytest.raises(ModelwayError, match=rf"step 'total': image: {said}.* is not float32\[2\]"):
        call(Images, "sums", {"kind": kind, "rows": rows})


class Reader(Handler):
    def load(self) -> None:
        self.text = (self.files / "text.txt").read_text()

    @inference
    def read(self) -> str:
        return self.text


class Inner(Pipeline):
    reader = Step(Reader, files="deep")

    @inference
    async def read(self) -> str:
        return await self.reader() + "!"


class Outer(Pipeline):
    one = Step(Inner, files="one")
    two = Step(Reader, files="two")

    def load(self) -> None:
        self.loaded_after_steps = self.step_caller is not None

    @inference
    async def read(self) -> list[Any]:
        return [*await together(self.one(), self.two()), self.loaded_after_steps]


def test_steps_have_folders_of_their_own_and_may_be_pipelines(tmp_path: Path) -> None:
    for folder, text in (("one/deep", "first"), ("two", "second")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "text.txt").write_text(text)
    assert call(Outer, "read", {}, files=tmp_path) == ["first!", "second", True]


def test_a_step_that_does_not_load_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandlerError, match="step 'one': step 'reader' cannot be loaded: FileNotFoundError"):
        call(Outer, "read", {}, files=tmp_path)


def test_only_declared_steps_can_be_replaced() -> None:
    with pytest.raises(InvalidRequestError, match="there is no step 'dubble'"):
        Client(Numbers, steps={"dubble": Doubler()})


def test_steps_are_called_in_requests_only() -> None:
    numbers = Numbers()
    with pytest.raises(HandlerError, match="before the pipeline is loaded"):
        asyncio.run(numbers.double(1))
    with Client(Numbers) as client, pytest.raises(HandlerError, match="outside a request"):
        asyncio.run(client.handler.double(1))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
