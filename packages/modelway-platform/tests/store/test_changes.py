"""Waiting for changes."""

import asyncio
import threading

from modelway_platform.store.changes import Changes


async def test_a_change_from_another_thread_wakes_all_waiters() -> None:
    changes = Changes()
    waiting = [asyncio.create_task(changes.wait(0, 5)) for _ in range(3)]
    await asyncio.sleep(0.01)
    threading.Thread(target=changes.notify).start()
    assert await asyncio.gather(*waiting) == [1, 1, 1]


async def test_what_was_missed_is_seen_at_once() -> None:
    changes = Changes()
    changes.notify()
    changes.notify()
    assert await changes.wait(0) == 2


async def test_nothing_happens_and_the_time_is_over() -> None:
    assert await Changes().wait(0, 0.01) == 0


async def test_a_waiter_that_gave_up_is_forgotten() -> None:
    changes = Changes()
    waiting = asyncio.create_task(changes.wait(0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert changes._waiters == set()  # pyright: ignore[reportPrivateUsage]
