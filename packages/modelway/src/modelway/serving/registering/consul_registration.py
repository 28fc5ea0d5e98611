"""Keeps a replica registered in Consul: a service with a TTL check that is passed again and again, and taken out on drain.

Consul HTTP API, agent: https://developer.hashicorp.com/consul/api-docs/agent/service and …/agent/check.
"""

import asyncio
import time
from functools import partial
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.client.http_client import HttpClient, Timeouts
from modelway.errors import ModelwayError
from modelway.serving.events import Events
from modelway.serving.registering.consul_address import consul_address
from modelway.serving.registering.registration import DEREGISTER_SECONDS, FIRST_RETRY_SECONDS, Address
from modelway.serving.settings import Identity, RegistrationSettings

FORGOTTEN_AFTER = "10m"
"""When Consul itself removes a service that has been silent; it allows no less than a minute."""
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class ConsulRegistration:
    """One endpoint in Consul.

    Args:
        settings: Where and as whom; the token is one of Consul's, empty for none.
        identity: What it serves.
        address: Where callers reach it; an address that means all leaves it to Consul to name the node's.
        events: Where trouble is written.
    """

    settle_seconds = 1.0

    def __init__(self, settings: RegistrationSettings, identity: Identity, address: Address, events: Events) -> None:
        url, service = consul_address(settings.url)
        self._events = events
        self._ttl = settings.ttl_seconds
        self._id = settings.replica_id
        self._body = msgspec.json.encode(_service(settings, identity, address, service))
        self._pass = "/v1/agent/check/pass" + path_of(f"service:{self._id}")
        headers = {"Content-Type": "application/json"} | ({"X-Consul-Token": settings.token} if settings.token else {})
        self._client = HttpClient(url, headers=headers, timeouts=Timeouts(connect=2.0, silence=5.0))
        self._task: asyncio.Task[None] | None = None
        self._registered = False

    def start(self) -> None:
        """Register and keep passing the check."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Pass the check no more and take the service out; at most `DEREGISTER_SECONDS`."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        try:
            async with asyncio.timeout(DEREGISTER_SECONDS):
                await self._put("/v1/agent/service/deregister" + path_of(self._id), silence=DEREGISTER_SECONDS)
        except (ModelwayError, TimeoutError) as error:
            self._events.emit("not_deregistered", reason=str(error))  # the check fails by itself
        self._registered = False
        self._client.close()

    async def _keep(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while True:
            started = time.monotonic()
            try:
                await self._renew()
            except ModelwayError as error:
                if self._registered or pause == FIRST_RETRY_SECONDS:
                    self._events.emit("not_registered", reason=error.message, hint=error.hint)
                self._registered = False
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._ttl / 3)
                continue
            pause = FIRST_RETRY_SECONDS
            await asyncio.sleep(max(0.0, self._ttl / 3 - (time.monotonic() - started)))

    async def _renew(self) -> None:
        silence = max(1.0, self._ttl / 3)
        if self._registered:
            try:
                await self._put(self._pass, silence=silence)
            except ModelwayError as error:
                if error.error_code == "unreachable":
                    raise
                self._registered = False  # the agent does not know us any more: it lost its memory
        if not self._registered:
            await self._put("/v1/agent/service/register?replace-existing-checks=true", self._body, silence=silence)
            self._registered = True
            self._events.emit("registered", ttl_seconds=self._ttl)

    async def _put(self, path: str, body: bytes = b"", *, silence: float) -> None:
        await asyncio.to_thread(partial(self._client.request, "PUT", path, body=body, silence=silence))


def _service(settings: RegistrationSettings, identity: Identity, address: Address, name: str) -> dict[str, Any]:
    scheme = "https" if address.secure else "http"
    return {
        "ID": settings.replica_id,
        "Name": name,
        "Address": "" if address.host in _ANY_ADDRESS else address.host,
        "Port": address.port,
        "Tags": [f"project-{identity.project}", f"model-{identity.model}", f"version-{identity.version}", scheme],
        "Meta": {
            "project": identity.project,
            "model": identity.model,
            "version": identity.version,
            "replica": settings.replica_id,
            "package": identity.package,
            "scheme": scheme,
            "grpc_port": str(address.grpc_port or 0),
        },
        "Check": {
            "Name": "the replica answers for itself",
            "TTL": f"{settings.ttl_seconds:g}s",
            "Status": "passing",
            "DeregisterCriticalServiceAfter": FORGOTTEN_AFTER,
        },
    }
