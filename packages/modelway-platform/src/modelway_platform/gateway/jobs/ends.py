"""Lets whoever waits for a job's end know of it at once, in this process; others ask the store again."""

import asyncio


class Ends:
    """Waiting by job id."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def ended(self, job_id: str) -> None:
        """Wake all who wait for it."""
        for each in self._waiting.pop(job_id, ()):
            if not each.done():
                each.set_result(None)

    async def wait(self, job_id: str, seconds: float) -> None:
        """Until it ended, or `seconds` are over."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, []).append(waiting)
        try:
            await asyncio.wait([waiting], timeout=seconds)
        finally:
            left = self._waiting.get(job_id)
            if left is not None:
                if waiting in left:
                    left.remove(waiting)
                if not left:
                    del self._waiting[job_id]
