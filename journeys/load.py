"""Steady traffic from several connections while something happens to the platform."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from examples.digits.traffic import Caller, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request: when it was sent (monotonic seconds), on which connection, and what came back."""

    at: float
    connection: int
    reply: Reply

    @property
    def answer(self) -> dict[str, Any]:
        return json.loads(self.reply.body)


@dataclass(slots=True)
class Load:
    """Requests as fast as they are answered, from entering the context until leaving it.

    Args:
        make_caller: Makes connection number n.
        path: What is asked.
        body: What is sent.
        connections: How many at a time.
        pause: Seconds each connection rests between requests.
    """

    make_caller: Callable[[int], Caller]
    path: str
    body: bytes = b'{"text": "hello"}'
    connections: int = 8
    pause: float = 0.0
    sent: list[Sent] = field(default_factory=list[Sent])
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._work(number) for number in range(self.connections)))

    async def _work(self, number: int) -> None:
        async with self.make_caller(number) as caller:
            while not self._stop.is_set():
                at = time.monotonic()
                self.sent.append(Sent(at=at, connection=number, reply=await caller.post(self.path, self.body)))
                if self.pause:
                    await asyncio.sleep(self.pause)

    @property
    def failed(self) -> list[Sent]:
        """Requests that were not answered with 200."""
        return [sent for sent in self.sent if sent.reply.status != 200]

    def summary(self) -> str:
        """For people: how many, how many failed, and how."""
        kinds = Counter(sent.reply.error or f"{sent.reply.status} {sent.reply.body[:160]!r}" for sent in self.failed)
        slowest = max((sent.reply.seconds for sent in self.sent), default=0.0)
        return f"{len(self.sent)} requests, {len(self.failed)} failed {dict(kinds)}, slowest {slowest * 1000:.0f} ms"
