"""Where a handler's methods run: one thread beside the event loop in a server, the caller's own thread in a test."""

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, Protocol

Job = Callable[[], None]
Start = Callable[[], Coroutine[Any, Any, None]]


class Lane(Protocol):
    """The ways work moves between the side that takes requests and the side that runs the model."""

    waits: bool
    """Whether `later` happens; where it does not, nothing may be put off."""

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

    def spawn(self, start: Start, /) -> "Task":
        """Run a coroutine on the model's side, beside others."""
        ...


class Task:
    """A coroutine on the model's side, seen from the requests' side."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: Start) -> None:
        self._loop = loop
        self._start = start
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[None]:
        """Called on the model's side."""
        self._task = self._loop.create_task(self._start())
        return self._task

    def cancel(self) -> None:
        """Interrupt it where it waits."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is left to interrupt
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class ThreadLane:
    """One model thread per process: whatever `load` made is used by the thread that made it."""

    waits = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.soon = loop.call_soon
        self.later = loop.call_later
        self.back = loop.call_soon_threadsafe
        self.run: Callable[[Job], Any] = self._jobs.put
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on the model's thread runs `loop`, for stages written with `async def`; jobs are callbacks in it."""
        self._loop = loop
        self.run = loop.call_soon_threadsafe
        self._jobs.put(lambda: _run_until_stopped(loop))

    def spawn(self, start: Start, /) -> Task:
        assert self._loop is not None
        task = Task(self._loop, start)
        self._loop.call_soon_threadsafe(task.begin)
        return task

    def stop(self, seconds: float) -> bool:
        """End the thread after its present job; False when that takes longer than `seconds`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._jobs.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        take = self._jobs.get
        while (job := take()) is not None:
            job()
            del job  # a finished batch must not live until the next one


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class InlineLane:
    """Everything in the calling thread; `settle` runs what was put off."""

    waits = False

    def __init__(self) -> None:
        self._later: deque[Callable[[], Any]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def soon(self, callback: Callable[[], Any], /) -> None:
        self._later.append(callback)
        self._wake.set()

    run = back = soon

    def later(self, seconds: float, callback: Callable[[], Any], /) -> None:
        """Nothing waits while the caller's own thread works, so there is nobody to be told in time."""

    def spawn(self, start: Start, /) -> Task:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            weakref.finalize(self, self._loop.close)
        task = Task(self._loop, start)
        running = task.begin()
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)
        running.add_done_callback(lambda _: self._wake.set())
        return task

    def settle(self) -> None:
        """Run until nothing is left to do."""
        while self._later or self._tasks:
            while self._later:
                self._later.popleft()()
            if self._loop is not None and self._tasks:
                self._wake.clear()
                self._loop.run_until_complete(self._wake.wait())
