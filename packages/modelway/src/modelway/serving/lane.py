"""Where a handler's methods run: one thread beside the event loop in a server, the caller's own thread in a test."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol

Job = Callable[[], None]


class Lane(Protocol):
    """The ways work moves between the side that takes requests and the side that runs the model."""

    def soon(self, callback: Callable[[], Any], /) -> Any:
        """Call on the requests' side, after everything that has already arrived."""
        ...

    def later(self, seconds: float, callback: Callable[[], Any], /) -> Any:
        """Call on the requests' side after so long."""
        ...

    def run(self, job: Job, /) -> Any:
        """Run on the model's side; jobs run one after another."""
        ...

    def back(self, callback: Callable[[], Any], /) -> Any:
        """From the model's side: call on the requests' side."""
        ...


class ThreadLane:
    """One model thread per process: whatever `load` made is used by the thread that made it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.soon = loop.call_soon
        self.later = loop.call_later
        self.back = loop.call_soon_threadsafe
        self.run = self._jobs.put
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """End the thread after its present job; False when that takes longer than `seconds`."""
        self._jobs.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        take = self._jobs.get
        while (job := take()) is not None:
            job()
            del job  # a finished batch must not live until the next one


class InlineLane:
    """Everything in the calling thread; `settle` runs what was put off."""

    def __init__(self) -> None:
        self._later: deque[Callable[[], Any]] = deque()

    def soon(self, callback: Callable[[], Any], /) -> None:
        self._later.append(callback)

    def later(self, seconds: float, callback: Callable[[], Any], /) -> None:
        """Nothing waits while the caller's own thread works, so there is nobody to be told in time."""

    def run(self, job: Job, /) -> None:
        self._later.append(job)

    def back(self, callback: Callable[[], Any], /) -> None:
        self._later.append(callback)

    def settle(self) -> None:
        """Run until nothing is left to do."""
        while self._later:
            self._later.popleft()()
