"""Our four clients of a model, against a model server: the same answers, streams, time, and a server that stops for who left."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from modelway.client import AsyncModelClient, CallOptions, ModelClient
from modelway.client import Server as Address
from modelway.client.async_grpc_client import AsyncGrpcModelClient
from modelway.errors import (
    DeadlineExceededError,
    HandlerError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
)

Server = Any
PIECES = [{"number": n, "pair": [float(n)] * 2} for n in range(3)]
PLAIN = {"n": 1, "f": 0.25, "s": "ä", "box": {"left": 1}}


@pytest.fixture
async def rest(server: Server) -> AsyncIterator[AsyncModelClient]:
    async with AsyncModelClient(url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
        yield client


@pytest.fixture
async def rpc(server: Server) -> AsyncIterator[AsyncGrpcModelClient]:
    address = Address(url="http://127.0.0.1:1")
    async with AsyncGrpcModelClient(
        "p/m", address=f"127.0.0.1:{server.grpc_port}", server=address, timeout=30
    ) as client:
        yield client


async def test_many_calls_side_by_side(rest: AsyncModelClient, rpc: AsyncGrpcModelClient) -> None:
    images = [np.array([[n, n]], np.float32) for n in range(40)]
    answers = await asyncio.gather(*(rest.call({"image": image[0]}) for image in images))
    assert [each["label"] for each in answers] == [2 * n for n in range(40)]
    others = await asyncio.gather(*(rpc.call({"image": image[0]}) for image in images))
    assert [each["label"] for each in others] == [2 * n for n in range(40)]
    for client in (rest, rpc):
        answer = await client.ask(PLAIN, endpoint="plain", options=CallOptions(request_id="mine", timeout=9))
        assert (answer.value, answer.request_id) == ("1 0.25 True ä b'' 9", "mine")
        assert answer.seconds > 0


async def test_errors_are_the_same(rest: AsyncModelClient, rpc: AsyncGrpcModelClient) -> None:
    for client in (rest, rpc):
        with pytest.raises(InvalidInputError, match="negative"):
            await client.call({"n": -1}, endpoint="plain")
        with pytest.raises(HandlerError):
            await client.call({"n": 13}, endpoint="plain")
        with pytest.raises(NotFoundError):
            await client.call({}, endpoint="nothing")
        with pytest.raises(NotFoundError):
            await anext(client.stream({}, endpoint="nothing"))
        with pytest.raises(DeadlineExceededError):
            await client.call({"seconds": 60.0}, endpoint="wait", timeout=0.3)
    with pytest.raises(InvalidRequestError, match="does not stream"):
        await anext(rest.stream(PLAIN, endpoint="plain"))


async def test_streams(rest: AsyncModelClient, rpc: AsyncGrpcModelClient, server: Server) -> None:
    with ModelClient(url=f"http://127.0.0.1:{server.port}") as blocking:
        assert list(blocking.stream({"n": 3}, endpoint="count")) == PIECES
        left = blocking.stream({"n": 40}, endpoint="count")
        assert next(left)["number"] == 0
        left.close()  # type: ignore[attr-defined]
        broken = blocking.stream({"n": 60}, endpoint="count")
        assert len([next(broken) for _ in range(50)]) == 50
        with pytest.raises(HandlerError):
            next(broken)
        with pytest.raises(InvalidRequestError, match="does not stream"):
            next(blocking.stream(PLAIN, endpoint="plain"))
    for client in (rest, rpc):
        assert [piece async for piece in client.stream({"n": 3}, endpoint="count")] == PIECES
        broken = client.stream({"n": 60}, endpoint="count")
        assert len([await anext(broken) for _ in range(50)]) == 50
        with pytest.raises(HandlerError):
            await anext(broken)
        async with client.stream({"n": 40}, endpoint="count") as pieces:
            async for piece in pieces:
                assert piece["number"] == 0
                break


async def test_the_server_stops_for_a_call_that_is_cancelled(rest: AsyncModelClient, rpc: AsyncGrpcModelClient) -> None:
    for client in (rest, rpc):
        started = time.monotonic()
        call = asyncio.ensure_future(client.call({"seconds": 60.0}, endpoint="wait"))
        await asyncio.sleep(0.3)  # long enough to have begun; where not, it is cancelled before it begins, and as good
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await client.call({}, endpoint="was_cancelled") is True
        assert time.monotonic() - started < 30, "the model was free again before its minute was over"


async def test_a_deadline_reaches_the_handler(rest: AsyncModelClient) -> None:
    options = CallOptions(headers={"X-Given": "yes"}, request_id="r7")
    answer = await rest.ask({"seconds": 0.0}, endpoint="wait", options=options)
    assert answer.value == "r7 yes True"


def test_where_a_model_is_must_be_said_once() -> None:
    for options in ({}, {"target": "a/b", "url": "http://x"}, {"url": "http://x", "server": Address(url="http://y")}):
        with pytest.raises(InvalidRequestError, match="which model"):
            ModelClient(**options)  # type: ignore[arg-type]
