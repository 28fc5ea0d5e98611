"""What a control process needs to share a database with others: who leads, what the others wrote and want, whom they know."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modelway.errors import ModelwayError
from modelway_platform.apps.leadership import LEASE_NAME, LEASE_SECONDS, Leadership, SharedLeadership, SoleLeadership
from modelway_platform.apps.shared_endpoints import SharedEndpoints
from modelway_platform.discovery.embedded import Leases
from modelway_platform.domain.identity import VersionKey
from modelway_platform.store.access.keys import hash_secret
from modelway_platform.store.changes import Changes
from modelway_platform.store.database import Database
from modelway_platform.store.sharing.leases import Lease
from modelway_platform.store.sharing.members import Members


class Orders(Protocol):
    """What the leader is asked for, by the API of whichever process."""

    async def retry(self, key: VersionKey) -> None: ...

    def want(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class OwnOrders:
    """Carries them out here.

    Args:
        retry_here: See `Reconciler.retry`.
        want_here: See `SourceFollower.want`.
    """

    retry_here: Callable[[VersionKey], Coroutine[Any, Any, None]]
    want_here: Callable[[str], None]

    async def retry(self, key: VersionKey) -> None:
        await self.retry_here(key)

    def want(self, name: str) -> None:
        self.want_here(name)


class SharedOrders:
    """Carries them out here, in case this process leads, and tells the others.

    Args:
        own: Carries them out here.
        database: By which they are told.
    """

    def __init__(self, own: OwnOrders, database: Database) -> None:
        self._own = own
        self._database = database
        self._under_way: set[asyncio.Task[None]] = set()

    async def retry(self, key: VersionKey) -> None:
        await self._own.retry(key)
        await asyncio.to_thread(self._database.tell, f"retry {key}")

    def want(self, name: str) -> None:
        self._own.want(name)
        self._begin(self._tell(f"want {name}"))

    def hear(self, order: str) -> None:
        """Carry out what another process told."""
        verb, _, what = order.partition(" ")
        if verb == "want":
            self._own.want(what)
        elif verb == "retry" and what.count("/") == 2:
            self._begin(self._own.retry(VersionKey(*what.split("/"))))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _tell(self, order: str) -> None:
        try:
            await asyncio.to_thread(self._database.tell, order)
        except ModelwayError:  # the source is looked at when its time has come
            return


@dataclass(frozen=True, slots=True)
class Sharing:
    """The parts; `endpoints` is None where nobody else has the database."""

    leadership: Leadership
    endpoints: SharedEndpoints | None

    def jobs(self, url: str, database: Database, changes: Changes, orders: Orders) -> Sequence[asyncio.Task[None]]:
        """What goes on beside everything else."""
        if self.endpoints is None or not isinstance(orders, SharedOrders):
            return ()
        from modelway_platform.store.sharing.change_feed import ChangeFeed  # noqa: PLC0415 - needs the driver

        feed = ChangeFeed(url, database, changes, orders.hear)
        return (
            asyncio.create_task(feed.run(), name="change feed"),
            asyncio.create_task(self.endpoints.run(changes, time.monotonic), name="shared endpoints"),
        )


def make_sharing(
    database: Database, changes: Changes, leases: Leases, *, instance: str, url: str, replica_token: str
) -> Sharing:
    """What this process needs for its database."""
    if not database.shared:
        return Sharing(SoleLeadership(), None)
    me = hashlib.sha256(instance.encode()).hexdigest()[:16]
    lease = Lease(database, LEASE_NAME, me, LEASE_SECONDS)
    members = Members(database, me)
    return Sharing(SharedLeadership(lease, changes), SharedEndpoints(members, leases, url, hash_secret(replica_token)))
