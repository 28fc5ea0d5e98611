"""Reads the gateway's metrics again and again into the series, also while nobody looks."""

import asyncio
import logging
import time

from modelway.client.async_http_client import AsyncHttpClient
from modelway.errors import ModelwayError
from modelway_platform.console.metrics_page import Page, read_page
from modelway_platform.console.series import Series

EVERY_SECONDS = 2.0
LONGEST_SECONDS = 5.0
# With thousands of models the page is long: reading it may take this share of a core and no more.
MOST_SHARE = 0.05

log = logging.getLogger("modelway_platform.console")


async def sample(client: AsyncHttpClient, series: Series) -> None:
    """Goes on until cancelled; a gateway that cannot be asked leaves a gap, which is said once."""
    failing = False
    while True:
        spent = 0.0
        try:
            answer = await client.request("GET", "/_/metrics", until=time.monotonic() + LONGEST_SECONDS)
            page, spent = await asyncio.to_thread(_read, answer.body)
            series.add(time.time(), page)
            failing = False
        except ModelwayError as error:
            if not failing:
                log.warning("the gateway's metrics cannot be read: %s", error.message)
            failing = True
        await asyncio.sleep(max(EVERY_SECONDS, spent / MOST_SHARE))


def _read(body: bytes) -> tuple[Page, float]:
    """The page, and the seconds of CPU that it took."""
    begun = time.thread_time()
    page = read_page(body.decode(errors="replace"))
    return page, time.thread_time() - begun
