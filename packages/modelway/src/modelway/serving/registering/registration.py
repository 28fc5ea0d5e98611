"""Keeps an endpoint registered under a lease while it is ready; a control plane that is away is asked again, for ever.

Where a platform has several, another one of them is asked meanwhile: each answer says where they are.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
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
MOST_OTHERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where callers reach a replica; `secure` by HTTPS; `grpc_port` by gRPC, if it is spoken."""

    host: str
    port: int
    secure: bool = False
    grpc_port: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    ttl: float = msgspec.field(name="ttlSeconds", default=0.0)
    others: tuple[str, ...] = ()


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
        self._headers = headers
        self._clients = [self._client_of(settings.url)]
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
                await asyncio.to_thread(
                    partial(self._clients[0].request, "DELETE", self._path, silence=DEREGISTER_SECONDS)
                )
        except (ModelwayError, TimeoutError) as error:
            self._events.emit("not_deregistered", reason=str(error))  # the lease runs out by itself
        self._registered = False
        for client in self._clients:
            client.close()

    async def _keep(self) -> None:
        pause = FIRST_RETRY_SECONDS
        ttl = self._settings.ttl_seconds
        while True:
            started = time.monotonic()
            try:
                answer = await asyncio.to_thread(
                    partial(self._clients[0].request, "PUT", self._path, body=self._body, silence=max(1.0, ttl / 3))
                )
                ttl, others = _granted(answer.body, ttl)
                self._learn(others)
            except ModelwayError as error:
                if self._registered or pause == FIRST_RETRY_SECONDS:
                    self._events.emit("not_registered", reason=error.message, hint=error.hint)
                self._registered = False
                self._clients.append(self._clients.pop(0))  # another control process may be there
                await asyncio.sleep(pause)
                pause = min(pause * 2, ttl / 3)
                continue
            if not self._registered:
                self._events.emit("registered", ttl_seconds=ttl)
            self._registered = True
            pause = FIRST_RETRY_SECONDS
            await asyncio.sleep(max(0.0, ttl / 3 - (time.monotonic() - started)))

    def _client_of(self, url: str) -> HttpClient:
        return HttpClient(url, headers=self._headers, timeouts=Timeouts(connect=2.0, silence=5.0))

    def _learn(self, others: Sequence[str]) -> None:
        """Where to ask when the one who answers now does not any more."""
        known = {client.url for client in self._clients}
        for url in others[:MOST_OTHERS]:
            if url not in known and len(self._clients) <= MOST_OTHERS:
                with suppress(ModelwayError):  # no address
                    self._clients.append(self._client_of(url))


def _granted(body: bytes, asked: float) -> tuple[float, Sequence[str]]:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return asked, ()
    return (answer.ttl if answer.ttl > 0 else asked), answer.others
