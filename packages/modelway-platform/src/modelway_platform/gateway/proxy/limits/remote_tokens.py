"""Tokens of limits that several gateway machines share: leased from Redis in slabs, beside the requests and never in their way.

Redis keeps the same one number per limit that workers of one machine keep in shared memory (`domain.access.allowance`), by its own
clock; a script changes it in one step. While Redis cannot be reached, everybody falls back to limits per machine.
"""

import asyncio
import math
import sys
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from modelway_platform.domain.access.allowance import LARGEST_SLAB, SHARE
from modelway_platform.domain.access.limits import Quota, RateLimit

ANSWER_SECONDS = 0.5
DOWN_SECONDS = 1.0
LARGEST_BATCH = 500
_PREFIX = "modelway:limit:"
# KEYS: the limit. ARGV: kind, requests, window, burst, tokens wanted, tokens that were spent (or came back) outside of a lease.
# Answers: tokens granted, tokens left for others, microseconds until there is one again.
_SCRIPT = f"""
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local requests, window, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, spent = tonumber(ARGV[5]), tonumber(ARGV[6])
local function slab(available)
  return math.max(math.min(wanted, math.max(math.floor(available / {SHARE}), 1), {LARGEST_SLAB}, available), 0)
end
if ARGV[1] == 'quota' then
  local number = math.floor(now / window)
  local used = tonumber(redis.call('HGET', KEYS[1], number) or '0') + spent
  if used < 0 then used = 0 end
  local granted = slab(requests - used)
  used = used + granted
  local ends = math.ceil(((number + 1) * window - now) * 1000)
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], number, used)
  redis.call('PEXPIRE', KEYS[1], math.max(ends, 1))
  return {{granted, math.max(requests - used, 0), ends * 1000}}
end
local interval = window / requests
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then full = now end
full = full + spent * interval
local available = math.floor(burst - (full - now) / interval + 0.000001)
local granted = slab(available)
full = full + granted * interval
if full > now then
  redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000) + 1000)
else
  redis.call('DEL', KEYS[1])
end
return {{granted, math.max(available - granted, 0), math.ceil((full - (burst - 1) * interval - now) * 1000000)}}
"""


class Lessee(Protocol):
    """Who holds leased tokens; `remote_bucket.RemoteBucket` is one."""

    limit: RateLimit | Quota
    remote_name: str

    def owed(self, *, all_of_it: bool) -> tuple[int, int]:
        """(tokens wanted, tokens to be accounted for: spent outside of a lease, or negative for those that come back)."""
        ...

    def leased(self, granted: int, left: int, again_in: float) -> None:
        """A lease, or word that there is nothing for `again_in` seconds."""
        ...

    def not_leased(self) -> None:
        """Redis did not answer."""
        ...


class RemoteTokens:
    """Leases for all buckets of one worker, in batches over one connection.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        loop: Where leases are fetched.

    Raises:
        ValueError: `url` is none.
    """

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        # One try per batch: what fails is said at once, and limits are kept locally meanwhile.
        self._redis = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its **kwargs have no types
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=None, max_connections=4
        )
        self._loop = loop
        self._waiting: dict[Lessee, bool] = {}
        self._task: asyncio.Task[None] | None = None
        self._down_until = 0.0
        self._said_down = False

    @property
    def is_down(self) -> bool:
        """Whether Redis failed so lately that nobody should ask it."""
        return time.monotonic() < self._down_until

    def ask(self, lessee: Lessee, *, give_back: bool = False) -> None:
        """Have tokens leased, or accounted for, soon; at most once per lessee at a time."""
        self._waiting[lessee] = self._waiting.get(lessee, False) or give_back
        if self._task is None:
            self._task = self._loop.create_task(self._run())

    async def close(self) -> None:
        """Give everything back that was asked for, then disconnect."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=ANSWER_SECONDS)
        await self._redis.aclose()

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = dict(list(self._waiting.items())[:LARGEST_BATCH])
                for lessee in batch:
                    del self._waiting[lessee]
                await self._lease(batch)
        finally:
            self._task = None

    async def _lease(self, batch: dict[Lessee, bool]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for lessee, give_back in batch.items():
            wanted, spent = lessee.owed(all_of_it=give_back)
            pipeline.eval(_SCRIPT, 1, _PREFIX + lessee.remote_name, *_arguments(lessee.limit), wanted, spent)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answers = await cast("Awaitable[list[Any]]", pipeline.execute(raise_on_error=False))
        except (RedisError, OSError, TimeoutError) as error:
            answers: list[Any] = [error] * len(batch)
        failed = next((each for each in answers if isinstance(each, BaseException)), None)
        if failed is not None:
            self._went_down(failed)
        elif self._said_down:
            self._said_down = False
            print("gateway: limits are shared between machines again", file=sys.stderr)  # noqa: T201
        for lessee, answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                lessee.not_leased()
            else:
                granted, left, microseconds = cast("Sequence[int]", answer)
                lessee.leased(granted, left, microseconds / 1e6)

    def _went_down(self, error: BaseException) -> None:
        self._down_until = time.monotonic() + DOWN_SECONDS
        if not self._said_down:
            self._said_down = True
            words = type(error).__name__
            print(f"gateway: Redis does not answer ({words}); limits hold per machine until it does", file=sys.stderr)  # noqa: T201


def _arguments(limit: RateLimit | Quota) -> tuple[str | int | float, ...]:
    if isinstance(limit, Quota):
        return ("quota", limit.requests, limit.window, limit.requests)
    return ("rate", limit.requests, limit.window, limit.burst)


def most_credit(limit: RateLimit | Quota) -> int:
    """How many tokens a worker may spend before its first lease has come, to be accounted for with it."""
    size = limit.requests if isinstance(limit, Quota) else limit.burst
    return min(max(math.floor(size / SHARE), 1), LARGEST_SLAB)
