"""Each route provider with its own way of joining, leaving and falling silent, for one suite of tests."""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from journeys.consul_agent import ConsulAgent, program
from journeys.kubernetes_cluster import KubernetesCluster

from modelway.serving.events import Events
from modelway.serving.registering.consul_registration import ConsulRegistration
from modelway.serving.registering.registration import Address
from modelway.serving.settings import Identity, RegistrationSettings
from modelway_platform.discovery.embedded import Leases
from modelway_platform.discovery.endpoint_slices import MODEL, PROJECT, VERSION
from modelway_platform.discovery.kubernetes_address import read_address
from modelway_platform.discovery.providers import ProviderSettings, make_followers
from modelway_platform.domain.routing.endpoint import Endpoint

TTL_SECONDS = 1.0


class Provider(ABC):
    """What the suite does to a provider; what it shows is in `leases`."""

    def __init__(self) -> None:
        self.told = 0
        self.held: list[str] = []
        self.leases = Leases(on_change=self._tell, on_held=self.held.append)
        self._tasks: list[asyncio.Task[None]] = []

    def _tell(self) -> None:
        self.told += 1

    @abstractmethod
    async def join(self, endpoint: Endpoint) -> None: ...

    @abstractmethod
    async def leave(self, endpoint: Endpoint) -> None: ...

    @abstractmethod
    async def fall_silent(self, endpoint: Endpoint) -> None:
        """As a killed replica does."""

    async def open(self) -> None:
        self._tasks.append(asyncio.create_task(self.leases.expire_forever(every=0.05)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def seen(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as this provider can tell of it."""
        return endpoint

    async def when(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Until it is so."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.01)

    async def until(self, *ids: str, seconds: float = 60) -> None:
        """Until exactly these are known."""
        await self.when(lambda: {each.id for each in self.leases.endpoints()} == set(ids), seconds)


class Embedded(Provider):
    """Replicas tell control itself."""

    def __init__(self) -> None:
        super().__init__()
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def join(self, endpoint: Endpoint) -> None:
        async def renew() -> None:
            while True:
                self.leases.register(endpoint, TTL_SECONDS)
                await asyncio.sleep(TTL_SECONDS / 3)

        self._renewing[endpoint.id] = asyncio.create_task(renew())
        self._tasks.append(self._renewing[endpoint.id])

    async def leave(self, endpoint: Endpoint) -> None:
        await self.fall_silent(endpoint)
        self.leases.deregister(endpoint.id)

    async def fall_silent(self, endpoint: Endpoint) -> None:
        self._renewing[endpoint.id].cancel()


class Consul(Provider):
    """Replicas tell an agent, as the model server does; control follows it."""

    def __init__(self, agent: ConsulAgent) -> None:
        super().__init__()
        self.agent = agent
        self._registrations: dict[str, ConsulRegistration] = {}

    async def open(self) -> None:
        await super().open()
        followers = make_followers(ProviderSettings(consul=self.agent.address), self.leases)
        self._tasks += [asyncio.create_task(each.run()) for each in followers]

    async def close(self) -> None:
        for each in list(self._registrations.values()):
            await each.stop()
        await super().close()

    async def join(self, endpoint: Endpoint) -> None:
        settings = RegistrationSettings(
            url=self.agent.address, token="", replica_id=endpoint.id, ttl_seconds=TTL_SECONDS
        )
        identity = Identity(
            project=endpoint.key.project,
            model=endpoint.key.model,
            version=endpoint.key.version,
            package=endpoint.package,
        )
        address = Address(
            host=endpoint.host, port=endpoint.port, secure=endpoint.secure, grpc_port=endpoint.grpc_port or None
        )
        registration = ConsulRegistration(settings, identity, address, Events())
        self._registrations[endpoint.id] = registration
        registration.start()

    async def leave(self, endpoint: Endpoint) -> None:
        await self._registrations.pop(endpoint.id).stop()

    async def fall_silent(self, endpoint: Endpoint) -> None:
        registration: Any = self._registrations.pop(endpoint.id)
        registration._task.cancel()  # a kill tells nobody
        await asyncio.wait([registration._task])
        registration._client.close()


class Kubernetes(Provider):
    """Replicas are listed in EndpointSlices, as Kubernetes' controllers do it; control follows them."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        super().__init__()
        self.cluster = cluster
        self.namespace = f"t-{secrets.token_hex(4)}"
        self.slices = f"{cluster.slices}/namespaces/{self.namespace}/endpointslices"

    async def open(self) -> None:
        await super().open()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.ask("POST", "/api/v1/namespaces", namespace)
        followed = read_address(f"kubernetes://{self.namespace}", {"KUBECONFIG": str(self.cluster.kubeconfig)})
        followers = make_followers(ProviderSettings(kubernetes=followed), self.leases)
        self._tasks += [asyncio.create_task(each.run()) for each in followers]

    async def ask(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        return await asyncio.to_thread(self.cluster.ask, method, path, body, **more)

    async def join(self, endpoint: Endpoint) -> None:
        await self.ask("POST", self.slices, self.slice_of(endpoint))

    async def leave(self, endpoint: Endpoint) -> None:
        await self.ask("DELETE", f"{self.slices}/{endpoint.id}")

    async def fall_silent(self, endpoint: Endpoint) -> None:
        listed = self.slice_of(endpoint)["endpoints"]
        change = {"endpoints": [{**listed[0], "conditions": {"ready": False}}]}
        merge = "application/merge-patch+json"
        await self.ask("PATCH", f"{self.slices}/{endpoint.id}", change, content_type=merge)

    def seen(self, endpoint: Endpoint) -> Endpoint:
        # Kubernetes takes no loopback addresses, and has no room for a digest in a label.
        return replace(endpoint, host=endpoint.host.replace("127.0.", "10.77."), package="")

    def slice_of(self, endpoint: Endpoint) -> dict[str, Any]:
        key, grpc = endpoint.key, [{"name": "grpc", "port": endpoint.grpc_port}] if endpoint.grpc_port else []
        scheme = "https" if endpoint.secure else "http"
        return {
            "apiVersion": self.cluster.slices.removeprefix("/apis/"),
            "kind": "EndpointSlice",
            "metadata": {
                "name": endpoint.id,
                "labels": {PROJECT: key.project, MODEL: key.model, VERSION: key.version},
            },
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [self.seen(endpoint).host],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "name": endpoint.id},
                }
            ],
            "ports": [{"name": "http", "port": endpoint.port, "appProtocol": scheme}, *grpc],
        }


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    if not program():
        pytest.skip("consul is not installed")
    agent = ConsulAgent(tmp_path_factory.mktemp("consul")).start()
    yield agent
    agent.kill()


@pytest_asyncio.fixture(params=["embedded", "consul", "kubernetes"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    made: Provider
    match request.param:
        case "embedded":
            made = Embedded()
        case "consul":
            made = Consul(request.getfixturevalue("agent"))
        case _:
            made = Kubernetes(request.getfixturevalue("kubernetes_cluster"))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def consul() -> Callable[[ConsulAgent], Consul]:
    return Consul


@pytest.fixture
def kubernetes() -> Callable[[KubernetesCluster], Kubernetes]:
    return Kubernetes
