"""Tells whoever waits that something was written: repositories notify, the reconciler and the publisher listen."""

import asyncio
import threading


class Changes:
    """A counter that can be waited for.

    Level-triggered: a waiter learns that something changed since the number it saw, never what, and reads the state anew.
    `notify` may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def number(self) -> int:
        """Grows by one with every `notify`."""
        return self._number

    def notify(self) -> None:
        with self._lock:
            self._number += 1
            waiters = tuple(self._waiters)
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, since: int, timeout: float | None = None) -> int:  # noqa: ASYNC109 - the answer is a value either way, not an exception
        """The number, as soon as it is not `since` any more, or after `timeout` seconds whatever it is."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self._number != since:
                return self._number
            self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):  # `wait_for` may swallow a cancellation (Python 3.11)
                await waiter[1].wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return self._number
