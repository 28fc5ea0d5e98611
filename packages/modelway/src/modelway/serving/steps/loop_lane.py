"""The lane of a pipeline's own steps: requests come from, and models run on, the event loop of the model's thread."""

import asyncio
from collections.abc import Callable
from typing import Any

from modelway.serving.lane import Start, Task


class LoopLane:
    """All on the running loop; what arrives in one turn of it goes to the model together."""

    waits = True

    def soon(self, callback: Callable[[], Any], /) -> None:
        asyncio.get_running_loop().call_soon(callback)

    run = back = soon

    def later(self, seconds: float, callback: Callable[[], Any], /) -> None:
        asyncio.get_running_loop().call_later(seconds, callback)

    def spawn(self, start: Start, /) -> Task:
        task = Task(asyncio.get_running_loop(), start)
        task.begin()
        return task
