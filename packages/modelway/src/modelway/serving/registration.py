"""Keeps an endpoint registered under a lease while it is ready; a control plane that is away is asked again, for ever."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

import msgspec

from modelway.client.addresses import path_of
from modelway.client.http_client import HttpClient, Timeouts
from modelway.errors import ModelwayError
from modelway.serving.events import Events
from modelway.serving.settings import Identity, RegistrationSettings

FIRST_RETRY_SECONDS = 0.1
DEREGISTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where callers reach a replica; `secure` by HTTPS; `grpc_port` by gRPC, if it is spoken."""

    host: str
    port: int
    secure: bool = False
    grpc_port: int | None = None


class Registration:
    """One endpoint's lease.

    Args:
        settings: Where and as whom.
        identity: What it serves.
        address: Where callers reach it.
        events: Where trouble is written.
    """

    settle_seconds = 0.3
    """Control tells the gateways at once."""

    def __init__(self, settings: RegistrationSettings, identity: Identity, address: Address, events: Events) -> None:
        self._settings = settings
        self._events = events
        self._body = msgspec.json.encode(
            {
                "project": identity.project,
                "model": identity.model,
                "version": identity.version,
                "host": address.host,
                "port": address.port,
                **({"scheme": "https"} if address.secure else {}),
                **({"grpcPort": address.grpc_port} if address.grpc_port else {}),
                "package": identity.package,
                "ttlSeconds": settings.ttl_seconds,
            }
        )
        self._path = "/v1/endpoints" + path_of(settings.replica_id)
        headers = {"Authorization": f"Bearer {settings.token}", "Content-Type": "application/json"}
        self._client = HttpClient(settings.url, headers=headers, timeouts=Timeouts(connect=2.0, silence=5.0))
        self._task: asyncio.Task[None] | None = None
        self._registered = False

    def start(self) -> None:
        """Register and keep renewing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Renew no more and take the endpoint out, so that no caller is sent here; at most `DEREGISTER_SECONDS`."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        try:
            async with asyncio.timeout(DEREGISTER_SECONDS):
                await asyncio.to_thread(partial(self._client.request, "DELETE", self._path, silence=DEREGISTER_SECONDS))
        except (ModelwayError, TimeoutError) as error:
            self._events.emit("not_deregistered", reason=str(error))  # the lease runs out by itself
        self._registered = False
        self._client.close()

    async def _keep(self) -> None:
        pause = FIRST_RETRY_SECONDS
        ttl = self._settings.ttl_seconds
        while True:
            started = time.monotonic()
            try:
                answer = await asyncio.to_thread(
                    partial(self._client.request, "PUT", self._path, body=self._body, silence=max(1.0, ttl / 3))
                )
                ttl = _ttl(answer.body, ttl)
            except ModelwayError as error:
                if self._registered or pause == FIRST_RETRY_SECONDS:
                    self._events.emit("not_registered", reason=error.message, hint=error.hint)
                self._registered = False
                await asyncio.sleep(pause)
                pause = min(pause * 2, ttl / 3)
                continue
            if not self._registered:
                self._events.emit("registered", ttl_seconds=ttl)
            self._registered = True
            pause = FIRST_RETRY_SECONDS
            await asyncio.sleep(max(0.0, ttl / 3 - (time.monotonic() - started)))


def _ttl(body: bytes, asked: float) -> float:
    try:
        granted = float(msgspec.json.decode(body)["ttlSeconds"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return asked
    return granted if granted > 0 else asked
