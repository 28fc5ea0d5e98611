"""Open-loop load: requests leave at their times whether or not the ones before are answered, as callers' do."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from examples.digits.traffic import Caller, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is sent: where, the body and its media type."""

    path: str
    body: bytes
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: when it was due (monotonic seconds), what was asked, what came back, and how long after it was due."""

    due: float
    ask: Ask
    reply: Reply
    seconds: float


@dataclass(slots=True)
class OpenLoad:
    """`rate` requests a second from entering the context until leaving it, the asks in turn, over as many connections as needed.

    Args:
        make_caller: Makes one connection for bodies of a media type.
        asks: What is asked, one after the other.
        rate: Requests a second; may be changed while it runs.
        most: Connections at once; a request that finds none free waits, and its wait counts.
    """

    make_caller: Callable[[str], Caller]
    asks: Sequence[Ask]
    rate: float = 200.0
    most: int = 512
    asked: list[Asked] = field(default_factory=list[Asked])
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="open load")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    async def _run(self) -> None:
        free: dict[str, list[Caller]] = {ask.media_type: [] for ask in self.asks}
        room = asyncio.Semaphore(self.most)
        under_way: set[asyncio.Task[None]] = set()
        due, number = time.monotonic(), 0
        while not self._stop.is_set():
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._ask(self.asks[number % len(self.asks)], due, free, room))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            number += 1
            due += 1 / self.rate
        await asyncio.gather(*under_way)
        for caller in (each for kept in free.values() for each in kept):
            caller.close()

    async def _ask(self, ask: Ask, due: float, free: dict[str, list[Caller]], room: asyncio.Semaphore) -> None:
        kept = free[ask.media_type]
        async with room:
            caller = kept.pop() if kept else self.make_caller(ask.media_type)
            reply = await caller.post(ask.path, ask.body)
            kept.append(caller)
        self.asked.append(Asked(due=due, ask=ask, reply=reply, seconds=time.monotonic() - due))

    @property
    def failed(self) -> list[Asked]:
        """Requests that were not answered with 200."""
        return [each for each in self.asked if each.reply.status != 200]

    def summary(self) -> str:
        """For people: how many, how many failed, and how."""
        kinds = Counter(each.reply.error or f"{each.reply.status} {each.reply.body[:160]!r}" for each in self.failed)
        return f"{len(self.asked)} requests, {len(self.failed)} failed {dict(kinds)}, p99 {self.quantile_ms(0.99)} ms"

    def quantile_ms(self, share: float, among: Callable[[Asked], bool] = lambda _: True) -> float:
        """The `share` quantile of the times from due to answered, in milliseconds; 0 where there is nothing."""
        times = sorted(each.seconds for each in self.asked if among(each))
        return round(times[min(int(len(times) * share), len(times) - 1)] * 1000, 1) if times else 0.0
