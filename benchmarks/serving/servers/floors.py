"""The floors: granian (RSGI) and uvicorn (raw ASGI), bare, as fast as a server built on them could be at best.

No framework, no routing, no validation, no metrics; orjson for JSON, a hand-written batcher.
"""

import os
from typing import Any

import models
import numpy as np
import orjson
from batcher import Batcher

WORKLOAD = os.environ["BENCH_WORKLOAD"]


class Application:
    """Bytes in, bytes out."""

    def __init__(self) -> None:
        self._model = models.load(WORKLOAD)
        self._batcher: Batcher | None = None

    async def answer(self, body: bytes) -> bytes:
        if WORKLOAD == "w3b":
            return (await self._together(np.frombuffer(body, np.float32))).tobytes()
        values = orjson.loads(body)["values"]
        if not models.batched(WORKLOAD):
            return orjson.dumps(self._model([values])[0])
        return orjson.dumps((await self._together(values)).tolist())

    async def _together(self, item: Any) -> Any:
        if self._batcher is None:
            self._batcher = Batcher(self._model)
        return await self._batcher(item)


_application = Application()
_MEDIA = "application/octet-stream" if WORKLOAD == "w3b" else "application/json"
_RSGI_HEADERS = [("content-type", _MEDIA)]


class Rsgi:
    """For granian."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        protocol.response_bytes(200, _RSGI_HEADERS, await _application.answer(await protocol()))


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """For uvicorn."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = await _application.answer(body)
    headers = [(b"content-type", _MEDIA.encode()), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


rsgi = Rsgi()
