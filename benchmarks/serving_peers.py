"""The same two models under granian (RSGI) and uvicorn (raw ASGI), written as fast as those servers allow.

No framework, no routing, no validation, no metrics; orjson for JSON. W3 has a batcher of the usual kind: up to 32 items,
at most 5 ms, one model thread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson

from benchmarks.serving_models import MAX_BATCH, Network

WINDOW_SECONDS = 0.005
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_HEADERS = [(b"content-type", b"application/json")]


class Batcher:
    """Collects items for at most `WINDOW_SECONDS`, runs them together in one thread."""

    def __init__(self) -> None:
        self._network = Network()
        self._items: asyncio.Queue[tuple[list[float], asyncio.Future[list[float]]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def __call__(self, image: list[float]) -> list[float]:
        answer: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._items.put_nowait((image, answer))
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._items.get()]
            ends = loop.time() + WINDOW_SECONDS
            while len(batch) < MAX_BATCH and (left := ends - loop.time()) > 0:
                if not self._items.empty():
                    batch.append(self._items.get_nowait())
                    continue
                try:
                    batch.append(await asyncio.wait_for(self._items.get(), left))
                except TimeoutError:
                    break
            results = await loop.run_in_executor(self._thread, self._call, [image for image, _ in batch])
            for (_, answer), result in zip(batch, results, strict=True):
                answer.set_result(result)

    def _call(self, images: list[list[float]]) -> list[list[float]]:
        return self._network(np.array(images, dtype=np.float32)).tolist()


class Model:
    """Both models, the batcher made on the first request, when there is a loop."""

    def __init__(self) -> None:
        self._batcher: Batcher | None = None

    async def answer(self, path: str, body: bytes) -> bytes:
        if path == "/echo":
            return orjson.dumps(orjson.loads(body)["values"])
        if self._batcher is None:
            self._batcher = Batcher()
        return orjson.dumps(await self._batcher(orjson.loads(body)["image"]))


class RsgiApplication:
    """For granian."""

    def __init__(self) -> None:
        self._model = Model()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        answer = await self._model.answer(scope.path, await protocol())
        protocol.response_bytes(200, [("content-type", "application/json")], answer)


class AsgiApplication:
    """For uvicorn."""

    def __init__(self) -> None:
        self._model = Model()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = await self._model.answer(scope["path"], body)
        headers = [*_HEADERS, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


rsgi = RsgiApplication()
asgi = AsgiApplication()
