"""Stages of which some are written with `async def`, on the event loop of the model's thread."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from math import inf
from time import monotonic
from typing import Any, cast

from modelway.serving.item import Item, is_wanted
from modelway.serving.stage_clock import StageClock
from modelway.serving.stages.stages import EndpointStages, by_shape, call_named
from modelway.signature.unread import all_read


class AsyncStages(EndpointStages):
    """One endpoint's stages as coroutines; a plain method among them runs as it is."""

    __slots__ = ()

    async def run_together(self, items: Sequence[Item], clock: StageClock) -> None:
        """Fill in each item's value or error; `clock` takes the times."""
        clock.queue += [clock.last - item.enqueued for item in items]
        if not self.batched:
            await self._within_deadline(items[0], partial(self._run_through, clock))
            return
        wanted = [item for item in items if is_wanted(item)]
        if self._preprocess is not None or self._late:
            await asyncio.gather(*(self._within_deadline(item, self._before) for item in wanted))
            clock.lap(clock.preprocess)
        ready = [item for item in wanted if item.error is None and is_wanted(item)]
        for group in by_shape(ready) if len(ready) > 1 else [ready]:
            if group:
                await self._infer_group(group)
        if ready:
            clock.lap(clock.inference)
        if ready and self._postprocess is not None:
            await asyncio.gather(*(self._within_deadline(item, self._after) for item in ready if item.error is None))
            clock.lap(clock.postprocess)

    async def stream(self, item: Item, clock: StageClock) -> AsyncGenerator[Any, None]:
        """What inference yields, through postprocess.

        Raises:
            ModelwayError: A stage failed; the cause is chained.
        """
        stage = self._binding.preprocess or self._binding.inference
        try:
            if self._preprocess is not None:
                await self._before(item)
                clock.lap(clock.preprocess)
            if item.error is not None:
                raise item.error  # noqa: TRY301 - it is only passed on
            stage = self._binding.inference
            async with aclosing(_as_async(self.begin_stream(item))) as pieces:
                async for piece in pieces:
                    clock.lap_on(clock.inference)
                    if self._postprocess is not None:
                        stage = self._last_name
                        last = await _settled(self._call_last(self._postprocess, piece, item))
                        clock.lap_on(clock.postprocess)
                        yield last
                        stage = self._binding.inference
                    else:
                        yield piece
                    clock.go_on()  # the caller's reading is no work of ours
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 - as in the other stages
            raise self._failed(stage, error) from error.__cause__

    async def _within_deadline(self, item: Item, run: Callable[[Item], Awaitable[None]]) -> None:
        if item.deadline == inf:
            await run(item)
            return
        try:
            async with asyncio.timeout(max(item.deadline - monotonic(), 0.0)):
                await run(item)
        except TimeoutError:
            return  # what is not wanted any more is answered by the dispatcher

    async def _run_through(self, clock: StageClock, item: Item) -> None:
        if self._preprocess is None:
            try:
                item.value = await _settled(self._call_first(self._inference, item))
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - not even SystemExit of a model may end the server
                item.error = self._failed(self._binding.inference, error)
        else:
            await self._before(item)
            clock.lap(clock.preprocess)
            if item.error is not None:
                return
            await self._infer_prepared(item)
        clock.lap(clock.inference)
        if item.error is None and self._postprocess is not None:
            await self._after(item)
            clock.lap(clock.postprocess)

    async def _before(self, item: Item) -> None:
        try:
            if self._preprocess is None:
                item.arguments = all_read(item.arguments)
                return
            value = await _settled(self._call_first(self._preprocess, item))
            item.arguments = tuple(value) if self._spread else (value,)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            item.error = self._failed(str(self._binding.preprocess), error)

    async def _infer_prepared(self, item: Item) -> None:
        try:
            if self._inference_names is None:
                item.value = await _settled(self._inference(*item.arguments))
            else:
                item.value = await _settled(call_named(self._inference, self._inference_names, item.arguments, item))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            item.error = self._failed(self._binding.inference, error)

    async def _after(self, item: Item) -> None:
        assert self._postprocess is not None
        try:
            item.value = await _settled(self._call_last(self._postprocess, item.value, item))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            item.error = self._failed(self._last_name, error)

    async def _infer_group(self, items: list[Item]) -> None:
        """One call for all; if it fails, calls for parts of them."""
        error = await self._try_together(items)
        if error is None:
            return
        search = self.begin_search(items, error)
        while search is not None and (part := search.next_part(is_wanted)):
            again = await self._try_together(part)
            if again is None:
                search.passed()
            else:
                search.failed(again)
        self.end_search(search, error)

    async def _try_together(self, items: list[Item]) -> BaseException | None:
        try:
            self._hand_out(items, await _settled(self._call_together(items)))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            return error
        return None


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _as_async(pieces: Any) -> AsyncGenerator[Any, None]:
    if inspect.isasyncgen(pieces):
        async with aclosing(cast("AsyncGenerator[Any, None]", pieces)) as inner:
            async for piece in inner:
                yield piece
        return
    try:
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)  # a plain generator never waits: others get their turn here
    finally:
        pieces.close()
