"""Replaces gateway workers one by one: the next serves before the last one stops accepting; nobody is refused."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from modelway_platform.apps.child_process import ChildProcess, ChildSettings
from modelway_platform.apps.state_directory import write_private
from modelway_platform.store.files.acknowledgements import acknowledgement_path

SERVING_SECONDS = 60.0
"""How long a new worker that lives may take; one that ends is seen at once."""
_LEAVE_SECONDS = 15.0
_LOOK_SECONDS = 0.02
Successor = Callable[[int, int], ChildSettings]
"""Settings of a worker for a socket's position and a worker's index."""


class Rolling:
    """The workers of a supervisor, and their replacement.

    A worker's index names its log, its counters and its word on tables, so two that run side by side need two indices: there
    is always one that is spare.

    Args:
        successor: How to start a worker.
        count: How many there are.
        folder: Where workers leave their words.
        result: Where it is written how a replacement ended.
    """

    def __init__(self, successor: Successor, count: int, folder: Path, result: Path) -> None:
        self._successor = successor
        self._folder = folder
        self._result = result
        self._indices = list(range(count))
        self._spare = count
        self._done = 0
        self.workers = [ChildProcess(successor(position, position)) for position in range(count)]
        self.passing: list[ChildProcess] = []
        """Those that begin or end at the moment: they are reaped, but not started again."""

    async def roll(self, say: Callable[[str], None]) -> None:
        """Replaces every worker; stops at the first successor that does not serve, whose predecessor stays.

        Args:
            say: Prints a line for the person.
        """
        problem = ""
        for position in range(len(self.workers)):
            problem = await self._replace(position)
            if problem:
                break
        self._done += 1
        say(f"gateway: {problem}" if problem else f"gateway: {len(self.workers)} workers replaced")
        write_private(self._result, f"{self._done} {problem or 'ok'}\n")

    async def _replace(self, position: int) -> str:
        """Empty if it went well."""
        begun = time.time()
        index = self._spare
        child = ChildProcess(self._successor(position, index))
        self.passing.append(child)
        child.start()
        if not await self._serves(child, index, begun):
            why = (
                f"did not serve within {SERVING_SECONDS:.0f} s"
                if child.process is not None
                else "ended before it served"
            )
            child.send(signal.SIGKILL)
            await _gone(child)
            self.passing.remove(child)
            return f"the new worker {why}; the old ones go on, see the gateway's log"
        old, self.workers[position] = self.workers[position], child
        self._spare, self._indices[position] = self._indices[position], index
        self.passing.remove(child)
        self.passing.append(old)
        old.send(signal.SIGTERM)
        if not await _gone(old, old.settings.stop_seconds):
            old.send(signal.SIGKILL)
            await _gone(old)
        self.passing.remove(old)
        return ""

    async def _serves(self, child: ChildProcess, index: int, begun: float) -> bool:
        """Whether it has taken a route table, which it does right before it accepts."""
        ends = time.monotonic() + SERVING_SECONDS
        path = acknowledgement_path(self._folder, index)
        while child.process is not None and time.monotonic() < ends:
            if path.exists() and path.stat().st_mtime >= begun - 0.01:
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False


async def _gone(child: ChildProcess, seconds: float = _LEAVE_SECONDS) -> bool:
    ends = time.monotonic() + seconds
    while child.process is not None:
        if time.monotonic() >= ends:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
