"""Replicas found by Consul: replaced without a failed request, routed to soon after they are ready, kept while Consul is away."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from journeys.conftest import PlatformFactory
from journeys.consul_agent import ConsulAgent, program
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.serving.events import Events
from modelway.serving.registering.registrar import make_registrar
from modelway.serving.registering.registration import Address
from modelway.serving.settings import Identity, RegistrationSettings

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
SAMPLES = 40


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[ConsulAgent]:
    if not program():
        pytest.skip("consul is not installed")
    agent = ConsulAgent(tmp_path).start()
    yield agent
    agent.kill()


@pytest.fixture
def found_by_consul(agent: ConsulAgent, own_platform: PlatformFactory) -> RunningPlatform:
    platform = own_platform()
    platform.environment = {"MODELWAY_DISCOVERY": agent.address}
    return platform.start()


def test_a_rolling_restart_of_replicas_found_by_consul_fails_no_request(
    found_by_consul: RunningPlatform,
    agent: ConsulAgent,
    echo_package: Path,
    record_property: Callable[[str, object], None],
) -> None:
    platform, name = found_by_consul, "roll/echo/v1"
    echo = platform.upload(echo_package)
    platform.apply(deployment(name, echo, replicas=2, LABEL="old"), route("roll/echo", {"v1": 1}))
    platform.wait_ready(name)
    platform.wait_routed("/roll/echo/v1/echo")
    listed = agent.ask("GET", "/v1/health/service/modelway?passing")
    assert {each["Service"]["Meta"]["replica"] for each in listed} == {each["id"] for each in platform.endpoints(name)}
    assert {each["Service"]["Meta"]["model"] for each in listed} == {"echo"}
    with Load(lambda _: platform.caller(), "/roll/echo/echo", body=b'{"text": "hello", "seconds": 0.002}') as load:
        time.sleep(0.5)
        started = time.monotonic()
        platform.apply(deployment(name, echo, replicas=2, LABEL="new"))
        platform.wait_ready(name)
        took = time.monotonic() - started
        time.sleep(0.5)
        agent.kill()  # while it is away, everything goes on
        time.sleep(1.0)
        agent.start()
        wait_for("replicas are back", lambda: len(agent.ask("GET", "/v1/health/service/modelway?passing")) == 2)
    print(f"rolling restart of 2 replicas found by Consul: {load.summary()}; took {took:.1f} s")
    record_property("consul_rolling_requests", len(load.sent))
    record_property("consul_rolling_failed", len(load.failed))
    assert not load.failed, load.summary()
    labels = [sent.answer["label"] for sent in load.sent]
    assert (labels[0], labels[-1]) == ("old", "new")


def test_a_ready_replica_is_routed_to_soon(
    found_by_consul: RunningPlatform,
    agent: ConsulAgent,
    echo_package: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Both providers at once: control follows Consul, and replicas may tell control itself as ever."""
    platform = found_by_consul
    platform.apply(deployment("soon/echo/v1", platform.upload(echo_package), replicas=0))
    token = (platform.home / "run" / "replica-token").read_text().strip()
    for provider, url, secret in (
        ("embedded", platform.context["control"], token),
        ("consul", agent.address, ""),
    ):
        times = asyncio.run(_times(platform, url, secret))
        p99 = sorted(times)[min(len(times) - 1, round(len(times) * 0.99))]
        print(
            f"{provider}: from a replica that is ready to the first request it answers: "
            f"median {statistics.median(times) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of {len(times)}"
        )
        record_property(f"ready_to_routed_{provider}_p50_ms", round(statistics.median(times) * 1000))
        record_property(f"ready_to_routed_{provider}_p99_ms", round(p99 * 1000))
        assert p99 < 5  # 0.3 and 1 are the promise, on a quiet machine


async def _times(platform: RunningPlatform, url: str, token: str) -> list[float]:
    found: list[float] = []
    async with _stand_in() as port, platform.caller() as caller:
        for number in range(SAMPLES):
            settings = RegistrationSettings(url=url, token=token, replica_id=f"soon-{number}")
            identity = Identity(project="soon", model="echo", version="v1")
            registrar = make_registrar(settings, identity, Address(host="127.0.0.1", port=port), Events())
            started = time.monotonic()
            registrar.start()
            while (await caller.post("/soon/echo/v1/echo", b"{}")).status != 200:
                assert time.monotonic() - started < 20
                await asyncio.sleep(0.002)
            found.append(time.monotonic() - started)
            await registrar.stop()
            while (await caller.post("/soon/echo/v1/echo", b"{}")).status == 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.002)
    return found


@asynccontextmanager
async def _stand_in() -> AsyncGenerator[int]:
    """Answers every request at once, as a replica would."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")]
                await reader.readexactly(lengths[0] if lengths else 0)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:  # the gateway keeps its connections; they end with the test
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
