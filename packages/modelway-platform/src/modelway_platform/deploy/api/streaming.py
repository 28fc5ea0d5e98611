"""Answers that go on: newline-delimited JSON, a line whenever there is news, an empty one now and then in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from modelway_platform.deploy.api.parts import ApiParts

QUIET_SECONDS = 10.0
# Bursts of writes (a rollout saves many states) become one line.
_GATHER_SECONDS = 0.02


def watch(parts: ApiParts, render: Callable[[], Any]) -> StreamingResponse:
    """What `render` gives, now and again whenever it gives something else; `render` runs in a thread."""
    return StreamingResponse(_changes(parts, render), media_type="application/x-ndjson")


def follow(parts: ApiParts, records: AsyncIterator[Mapping[str, Any] | None]) -> StreamingResponse:
    """A line per record; None keeps the connection alive."""
    return StreamingResponse(_lines(parts, records), media_type="application/x-ndjson")


async def _changes(parts: ApiParts, render: Callable[[], Any]) -> AsyncIterator[bytes]:
    last = b""
    while not parts.closing.is_set():
        seen = parts.changes.number
        line = msgspec.json.encode(await asyncio.to_thread(render)) + b"\n"
        if line != last:
            last = line
            yield line
        if await parts.changes.wait(seen, QUIET_SECONDS) == seen:
            yield b"\n"
        else:
            await asyncio.sleep(_GATHER_SECONDS)


async def _lines(parts: ApiParts, records: Any) -> AsyncIterator[bytes]:
    async with aclosing(records) as source:
        async for record in source:
            if parts.closing.is_set():
                return
            yield b"\n" if record is None else msgspec.json.encode(record) + b"\n"
