"""Stages of a pipeline's endpoint: as any `async def`, with the request known to the steps it calls."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

from modelway.serving.item import Item
from modelway.serving.stage_clock import StageClock
from modelway.serving.stages.async_stages import AsyncStages

CURRENT: ContextVar[Item] = ContextVar("modelway_request")
"""The pipeline's request in whose task we are."""


class PipelineStages(AsyncStages):
    """One request at a time goes through, each in a task of its own."""

    __slots__ = ()

    async def run_together(self, items: Sequence[Item], clock: StageClock) -> None:
        CURRENT.set(items[0])
        await super().run_together(items, clock)

    async def stream(self, item: Item, clock: StageClock) -> AsyncGenerator[Any, None]:
        CURRENT.set(item)
        async with aclosing(super().stream(item, clock)) as pieces:
            async for piece in pieces:
                yield piece
