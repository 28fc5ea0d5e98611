"""Row R13: two versions on one PostgreSQL database, up and back down, while a gateway of its own and replicas serve: 0 failed requests."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from examples.digits.traffic import Caller
from journeys.conftest import PlatformFactory
from journeys.faults.form import pick
from journeys.load import Load
from journeys.ports import free_ports
from journeys.postgres_server import Postgres, programs, running_postgres
from journeys.previous_version import PreviousVersion, commit_before_the_newest_shape, install
from journeys.projects import deployment, route
from journeys.running_platform import MODELWAY, RunningPlatform, wait_for

from modelway.client import DocumentFile
from modelway.errors import ModelwayError
from modelway_platform.store.database import NEWEST_MIGRATION

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1500)]
NAME = "r13/echo/v1"
PATH = "/r13/echo/echo"
TOGETHER_SECONDS = 600.0
SLOW = 180.0
Gateway = Callable[[RunningPlatform], int]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("postgresql is not installed")
    with running_postgres("-c", "fsync=off") as made:
        yield made


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> PreviousVersion:
    commit = commit_before_the_newest_shape()
    if not commit:
        pytest.skip("the history of this repository is not at hand: there is no previous version to run")
    return install(commit, tmp_path_factory.mktemp("previous"))


@pytest.fixture
def both(own_platform: PlatformFactory, server: Postgres, tmp_path: Path) -> tuple[RunningPlatform, RunningPlatform]:
    """Two platforms on one database, not started yet."""
    packages = tmp_path / "packages"
    packages.mkdir()
    one, two = own_platform(workers=1), own_platform(workers=1)
    for each in (one, two):
        each.environment = {"MODELWAY_DATABASE": server.url, "MODELWAY_PACKAGES": str(packages)}
    return one, two


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Starts `modelway gateway run` of this version, following a platform's control; its port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(platform: RunningPlatform) -> int:
        (port,) = free_ports(1)
        key = json.loads(platform.cli("key", "create", "edge", "--role", "gateway", "-o", "json").stdout)["secret"]
        where = ("--directory", str(tmp_path / "edge"), "--port", str(port), "--name", "edge")
        command = [MODELWAY, "gateway", "run", "--control", platform.context["control"], *where]
        with (tmp_path / "edge.log").open("wb") as log:
            environment = {**os.environ, "MODELWAY_GATEWAY_KEY": key}
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return port

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class Story:
    """What the versions do one after the other, and what has to be so whenever one is done."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._weight = 1
        self.applied: list[int] = []

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._server.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    @property
    def shape(self) -> str:
        return str(self.ask("SELECT version_num FROM alembic_version")[0][0])

    def history(self) -> list[tuple[Any, ...]]:
        return self.ask("SELECT kind, name, number, document, author, cause FROM revisions ORDER BY kind, name, number")

    def edit(self, platform: RunningPlatform) -> None:
        """A change that is accepted there, with the next number, and seen by whoever is asked."""
        self._weight += 1
        text = route("r13/echo", {"v1": self._weight}, idempotent=True)
        with platform.control() as control:
            [done] = control.apply([DocumentFile("r13.yaml", text)])
        self.applied.append(done.revision)

    def scale(self, platform: RunningPlatform, digest: str, replicas: int) -> None:
        platform.apply(deployment(NAME, digest, replicas=replicas))
        platform.wait_ready(NAME, seconds=SLOW)
        wait_for("each is registered", lambda: len(platform.endpoints(NAME)) == replicas, SLOW)


def start(platform: RunningPlatform, command: str) -> None:
    """With a version's `modelway up`; tried again where a busy machine took longer than that waits for its control."""
    platform.command = command
    for left in (3, 2, 1, 0):
        try:
            platform.start(SLOW)
        except AssertionError as error:
            if not left or "control was not ready" not in str(error):
                raise
        else:
            return


def leads(platform: RunningPlatform) -> bool:
    """What its metrics say."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{platform.control_port}/metrics", headers={"Authorization": f"Bearer {platform.key}"}
    )
    with suppress(OSError), urllib.request.urlopen(asked, timeout=10) as answer:
        return "modelway_control_leading 1" in answer.read().decode()
    return False


def kill(platform: RunningPlatform) -> None:
    """The machine's platform goes at once; its replicas stay."""
    control = platform.control_process()
    assert control is not None
    platform.signal(signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(control, signal.SIGKILL)
    wait_for("its control is gone", lambda: platform.control_process() is None)


def test_up_and_down_while_requests_are_answered(
    both: tuple[RunningPlatform, RunningPlatform],
    echo_package: Path,
    previous: PreviousVersion,
    gateway: Gateway,
    server: Postgres,
) -> None:
    assert previous.shape != NEWEST_MIGRATION
    (one, two), story = both, Story(server)
    start(one, previous.command)
    assert story.shape == previous.shape
    digest = one.upload(echo_package)
    one.apply(deployment(NAME, digest), route("r13/echo", {"v1": 1}, idempotent=True))
    one.wait_ready(NAME, seconds=SLOW)
    port = gateway(one)
    key = one.key

    def caller(_: int) -> Caller:
        return Caller("127.0.0.1", port, key)

    wait_for("the gateway answers", lambda: _answers(port, key), SLOW)
    with Load(caller, PATH, connections=2, pause=0.02) as load:
        _up(story, one, two, digest)
        before = story.history()
        assert story.applied == list(range(2, 2 + len(story.applied))), "no edit is lost, by whichever version"
        _down(story, one, two, previous, server)
        assert story.history() == before, "what was declared is told as before"
        story.edit(one)
        story.scale(one, digest, 1)
        wait_for("the newest table is at the gateway", lambda: _newest_table_is_used(one), SLOW)
    print(
        f"R13: {load.summary()}; {len(story.applied)} edits; {previous.shape} → {NEWEST_MIGRATION} → {previous.shape}"
    )
    assert load.failed == [], load.summary()
    assert len(load.sent) > 100


def _up(story: Story, one: RunningPlatform, two: RunningPlatform, digest: str) -> None:
    """The newer version comes beside the older one, both work, then the older one is replaced."""
    start(two, MODELWAY)
    assert story.shape == NEWEST_MIGRATION
    assert leads(one), "the older one leads on"
    ends = time.monotonic() + pick(2.0, TOGETHER_SECONDS)
    story.scale(two, digest, 2)  # declared at the newer one, carried out by the older one
    while time.monotonic() < ends or len(story.applied) < 4:
        for platform in (one, two):
            story.edit(platform)
        time.sleep(pick(0.1, 2.0))
    assert _told(one) == _told(two)
    kill(one)
    wait_for("the newer one leads", lambda: leads(two), SLOW)
    story.scale(two, digest, 3)
    start(one, MODELWAY)
    story.edit(one)


def _down(
    story: Story, one: RunningPlatform, two: RunningPlatform, previous: PreviousVersion, server: Postgres
) -> None:
    """Control of the newer version ends, its gateways' table and the replicas go on; the tables go back, and the older one comes."""
    back = [MODELWAY, "database", "migrate", "--at", server.url, "--to", previous.shape]
    refused = subprocess.run(back, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "a control process uses" in refused.stderr
    kill(one)
    kill(two)
    wait_for("nobody leads", lambda: subprocess.run(back, capture_output=True, check=False).returncode == 0, 60)
    assert story.shape == previous.shape
    start(one, previous.command)
    wait_for("the older one leads", lambda: leads(one), SLOW)
    one.wait_ready(NAME, seconds=SLOW)
    wait_for("all replicas turn to it", lambda: len(one.endpoints(NAME)) == 3, SLOW)


def _told(platform: RunningPlatform) -> list[Any]:
    with platform.control() as control:
        return [(each["number"], each["document"]) for each in control.revisions("routes", "r13/echo")]


def _answers(port: int, key: str) -> bool:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}", b'{"text": "x"}', {"Authorization": f"Bearer {key}"}
    )
    with suppress(OSError), urllib.request.urlopen(asked, timeout=30) as answer:
        return bool(answer.status == 200)
    return False


def _newest_table_is_used(platform: RunningPlatform) -> bool:
    try:
        with platform.control() as control:
            tables = {str(each["id"]): int(each["table"]) for each in control.list_all("gateways")}
    except ModelwayError:
        return False
    edge = [number for name, number in tables.items() if name.startswith("edge")]
    return bool(edge) and min(edge) == max(tables.values())
