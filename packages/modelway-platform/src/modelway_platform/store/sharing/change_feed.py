"""Hears of what other processes on the database wrote, and wakes whoever waits here.

PostgreSQL tells (`LISTEN`); what it told while nobody listened, or a proxy swallowed, is made up for by waking all now and then:
they read the state anew, as always.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import URL

from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database, read_url
from modelway_platform.store.engines.postgres_engine import CHANNEL, connection_options

WAKE_SECONDS = 5.0
_LONGEST_PAUSE = 2.0
_ALIVE_SECONDS = 15.0

log = logging.getLogger(__name__)


class ChangeFeed:
    """Follows one database.

    Args:
        url: Where it is, as `Database` was told.
        database: The same, as this process uses it: what it wrote itself is no news.
        changes: Notified of what others wrote.
        on_order: Told what others asked for (`Database.tell`).
        wake_seconds: After which all are woken though nothing was told.
    """

    def __init__(
        self,
        url: str,
        database: Database,
        changes: Changes,
        on_order: Callable[[str], None] = lambda _: None,
        *,
        wake_seconds: float = WAKE_SECONDS,
    ) -> None:
        self._wake_seconds = wake_seconds
        self._url: URL = read_url(url).set(drivername="postgresql")
        self._me = database.me
        self._changes = changes
        self._on_order = on_order
        self.connected = False

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = 0.1
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError):
                if self.connected:
                    log.warning("changes of other control processes are not told at the moment; they are looked for")
            pause = 0.1 if self.connected else min(pause * 2, _LONGEST_PAUSE)
            self.connected = False
            self._changes.notify()
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        text = self._url.render_as_string(hide_password=False)
        connection = await psycopg.AsyncConnection[Any].connect(text, autocommit=True, **connection_options())
        try:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self.connected = True
            self._changes.notify()  # what was written before
            while True:
                async for told in connection.notifies(timeout=self._wake_seconds):
                    self._hear(told.payload)
                self._changes.notify()
                async with asyncio.timeout(_ALIVE_SECONDS):
                    await connection.execute(b"SELECT 1")
        finally:
            with suppress(psycopg.Error, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.close()

    def _hear(self, payload: str) -> None:
        sender, _, order = payload.partition(" ")
        if sender == self._me:
            return
        if order:
            self._on_order(order)
        self._changes.notify()
