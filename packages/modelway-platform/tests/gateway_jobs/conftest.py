"""Real databases and brokers on loopback, started by the test and ended by pid; what is not installed skips by name."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest
from journeys.postgres_server import free_port, wait_for

from modelway_platform.gateway.jobs.stores.port import JobStore
from modelway_platform.gateway.jobs.stores.store_nats import NatsJobStore
from modelway_platform.gateway.jobs.stores.store_sql import SqlJobStore

StoreFactory = Callable[[], JobStore]


class Nats:
    """A server with its monitoring port; `sync_always` needs a release that has it."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder
        self._program = program
        self.port, self.monitor = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}?monitor=http://127.0.0.1:{self.monitor}"

    def start(self) -> None:
        arguments = ("-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self._folder), "-m", str(self.monitor))
        self._process = subprocess.Popen([self._program, *arguments], stderr=subprocess.DEVNULL)

        def answers() -> bool:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                socket.create_connection(("127.0.0.1", self.monitor), 1).close()
                return True
            return False

        wait_for(answers, "NATS answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nats]:
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        pytest.skip("nats-server is not installed")
    server = Nats(tmp_path_factory.mktemp("nats"), program)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql", "nats"])
async def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[StoreFactory]:
    """Makes stores over the same jobs, none of which there are at the beginning."""
    made: list[JobStore] = []
    match request.param:
        case "sqlite":
            url = f"sqlite:///{tmp_path / 'jobs.db'}"
        case "postgresql":
            url = request.getfixturevalue("postgres").url
            await asyncio.to_thread(_drop_tables, url)
        case _:
            url = request.getfixturevalue("nats_server").url
            await _drop_bucket(url)

    def make() -> JobStore:
        made.append(NatsJobStore(url, allow_relaxed=True) if request.param == "nats" else SqlJobStore(url))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def store(make_store: StoreFactory) -> JobStore:
    made = make_store()
    await made.open()
    return made


def _drop_tables(url: str) -> None:
    import psycopg  # noqa: PLC0415 - only where there is a server

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS jobs, jobs_shape")


async def _drop_bucket(url: str) -> None:
    import nats  # noqa: PLC0415 - only where there is a server
    from nats.js.errors import NotFoundError  # noqa: PLC0415 - as above

    from modelway_platform.gateway.jobs.stores.store_nats import BUCKET  # noqa: PLC0415 - as above

    client = await nats.connect(url.partition("?")[0])  # pyright: ignore[reportUnknownMemberType] - open keyword arguments
    with suppress(NotFoundError):
        await client.jetstream().delete_key_value(BUCKET)  # pyright: ignore[reportUnknownMemberType] - as above
    await client.close()
