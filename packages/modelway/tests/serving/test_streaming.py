"""Async stages and answers in pieces, first without a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from modelway import Context, Handler, inference, postprocess, preprocess
from modelway.errors import HandlerError, InvalidHandlerError, InvalidInputError, ModelwayError
from modelway.serving.answer import Answer
from modelway.serving.lane import InlineLane
from modelway.serving.pages.openapi import openapi_document
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.streams import WINDOW, StreamItem
from modelway.signature import bind
from modelway.testing import Client, call


class Streams(Handler):
    def load(self) -> None:
        self.made = 0
        self.closed: list[str] = []

    @preprocess("letters")
    def clean(self, text: str) -> str:
        if not text:
            raise InvalidInputError("text: empty")
        return text.strip()

    @inference
    def letters(self, text: str) -> Iterator[str]:
        try:
            for letter in text:
                if letter == "!":
                    raise ArithmeticError("secret")
                yield letter
        finally:
            self.closed.append("letters")

    @postprocess("letters")
    def upper(self, letter: str) -> str:
        return letter.upper()

    @inference
    def forever(self) -> Iterator[int]:
        try:
            while True:
                self.made += 1
                yield self.made
        finally:
            self.closed.append("forever")

    @inference
    async def ticks(self, count: int, seconds: float = 0.0) -> AsyncIterator[int]:
        try:
            for number in range(count):
                if seconds:
                    await asyncio.sleep(seconds)
                self.made += 1
                yield number
        finally:
            self.closed.append("ticks")

    @inference
    def strange(self) -> Iterator[Any]:
        yield 1
        yield object()


class Asks(Handler):
    """Waits for others, as a handler does that calls another server."""

    def load(self) -> None:
        self.running = self.most = 0
        self.cancelled = 0
        self.batches: list[int] = []

    @inference(max_concurrency=8)
    async def ask(self, seconds: float, context: Context) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return context.request_id

    @preprocess("total")
    async def number(self, text: str) -> float:
        await asyncio.sleep(0)
        return float(text)

    @inference(max_batch_size=4)
    async def total(self, numbers: list[float]) -> list[float]:
        await asyncio.sleep(0.001)
        self.batches.append(len(numbers))
        if 13 in numbers:
            raise ArithmeticError("unlucky")
        return [number * 2 for number in numbers]

    @postprocess("total")
    async def text(self, number: float) -> str:
        return f"{number:g}"


class Reader:
    """Takes a stream's pieces; reads no further when told to stop."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.ends: list[ModelwayError | None] = []
        self.answers: list[Answer] = []

    def pieces(self, bodies: list[bytes], /) -> None:
        self.bodies += bodies

    def ended(self, error: ModelwayError | None, /) -> None:
        self.ends.append(error)


class Bench:
    def __init__(self) -> None:
        self.handler = Streams()
        self.handler.load()
        self.lane = InlineLane()
        self.dispatcher = Dispatcher(self.handler, bind(Streams), self.lane)
        self.reader = Reader()

    def submit(self, endpoint: str, body: bytes = b"{}", **options: Any) -> StreamItem:
        item = self.dispatcher.submit(endpoint, body, self.reader.answers.append, sink=self.reader, **options)
        assert isinstance(item, StreamItem)
        return item


def test_a_method_that_yields_streams_and_a_test_gets_the_whole_list() -> None:
    client = Client(Streams)
    assert client.call("letters", {"text": " abc "}) == ["A", "B", "C"]
    assert client.call("ticks", {"count": 200}) == list(range(200))
    assert client.call("ticks", {"count": 0}) == []
    with pytest.raises(InvalidInputError, match="text: empty"):
        client.call("letters", {"text": ""})
    with pytest.raises(HandlerError, match="'letters' raised ArithmeticError"):
        client.call("letters", {"text": "ab!"})
    with pytest.raises(HandlerError, match="a object, cannot be written as JSON"):
        client.call("strange", {})


def test_async_stages_run_side_by_side_up_to_the_limit() -> None:
    client = Client(Asks)
    started = time.monotonic()
    answers = client.call_many("ask", [{"seconds": 0.03}] * 16)
    assert answers == ["test"] * 16
    assert 0.05 < time.monotonic() - started < 0.4
    assert isinstance(client.handler, Asks)
    assert client.handler.most == 8


def test_async_batches_fail_by_item_like_others() -> None:
    client = Client(Asks)
    answers = client.call_many("total", [{"text": text} for text in ("1", "2", "13", "x", "5")])
    assert [answers[0], answers[1], answers[4]] == ["2", "4", "10"]
    assert "ArithmeticError" in str(answers[2])
    assert "ValueError" in str(answers[3])
    assert isinstance(client.handler, Asks)
    assert client.handler.batches == [3, 2, 1, 1]


def test_an_async_call_is_interrupted_at_its_deadline_and_when_the_caller_leaves() -> None:
    client = Client(Asks)
    started = time.monotonic()
    with pytest.raises(ModelwayError, match="time given was over"):
        client.call("ask", {"seconds": 30}, seconds=0.05)
    assert time.monotonic() - started < 5
    handler = Asks()
    handler.load()
    lane = InlineLane()
    dispatcher = Dispatcher(handler, bind(Asks), lane)
    item = dispatcher.submit("ask", b'{"seconds": 30}', print)
    assert item is not None
    other = dispatcher.submit("ask", b'{"seconds": 0.01}', lambda _: dispatcher.drop("ask", item))
    assert other is not None
    lane.settle()
    assert (handler.cancelled, handler.running) == (1, 0)


def test_pieces_before_an_error_are_delivered_and_the_error_follows() -> None:
    bench = Bench()
    bench.submit("letters", b'{"text": "ab!"}')
    bench.lane.settle()
    assert bench.reader.bodies == [b'"A"', b'"B"']
    assert isinstance(bench.reader.ends[0], HandlerError)
    assert bench.reader.answers == []
    bench.submit("letters", b'{"text": "!"}')
    bench.lane.settle()
    assert [answer.status for answer in bench.reader.answers] == [500]
    assert len(bench.reader.ends) == 1


@pytest.mark.parametrize(("endpoint", "body"), [("forever", b"{}"), ("ticks", b'{"count": 100000000}')])
def test_a_slow_reader_stops_the_generator_and_one_who_left_closes_it(endpoint: str, body: bytes) -> None:
    bench = Bench()
    item = bench.submit(endpoint, body)
    pieces = bench.reader.pieces

    def read(bodies: list[bytes]) -> None:
        pieces(bodies)
        if len(bench.reader.bodies) >= 100 and not item.paused:
            bench.dispatcher.pause(endpoint, item)
            bench.lane.soon(lambda: look(bench.handler.made))

    made_when_paused: list[int] = []

    def look(made: int) -> None:
        """A little later the generator stands still; then read on, then leave."""
        if made_when_paused and made_when_paused[-1] == made:
            if len(bench.reader.bodies) < 300:
                made_when_paused.clear()
                bench.dispatcher.resume(endpoint, item)
            else:
                bench.dispatcher.drop(endpoint, item)
            return
        made_when_paused.append(made)
        asyncio_free_wait(bench, lambda: look(bench.handler.made))

    bench.reader.pieces = read  # type: ignore[method-assign]
    bench.lane.settle()
    assert bench.handler.closed == [endpoint]
    assert bench.handler.made - len(bench.reader.bodies) <= WINDOW + 64
    assert bench.reader.ends == []


def asyncio_free_wait(bench: Bench, then: Any, turns: int = 50) -> None:
    """Come back after others had many turns."""
    bench.lane.soon(then if turns == 0 else lambda: asyncio_free_wait(bench, then, turns - 1))


def test_a_stream_past_its_deadline_ends_with_an_error() -> None:
    bench = Bench()
    for endpoint, body in (("forever", b"{}"), ("ticks", b'{"count": 100000000, "seconds": 0.001}')):
        bench.submit(endpoint, body, deadline=time.monotonic() + 0.03)
        bench.lane.settle()
        error = bench.reader.ends.pop()
        assert error is not None
        assert error.error_code == "deadline_exceeded"
        assert bench.handler.closed.pop() == endpoint


def test_streams_of_one_endpoint_run_side_by_side_with_others() -> None:
    client = Client(Streams)
    answers = client.call_many("ticks", [{"count": 5, "seconds": 0.02}] * 10)
    assert answers == [list(range(5))] * 10


def test_the_signature_and_the_api_document_say_that_it_streams() -> None:
    signature = bind(Streams).signature
    letters = signature.endpoint("letters")
    assert (letters.streaming, letters.output.label) == (True, "str")
    assert signature.endpoint("ticks").output.label == "int"
    content = openapi_document(signature, "m", "1")["paths"]["/ticks"]["post"]["responses"]["200"]["content"]
    assert content["application/x-ndjson"]["schema"]["type"] == "integer"
    assert content["application/json"]["schema"] == {
        "type": "array",
        "items": content["application/x-ndjson"]["schema"],
    }
    assert "text/event-stream" in content


def test_what_cannot_stream_or_run_side_by_side_is_refused() -> None:
    class Yields(Handler):
        @preprocess
        def before(self, text: str) -> Iterator[str]:
            yield text

        @inference
        def endpoint(self, text: str) -> str:
            return text

    class Batched(Handler):
        @inference(max_batch_size=2)
        def endpoint(self, texts: list[str]) -> Iterator[str]:
            yield from texts

    class Plain(Handler):
        @inference(max_concurrency=2)
        def endpoint(self, text: str) -> str:
            return text

    for handler, message in (
        (Yields, "only @inference may yield"),
        (Batched, "one request"),
        (Plain, "max_concurrency"),
    ):
        with pytest.raises(InvalidHandlerError, match=message):
            bind(handler)
    with pytest.raises(ValueError, match="at least one"):
        inference(max_concurrency=0)


def test_one_call_of_an_async_handler_leaves_nothing_open() -> None:
    assert call(Asks, "ask", {"seconds": 0}) == "test"
