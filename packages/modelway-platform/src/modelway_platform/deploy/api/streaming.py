"""Answers that go on: a value whenever there is news, None now and then in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from modelway_platform.deploy.api.parts import Watching

QUIET_SECONDS = 10.0
# Bursts of writes (a rollout saves many states) become one answer.
_GATHER_SECONDS = 0.02


async def changing(watching: Watching, render: Callable[[], Any]) -> AsyncIterator[bytes | None]:
    """What `render` gives, as JSON, now and again whenever it gives something else; `render` runs in a thread."""
    last = b""
    while not watching.closing.is_set():
        seen = watching.changes.number
        line = msgspec.json.encode(await asyncio.to_thread(render))
        if line != last:
            last = line
            yield line
        if await watching.changes.wait(seen, QUIET_SECONDS) == seen:
            yield None
        else:
            await asyncio.sleep(_GATHER_SECONDS)


async def following(watching: Watching, records: Any) -> AsyncIterator[Mapping[str, Any] | None]:
    """The records until the server stops; None keeps the connection alive."""
    async with aclosing(records) as source:
        async for record in source:
            if watching.closing.is_set():
                return
            yield record
