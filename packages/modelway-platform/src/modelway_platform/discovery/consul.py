"""Follows the replicas that are registered in Consul, by blocking queries."""

import asyncio
import time

from modelway.client.addresses import path_of
from modelway.client.async_http_client import AsyncHttpClient
from modelway_platform.discovery.consul_index import WAIT_SECONDS, Cursor, knows_leader
from modelway_platform.discovery.consul_services import read_instances
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.follower import Follower

# Consul adds up to a sixteenth of the wait by chance, so that clients do not all come back at once.
_ANSWER_SECONDS = WAIT_SECONDS * 17 / 16 + 10
BETWEEN_SECONDS = 0.05
"""At most 20 queries a second, however much Consul changes."""
DOUBT_SECONDS = 3.0
"""How long a replica whose check failed, or that a Consul without memory does not know, is kept: it renews within a third of its TTL."""


class ConsulFollower(Follower):
    """Keeps leases as the health of one service in Consul says.

    Args:
        url: The agent's HTTP API.
        service: The name replicas are registered by.
        leases: Where they are noted.
        token: An ACL token that may read the service; empty for none.
        ca_file: PEM certificates to trust over HTTPS; empty for the system's.
    """

    def __init__(self, url: str, service: str, leases: Leases, *, token: str = "", ca_file: str = "") -> None:
        super().__init__("consul", leases)
        headers = {"X-Consul-Token": token} if token else {}
        self._client = AsyncHttpClient(url, headers=headers, connect_timeout=2.0, connections=1, ca_file=ca_file)
        # Any server may answer: a few milliseconds older, but also while the cluster elects a leader.
        self._path = f"/v1/health/service{path_of(service)}?stale"
        self._highest = 0

    async def follow(self) -> None:
        cursor = Cursor()
        try:
            while True:
                started = time.monotonic()
                cursor = await self._ask(cursor)
                await asyncio.sleep(max(0.0, BETWEEN_SECONDS - (time.monotonic() - started)))
        finally:
            await self._client.close()

    async def _ask(self, cursor: Cursor) -> Cursor:
        query = cursor.query()
        answer = await self._client.request(
            "GET", f"{self._path}&{query}" if query else self._path, until=time.monotonic() + _ANSWER_SECONDS
        )
        after, backwards = cursor.after(answer.headers)
        if backwards:
            return after  # the state belongs to an index of before; ask for all of it
        instances = read_instances(answer.body)
        # After an outage as well: a Consul that starts again without its memory knows nobody.
        lost = after.index < self._highest or not knows_leader(answer.headers)
        if not lost:
            self._highest = after.index
        self.observe(instances.passing, None if lost else instances.failing, DOUBT_SECONDS)
        if lost and knows_leader(answer.headers):
            self._highest = after.index
        return after
