"""Starts control, gateway workers, jobs, console and the collector, keeps them alive, and ends them in order.

It does nothing else, so that nothing can make it fall; and if it does, its children notice and end by themselves.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from modelway.errors import ModelwayError
from modelway_platform.apps.child_process import ChildProcess, ChildSettings
from modelway_platform.apps.rolling import Rolling

_SET_CHILD_SUBREAPER = 36
ROLL_SIGNAL = signal.SIGUSR2  # what nginx takes for the same
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants leave behind, so that it can be seen to end."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Supervisor:
    """Keeps one control process and some gateway workers alive until told to stop.

    Args:
        control: The control process. It is stopped last: it ends the replicas.
        workers: The gateway workers and how they are replaced. They are stopped first: they let callers finish.
        callers: The processes that call the others: for asynchronous requests, the console. They are stopped first.
        collector: The process that collects records. It is stopped after the workers: it takes their last ones.
        say: Prints a line for the person.
    """

    def __init__(
        self,
        control: ChildSettings,
        workers: Rolling,
        *,
        callers: Sequence[ChildSettings] = (),
        collector: ChildSettings | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._control = ChildProcess(control)
        self._callers = [ChildProcess(each) for each in callers]
        self._collector = [ChildProcess(collector)] if collector is not None else []
        self._rolling = workers
        self._roll: asyncio.Task[None] | None = None
        self._say = say
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()
        self._ready = False
        self._failed = ""

    async def run(self, until_ready: Callable[[], Awaitable[None]], on_ready: Callable[[], None]) -> None:
        """Runs everything until a signal says stop.

        Args:
            until_ready: Returns when all parts answer.
            on_ready: Called then, once.

        Raises:
            ModelwayError: A part ended before everything was ready.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_signal_handler(ROLL_SIGNAL, self._asked_to_roll)
        try:
            for child in self._all:
                child.start()
            await self._first_of(until_ready())
            if not self._stop.is_set():
                self._ready = True
                on_ready()
                await self._stop.wait()
        finally:
            self._stop.set()
            await self._end(self._callers)
            if self._roll is not None:
                self._roll.cancel()
            await self._end([*self._rolling.workers, *self._rolling.passing])
            await self._end(self._collector)
            await self._end([self._control])
            for number in (*_STOP_SIGNALS, signal.SIGCHLD, ROLL_SIGNAL):
                loop.remove_signal_handler(number)
        if self._failed:
            raise ModelwayError(self._failed, hint="what it said is above or in the logs folder of the state directory")

    @property
    def _all(self) -> Sequence[ChildProcess]:
        return (self._control, *self._rolling.workers, *self._rolling.passing, *self._callers, *self._collector)

    async def _first_of(self, ready: Awaitable[None]) -> None:
        """Waits until everything is ready or it is time to stop."""
        tasks = [asyncio.ensure_future(ready), asyncio.ensure_future(self._until_stop())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _until_stop(self) -> None:
        await self._stop.wait()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._say("stopping at once")
            for child in self._all:
                child.send(signal.SIGTERM if child is self._control else signal.SIGKILL)
        else:
            self._say("stopping: callers finish first, then replicas (once more to hurry)")
            self._stop.set()

    def _asked_to_roll(self) -> None:
        if self._ready and not self._stop.is_set() and (self._roll is None or self._roll.done()):
            self._roll = asyncio.ensure_future(self._rolling.roll(self._say))

    def _reap(self) -> None:
        """Collects every ended child, also those that grandchildren left to us."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                child = next((each for each in self._all if each.pid == pid), None)
                if child is not None:
                    self._child_ended(child, os.waitstatus_to_exitcode(status))
        self._ended.set()

    def _child_ended(self, child: ChildProcess, status: int) -> None:
        delay = child.ended(status)
        if self._stop.is_set() or child in self._rolling.passing:
            return
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if not self._ready:
            self._failed = f"{child.settings.name} {how} before the platform was ready"
            self._stop.set()
            return
        self._say(f"{child.settings.name} {how}; starting it again")
        asyncio.get_running_loop().call_later(delay, self._start_again, child)

    def _start_again(self, child: ChildProcess) -> None:
        if self._stop.is_set():
            return
        try:
            child.start()
        except OSError as error:
            self._say(f"{child.settings.name} cannot be started: {error.strerror}; trying again")
            asyncio.get_running_loop().call_later(1.0, self._start_again, child)

    async def _end(self, children: Sequence[ChildProcess]) -> None:
        """Asks them to stop and kills those that do not in time."""
        for child in children:
            child.send(signal.SIGTERM)
        limit = max((child.settings.stop_seconds for child in children), default=0.0)
        try:
            async with asyncio.timeout(limit):
                await self._all_ended(children)
        except TimeoutError:
            for child in children:
                child.send(signal.SIGKILL)
            await self._all_ended(children)

    async def _all_ended(self, children: Sequence[ChildProcess]) -> None:
        while any(child.process for child in children):
            self._ended.clear()
            await self._ended.wait()
