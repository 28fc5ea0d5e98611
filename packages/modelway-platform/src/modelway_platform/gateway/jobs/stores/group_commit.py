"""One thread that writes: whatever came together while it wrote goes into the next transaction, so one sync serves many."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy import Connection

from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError

MOST_TOGETHER = 256
Value = TypeVar("Value")
_Task = tuple[Callable[[Connection], Any], asyncio.Future[Any]]


class GroupCommit:
    """Runs functions on the one writing connection; each is done when its transaction is committed.

    Args:
        transaction: Begins one and commits it at its end; raises `JobsUnavailableError` if either fails.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_forever, name="jobs writer", daemon=True)
        self._thread.start()

    async def run(self, function: Callable[[Connection], Value]) -> Value:
        """What `function` returns, once that is on disk.

        Raises:
            JobsUnavailableError: Nothing was written.
        """
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._tasks.put((function, future))
        return await future

    def close(self) -> None:
        """Write what has come, and end."""
        self._tasks.put(None)
        self._thread.join()

    def _write_forever(self) -> None:
        while True:
            first = self._tasks.get()
            if first is None:
                return
            together = [first]
            ending = False
            while len(together) < MOST_TOGETHER and not self._tasks.empty():
                another = self._tasks.get()
                if another is None:
                    ending = True
                    break
                together.append(another)
            self._write(together)
            if ending:
                return

    def _write(self, together: list[_Task]) -> None:
        values: list[Any] = []
        error: Exception | None = None
        try:
            with self._transaction() as connection:
                values = [function(connection) for function, _ in together]
        except JobsUnavailableError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - a mistake of ours must not end the only writer
            error = JobsUnavailableError(f"{type(failure).__name__}: {failure}")
            error.__cause__ = failure
        # One wake-up of the loop for all of them.
        together[0][1].get_loop().call_soon_threadsafe(_settle, [future for _, future in together], values, error)


def _settle(futures: list[asyncio.Future[Any]], values: list[Any], error: Exception | None) -> None:
    for index, future in enumerate(futures):
        if future.done():
            continue  # whoever waited has left
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(values[index])
