"""The caller's side of a call: its messages as they come, and what is told it, over an engine that works by callback."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from math import inf
from time import monotonic
from typing import Any

from modelway.errors import ModelwayError
from modelway.rpc.call import Call
from modelway_platform.gateway.proxy.rpc.heads import Pair, pairs_of


class CallerSide:
    """One call, worked on by a task that ends with the caller's leaving.

    The caller may send its next message once the last was taken, and one message at a time is written to it: neither side
    can have more kept here than that and the windows of its connection.

    Args:
        call: The engine's.
        relay: Answers it.
        loop: Where.
    """

    def __init__(
        self,
        call: Call,
        relay: "Callable[[CallerSide], Coroutine[Any, Any, None]]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._call = call
        self._loop = loop
        self._messages: deque[bytes] = deque()
        self._asked_all = False
        self._news: asyncio.Future[None] | None = None
        self._written: asyncio.Future[None] | None = None
        self._task = loop.create_task(relay(self))
        self._task.add_done_callback(self._done)

    @property
    def method(self) -> str:
        """`/package.Service/Method`."""
        return self._call.method.decode("latin-1")

    @property
    def metadata(self) -> tuple[Pair, ...]:
        """The caller's.

        Raises:
            ValueError: A value is none.
        """
        return pairs_of(self._call.headers)

    @property
    def request_id(self) -> bytes:
        """The caller's own, or one made for it."""
        return self._call.request_id.encode()

    @property
    def address(self) -> str:
        """The caller's."""
        return self._call.address

    @property
    def deadline(self) -> float:
        """When its time is over, on the loop's clock; `inf` without one."""
        return self._call.deadline

    def time_remaining(self) -> float | None:
        """Seconds the caller still waits; None for as long as it takes."""
        return None if self._call.deadline == inf else max(self._call.deadline - monotonic(), 0.0)

    # Its messages

    @property
    def has_news(self) -> bool:
        """Whether `take` may be called."""
        return bool(self._messages) or self._asked_all

    async def news(self) -> None:
        """Wait until there is a message or the end."""
        while not self.has_news:
            self._news = self._loop.create_future()
            await self._news

    def take(self) -> bytes | None:
        """The next message; None after the last."""
        if not self._messages:
            return None
        body = self._messages.popleft()
        if not self._messages:
            self._call.go_on()
        return body

    # What is told it

    def begin(self, metadata: tuple[Pair, ...]) -> None:
        """The answer's head."""
        self._call.begin(metadata)

    async def write(self, body: bytes) -> None:
        """A message; returns when it is on its way."""
        self._call.send(body)
        if self._call.unsent:
            self._written = self._loop.create_future()
            await self._written

    def close(self, status: str, text: str, metadata: tuple[Pair, ...]) -> None:
        """How it went."""
        self._call.close(status, text, metadata)

    # Told by the engine

    def message(self, body: bytes, /) -> None:
        self._messages.append(body)
        self._call.hold()
        _wake(self._news)

    def asked(self) -> None:
        self._asked_all = True
        _wake(self._news)

    def taken(self) -> None:
        _wake(self._written)

    def left(self) -> None:
        self._task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self._loop.call_exception_handler({"message": "a call could not be relayed", "exception": error, "task": task})
        if self._call.work is self:
            self._call.fail(ModelwayError("the gateway failed", hint="its log has the reason"))


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
