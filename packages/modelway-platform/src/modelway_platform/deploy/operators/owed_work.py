"""What an operator owes its cluster although nobody waits for it: done in the background, again and again until it is done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from modelway.errors import ModelwayError

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0

log = logging.getLogger(__name__)


class OwedWork:
    """The tasks of one operator; used on one event loop.

    Args:
        cluster: The cluster's name, for the log.
    """

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._tasks: set[asyncio.Task[Any]] = set()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that takes a while and that nobody waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again, as long as the cluster is away or says no: what is asked for is wanted still."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await work()
            except (ModelwayError, OSError) as error:
                log.warning("not done on a cluster", extra={"cluster": self._cluster, "reason": str(error)})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def cancel(self) -> None:
        """Gives up what is not done."""
        for task in self._tasks:
            task.cancel()
