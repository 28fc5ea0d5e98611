"""Leads one placed replica to its registration: waits until it is ready, has it rehearse, registers it, keeps it registered.

For replicas that do not register themselves, as those in containers without a way to control.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from modelway.client.addresses import path_of
from modelway.client.async_http_client import AsyncHttpClient
from modelway.errors import ModelwayError
from modelway.packaging import difference
from modelway.packaging.manifest import Example
from modelway_platform.domain.routing.endpoint import Endpoint

TTL_SECONDS = 6.0
_READY_INTERVAL = 0.1
_ASK_SECONDS = 5.0
_REHEARSE_SECONDS = 60.0


class Registry(Protocol):
    """Where replicas are registered; `discovery.embedded.Leases` is one."""

    def register(self, endpoint: Endpoint, ttl: float) -> float: ...

    def deregister(self, endpoint_id: str) -> bool: ...


class NotRehearsedError(ModelwayError):
    """A replica answers, but not what its package promises."""

    code = "invalid_package"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What is needed to lead replicas.

    Args:
        registry: Where they are registered.
        ttl: Seconds after which one that is not asked any more is forgotten.
    """

    registry: Registry
    ttl: float = TTL_SECONDS

    async def lead(self, endpoint: Endpoint, examples: Sequence[Example]) -> None:
        """Registers the replica at `endpoint` once it may be, with its port for gRPC if it has one, and keeps it registered while it says that it is ready.

        Runs until cancelled.

        Raises:
            NotRehearsedError: It does not answer a golden example as its package says.
        """
        client = AsyncHttpClient(f"http://{endpoint.host}:{endpoint.port}", connect_timeout=2.0, connections=2)
        try:
            while not await _is_ready(client):  # noqa: ASYNC110 - nobody tells: it can only be asked
                await asyncio.sleep(_READY_INTERVAL)
            await rehearse(client, examples)
            if endpoint.grpc_port and not await _listens(endpoint.host, endpoint.grpc_port):
                endpoint = replace(endpoint, grpc_port=0)
            while True:
                if await _is_ready(client):
                    self.registry.register(endpoint, self.ttl)
                await asyncio.sleep(self.ttl / 3)
        finally:
            await client.close()


async def rehearse(client: AsyncHttpClient, examples: Sequence[Example]) -> None:
    """Asks every golden example, over the network as a caller would.

    Raises:
        NotRehearsedError: An answer is not the expected one, or there is none.
    """
    for number, example in enumerate(examples, start=1):
        where = f"golden example {number} ({example.endpoint})"
        body = json.dumps(example.request).encode()
        try:
            answer = await client.request(
                "POST",
                path_of(example.endpoint),
                body=body,
                headers={"Content-Type": "application/json"},
                until=time.monotonic() + _REHEARSE_SECONDS,
            )
        except ModelwayError as error:
            raise NotRehearsedError(f"does not answer {where}: {error.message}") from error
        if example.response is None:
            continue
        wrong = difference(example.response, answer.json(), example.tolerance)
        if wrong:
            raise NotRehearsedError(f"does not answer {where} as its package says: {wrong}")


async def _listens(host: str, port: int) -> bool:
    """Whether anybody is there; a package without gRPC has no port for it."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _is_ready(client: AsyncHttpClient) -> bool:
    try:
        await client.request("GET", "/readyz", until=time.monotonic() + _ASK_SECONDS)
    except ModelwayError:
        return False
    return True
