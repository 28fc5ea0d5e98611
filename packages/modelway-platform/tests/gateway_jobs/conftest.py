"""Real databases and brokers on loopback, started by the test and ended by pid; what is not installed skips by name."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from modelway_platform.gateway.jobs.port import JobStore
from modelway_platform.gateway.jobs.store_nats import NatsJobStore
from modelway_platform.gateway.jobs.store_sql import SqlJobStore

StoreFactory = Callable[[], JobStore]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Postgres:
    """A server of Debian's, with its files in a folder of its own and a socket there."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        folder.mkdir(parents=True)
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-N", "-U", "postgres")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self, *options: str) -> None:
        data = str(self.folder / "data")
        settings = ("-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), *options)
        self._process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", data, *settings],
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


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
def postgres() -> Generator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("postgresql is not installed")
    # Below pytest's own folders the server's user may not go.
    folder = Path(tempfile.mkdtemp(prefix="modelway-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server", found[-1].parent)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


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

    from modelway_platform.gateway.jobs.store_nats import BUCKET  # noqa: PLC0415 - as above

    client = await nats.connect(url.partition("?")[0])  # pyright: ignore[reportUnknownMemberType] - open keyword arguments
    with suppress(NotFoundError):
        await client.jetstream().delete_key_value(BUCKET)  # pyright: ignore[reportUnknownMemberType] - as above
    await client.close()
