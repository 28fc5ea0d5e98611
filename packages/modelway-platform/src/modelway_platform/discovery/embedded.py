"""The built-in route provider: replicas register here under a lease, and disappear when they stop renewing it.

Leases live in memory only, because every replica repeats its registration; after a restart of control the endpoints of the
last published table are taken over for a grace time, so that the table never shrinks just because control was away.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from modelway_platform.domain.endpoint import Endpoint
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.route_table import RouteTable

GRACE_SECONDS = 30.0
EXPIRY_SECONDS = 0.25
SHORTEST_TTL_SECONDS = 1.0
LONGEST_TTL_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An endpoint and when it is forgotten unless renewed, by the monotonic clock."""

    endpoint: Endpoint
    ends: float


class Leases:
    """Who answers now. Every method may be called from any thread.

    Args:
        clock: Seconds that never jump; leases must not end because somebody set the wall clock.
        on_change: Called after `endpoints()` changed, outside the lock.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}

    def seed(self, table: RouteTable | None, grace: float = GRACE_SECONDS) -> None:
        """Take over the endpoints of the last table, until they register again or `grace` seconds are over."""
        if table is None:
            return
        ends = self._clock() + grace
        with self._lock:
            for model in table.models:
                for version in model.versions:
                    key = VersionKey(model.project, model.model, version.version)
                    for replica in version.replicas:
                        endpoint = Endpoint(
                            id=replica.id, key=key, host=replica.host, port=replica.port, secure=replica.secure
                        )
                        self._leases.setdefault(replica.id, Lease(endpoint=endpoint, ends=ends))

    def register(self, endpoint: Endpoint, ttl: float) -> float:
        """Note or renew an endpoint. Returns the lease's length, which may be shorter or longer than asked for.

        Another endpoint at the same address is forgotten: only one process can listen there, and it is this one.
        """
        granted = min(max(ttl, SHORTEST_TTL_SECONDS), LONGEST_TTL_SECONDS)
        with self._lock:
            before = self._leases.get(endpoint.id)
            usurped = [
                lease.endpoint.id
                for lease in self._leases.values()
                if lease.endpoint.id != endpoint.id
                and (lease.endpoint.host, lease.endpoint.port) == (endpoint.host, endpoint.port)
            ]
            for each in usurped:
                del self._leases[each]
            self._leases[endpoint.id] = Lease(endpoint=endpoint, ends=self._clock() + granted)
            changed = bool(usurped) or before is None or before.endpoint != endpoint
        self._tell(changed)
        return granted

    def deregister(self, endpoint_id: str) -> bool:
        """Forget an endpoint because it says so. Returns whether it was known."""
        with self._lock:
            known = self._leases.pop(endpoint_id, None) is not None
        self._tell(known)
        return known

    def drop(self, endpoint_id: str) -> bool:
        """Forget an endpoint because its process was seen to end. Returns whether it was known."""
        return self.deregister(endpoint_id)

    def expire(self, now: float | None = None) -> tuple[Endpoint, ...]:
        """Forget those whose lease is over. Returns them."""
        moment = self._clock() if now is None else now
        with self._lock:
            over = [lease.endpoint for lease in self._leases.values() if lease.ends <= moment]
            for endpoint in over:
                del self._leases[endpoint.id]
        self._tell(bool(over))
        return tuple(over)

    async def expire_forever(self, every: float = EXPIRY_SECONDS) -> None:
        """Call `expire` again and again; cancel to stop."""
        while True:
            self.expire()
            await asyncio.sleep(every)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All whose lease runs, by id."""
        with self._lock:
            return tuple(lease.endpoint for _, lease in sorted(self._leases.items()))

    def _tell(self, changed: bool) -> None:  # noqa: FBT001 - the one thing it is about
        if changed:
            self.on_change()
