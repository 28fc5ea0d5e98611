"""Two platforms on one PostgreSQL: both serve the API, one leads; it is stopped or killed, and the other goes on."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from journeys.conftest import PlatformFactory
from journeys.load import Load
from journeys.postgres_server import Postgres, programs, running_postgres
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]
NAME = "two/echo/v1"
PATH = "/two/echo/echo"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for these tests, which hurt what is connected to it."""
    if programs() is None:
        pytest.skip("postgresql is not installed")
    with running_postgres("-c", "fsync=off") as server:
        yield server


@pytest.fixture
def both(own_platform: PlatformFactory, postgres: Postgres, tmp_path: Path) -> tuple[RunningPlatform, RunningPlatform]:
    """Two of them; the first leads, as it was there first."""
    packages = tmp_path / "packages"
    packages.mkdir()
    made: list[RunningPlatform] = []
    for _ in range(2):
        platform = own_platform(workers=1)
        platform.environment = {"MODELWAY_DATABASE": postgres.url, "MODELWAY_PACKAGES": str(packages)}
        made.append(platform.start())
        wait_for("the first leads", lambda: leads(made[0]))
    return made[0], made[1]


def leads(platform: RunningPlatform) -> bool:
    """What its metrics say."""
    url = f"http://127.0.0.1:{platform.control_port}/metrics"
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {platform.key}"})
    with suppress(OSError), urllib.request.urlopen(asked, timeout=10) as answer:
        return "modelway_control_leading 1" in answer.read().decode()
    return False


def scale(platform: RunningPlatform, digest: str, replicas: int) -> None:
    platform.apply(deployment(NAME, digest, replicas=replicas))
    platform.wait_ready(NAME, seconds=120)


def ask(postgres: Postgres, statement: str) -> list[Any]:
    with psycopg.connect(postgres.url) as connection:
        return [row[0] for row in connection.execute(statement.encode()).fetchall()]


def started(postgres: Postgres) -> list[str]:
    """The ids of all replicas ever started, as the history says."""
    return sorted(
        text.split()[0] for text in ask(postgres, "SELECT message FROM events WHERE reason = 'ReplicaStarted'")
    )


def own_endpoints(postgres: Postgres) -> set[str]:
    """Ids of replicas that register with a control process that was heard of lately."""
    statement = "SELECT endpoints FROM control_members WHERE extract(epoch FROM clock_timestamp()) - seen_at < 5"
    return {endpoint["id"] for text in ask(postgres, statement) for endpoint in json.loads(text)}


def replica_processes(*platforms: RunningPlatform) -> int:
    """How many replicas run on this machine, whoever started them."""
    return len({os.getsid(pid) for platform in platforms for pid in platform.processes_of_replicas()})


def load_on(platform: RunningPlatform) -> Load:
    return Load(lambda _: platform.caller(), PATH, connections=2, pause=0.02)


def test_one_leads_and_whatever_becomes_of_it_the_other_goes_on(
    both: tuple[RunningPlatform, RunningPlatform], echo_package: Path, postgres: Postgres
) -> None:
    first, second = both
    assert not leads(second)
    digest = second.upload(echo_package)  # by the one that does not lead
    second.apply(deployment(NAME, digest, replicas=2), route("two/echo", {"v1": 1}, idempotent=True))
    for platform in both:
        platform.wait_ready(NAME, seconds=120)
        platform.wait_routed("/two/echo/v1/echo")
    assert len(started(postgres)) == 2, "nothing is done twice"

    with load_on(second) as at_second, load_on(first) as at_first:
        _stopped_for_a_while(first, second, digest)
        assert len(started(postgres)) == 3
        assert replica_processes(first, second) == 3
        assert at_first.failed == [], at_first.summary()
    assert at_second.failed == [], at_second.summary()

    with load_on(first) as at_first:
        _killed(first, second, digest, postgres)
    assert at_first.failed == [], at_first.summary()
    assert len(started(postgres)) == len(set(started(postgres))) == 4
    assert ask(postgres, "SELECT number FROM revisions WHERE kind = 'Deployment' ORDER BY number") == [1, 2, 3]
    assert ask(postgres, "SELECT count(*) FROM replicas") == [4]
    wait_for("no replica but those on record runs", lambda: replica_processes(first, second) == 4)


def _stopped_for_a_while(first: RunningPlatform, second: RunningPlatform, digest: str) -> None:
    """The leader's process is frozen, the other one leads and goes on; awake again, the first one does no harm."""
    frozen = first.control_process()
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        wait_for("the second leads", lambda: leads(second))
        scale(second, digest, 3)
    finally:
        os.kill(frozen, signal.SIGCONT)
    wait_for("the first one's control is started anew", lambda: first.control_process() not in {None, frozen})
    wait_for("and answers", first.answers)
    first.wait_ready(NAME, seconds=120)
    assert leads(second)
    assert not leads(first)


def _killed(first: RunningPlatform, second: RunningPlatform, digest: str, postgres: Postgres) -> None:
    """The leader goes with its supervisor; the replicas that registered with it turn to the other one."""
    control = second.control_process()
    assert control is not None
    os.kill(second.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(control, signal.SIGKILL)
    wait_for("the first leads again", lambda: leads(first))
    scale(first, digest, 4)
    wait_for("all replicas register with the first", lambda: len(own_endpoints(postgres)) == 4)
    first.wait_ready(NAME)
