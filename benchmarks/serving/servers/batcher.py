"""The batcher everybody writes by hand for an asyncio server: a window of 5 ms, up to 32 items, one model thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import models


class Batcher:
    """Collects items, runs them together in one thread."""

    def __init__(self, model: models.Model) -> None:
        self._model = model
        self._items: asyncio.Queue[tuple[Any, asyncio.Future[Any]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def __call__(self, item: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._items.put_nowait((item, answer))
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._items.get()]
            ends = loop.time() + models.WINDOW_SECONDS
            while len(batch) < models.MAX_BATCH and (left := ends - loop.time()) > 0:
                if not self._items.empty():
                    batch.append(self._items.get_nowait())
                    continue
                try:
                    batch.append(await asyncio.wait_for(self._items.get(), left))
                except TimeoutError:
                    break
            results = await loop.run_in_executor(self._thread, self._model, [item for item, _ in batch])
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)
