"""Calls a deployed model through the gateway, or at its server, from an event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from modelway.client.addresses import path_of
from modelway.client.async_http_client import USUAL_CONNECTIONS, AsyncAnswerStream, AsyncHttpClient
from modelway.client.connection import Server
from modelway.client.http_client import Answer
from modelway.client.model_requests import (
    EVENTS,
    USUAL_CONNECT_TIMEOUT,
    USUAL_OPTIONS,
    USUAL_TIMEOUT,
    CallOptions,
    EventReader,
    ModelAnswer,
    answer_of,
    body_of,
    check_events,
    check_time,
    find_place,
    headers_of,
    until_for,
)
from modelway.client.retries import RetryPolicy, Tries, deadline_headers
from modelway.errors import ModelwayError

_T = TypeVar("_T")


class AsyncModelClient:
    """One deployed model, for one event loop; calls go side by side over connections that are kept.

        async with AsyncModelClient("vision/digits") as digits:
            await digits.call({"image": image})

    A call whose task is cancelled ends its connection, so that the server stops working on it.

    Args:
        target: `project/model`, or `project/model/version` to be answered by that version only.
        url: Instead of a target: what the endpoints stand below, such as `http://127.0.0.1:8080` of `modelway serve`.
        server: The gateway's address and a key; found as the command line finds them when not given.
        timeout: Seconds a call may take, with all its tries; the model is told. `inf` for no end.
        connect_timeout: Seconds to wait for a connection.
        connections: How many there are at most; further calls wait, within their time, until one is free.
        retries: When to ask again; see `RetryPolicy`.
    """

    def __init__(
        self,
        target: str = "",
        *,
        url: str = "",
        server: Server | None = None,
        timeout: float = USUAL_TIMEOUT,
        connect_timeout: float = USUAL_CONNECT_TIMEOUT,
        connections: int = USUAL_CONNECTIONS,
        retries: RetryPolicy | None = None,
    ) -> None:
        place = find_place(target, url, server)
        self.target = target
        self.server = place.server
        self._path = place.path
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self._http = AsyncHttpClient(
            place.server.url,
            headers=place.server.headers,
            connect_timeout=connect_timeout,
            connections=connections,
            ca_file=place.server.ca_file,
            hints=place.hints,
        )

    async def call(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        timeout: float | None = None,  # noqa: ASYNC109 - the model is told of it, too
    ) -> Any:
        """The model's answer as JSON values; arguments and errors are those of `ModelClient.call`."""
        answer = await self.ask(inputs, endpoint=endpoint, options=CallOptions(timeout=timeout))
        return answer.value

    async def ask(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        options: CallOptions = USUAL_OPTIONS,
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took."""
        return await self.ask_raw(body_of(inputs), endpoint=endpoint, options=options)

    async def ask_raw(
        self,
        body: bytes,
        *,
        endpoint: str = "predict",
        content_type: str = "application/json",
        options: CallOptions = USUAL_OPTIONS,
    ) -> ModelAnswer:
        """As `ask`, for a body that is JSON text already, or a field itself, such as an image of type `image/png`."""
        path = self._path + path_of(endpoint)
        headers = headers_of(options, content_type)
        start = time.perf_counter()

        async def once(until: float) -> Answer:
            sent = headers | deadline_headers(check_time(until))
            return await self._http.request("POST", path, body=body, headers=sent, until=until)

        answer = await self._until_it_works(once, options)
        return answer_of(answer.json(), answer.headers, start)

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        timeout: float | None = None,
        options: CallOptions = USUAL_OPTIONS,
    ) -> "AsyncPieces":
        """The pieces of an endpoint that streams, each as soon as it is there; see `ModelClient.stream`.

        async for piece in model.stream({"prompt": "…"}, endpoint="generate"): ...
        """
        options = options.within(timeout)
        path = self._path + path_of(endpoint)
        body, headers = body_of(inputs), headers_of(options, accept=EVENTS)

        async def once(until: float) -> AsyncAnswerStream:
            sent = headers | deadline_headers(check_time(until))
            return await self._http.stream("POST", path, body=body, headers=sent, until=until)

        async def start() -> AsyncAnswerStream:
            stream = await self._until_it_works(once, options)
            check_events(stream.headers.get("content-type", ""), f"'{endpoint}'")
            return stream

        return AsyncPieces(start)

    async def close(self) -> None:
        """Close idle connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _until_it_works(self, once: Callable[[float], Awaitable[_T]], options: CallOptions) -> _T:
        tries = Tries(self._retries, until_for(options, self._timeout), idempotent=options.idempotent)
        while True:
            try:
                return await once(tries.until)
            except ModelwayError as error:
                await asyncio.sleep(tries.pause_after(error))


class AsyncPieces:
    """The pieces of one stream. Who leaves before its end closes it, or just lets go of it: either ends the call.

    Not an async generator, whose end would wait for the event loop where a loop over it is left early.
    """

    def __init__(self, start: Callable[[], Awaitable[AsyncAnswerStream]]) -> None:
        self._start = start
        self._stream: AsyncAnswerStream | None = None
        self._lines: AsyncIterator[bytes] | None = None
        self._reader = EventReader()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._lines is None:
            self._stream = await self._start()
            self._lines = self._stream.lines()
        try:
            async for line in self._lines:
                for piece in self._reader.read(line):
                    return piece
        except BaseException:
            self.close()
            raise
        raise StopAsyncIteration

    def close(self) -> None:
        """End the call."""
        if self._stream is not None:
            self._stream.close()

    def __del__(self) -> None:
        self.close()

    async def aclose(self) -> None:
        """End the call, as an async generator would."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
