"""Which of several control processes does what only one may do: the one that holds the lease (docs/decisions/0062).

Where a process has its state for itself it leads from the start, without a lease.
"""

import asyncio
import logging
import time
from typing import Protocol

from sqlalchemy import Connection

from modelway.errors import ModelwayError
from modelway_platform.store.changes import Changes
from modelway_platform.store.sharing.leases import Lease, LeaseLostError

LEASE_NAME = "leader"
LEASE_SECONDS = 8.0
_RENEWALS = 4  # so many in the time of a lease: a few may fail

log = logging.getLogger(__name__)


class Leadership(Protocol):
    """Whether this process leads."""

    def fence(self, connection: Connection) -> None:
        """For each transaction that only the leader may write.

        Raises:
            LeaseLostError: Another process leads.
        """
        ...

    def require(self) -> None:
        """Before anything that a database cannot take back.

        Raises:
            LeaseLostError: It is not certain that this process still leads.
        """
        ...

    async def until_leading(self) -> None: ...

    async def keep(self) -> None:
        """Goes on leading until cancelled.

        Raises:
            LeaseLostError: Another process has taken over.
        """
        ...

    async def release(self) -> None:
        """Let another one lead at once."""
        ...

    @property
    def leading(self) -> bool:
        """Whether this process leads, as far as it knows."""
        ...


class SoleLeadership:
    """Of a process that nobody shares a database with."""

    def fence(self, connection: Connection) -> None:
        """Nobody else writes."""

    def require(self) -> None:
        """Nobody else does anything."""

    async def until_leading(self) -> None:
        """At once."""

    async def keep(self) -> None:
        await asyncio.Event().wait()

    async def release(self) -> None:
        """There is nobody to take over."""

    @property
    def leading(self) -> bool:
        return True


class SharedLeadership:
    """By a lease in the database.

    Args:
        lease: Which one.
        changes: Notified when a lease may be free, by those who let one go.
    """

    def __init__(self, lease: Lease, changes: Changes) -> None:
        self._lease = lease
        self._changes = changes
        self._term = 0
        self._certain_until = 0.0

    def fence(self, connection: Connection) -> None:
        if not self._term:
            raise LeaseLostError(self._lease.name)
        self._lease.check(connection, self._term)

    def require(self) -> None:
        if not self._term or _clock() >= self._certain_until:
            raise LeaseLostError(self._lease.name)

    async def until_leading(self) -> None:
        waiting = False
        while True:
            seen, started = self._changes.number, _clock()
            try:
                term = await asyncio.to_thread(self._lease.take)
            except ModelwayError as error:
                log.warning("the lease cannot be asked for: %s", error.message)
                await asyncio.sleep(1.0)
                continue
            if term is not None:
                self._term, self._certain_until = term, started + self._lease.seconds
                log.info("this control process leads", extra={"term": term})
                return
            if not waiting:
                waiting = True
                log.info("another control process leads; this one serves the API and its gateway")
            await self._changes.wait(seen, self._pause())
            await asyncio.sleep(0.2)  # changes may come in swarms

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(self._pause())
            started = _clock()
            try:
                held = await asyncio.to_thread(self._lease.renew, self._term)
            except ModelwayError as error:  # nobody else can have it meanwhile, or the next answer says so
                log.warning("the lease cannot be renewed: %s", error.message)
                continue
            if not held:
                self._term = 0
                raise LeaseLostError(self._lease.name)
            self._certain_until = started + self._lease.seconds

    async def release(self) -> None:
        term, self._term = self._term, 0
        if term:
            try:
                await asyncio.to_thread(self._lease.release, term)
            except ModelwayError as error:
                log.warning("the lease ends by itself: %s", error.message)

    @property
    def leading(self) -> bool:
        return bool(self._term)

    def _pause(self) -> float:
        return self._lease.seconds / _RENEWALS


def _clock() -> float:
    """Goes on while the machine sleeps, as the database's does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
