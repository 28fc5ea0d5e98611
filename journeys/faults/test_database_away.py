"""R11, PostgreSQL: stopped, frozen, slow, cut off. Callers notice nothing; control refuses in words, never says what is not so, and goes on."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from journeys.conftest import PlatformFactory
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.tcp_proxy import TcpProxy
from journeys.load import Load
from journeys.postgres_server import Postgres, programs, running_postgres
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.client import DocumentFile
from modelway.errors import ModelwayError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
NAME = "r11/echo/v1"
PATH = "/r11/echo/echo"
AWAY_SECONDS = 60.0
RECOVERED_SECONDS = 10.0


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One that may be hurt."""
    if programs() is None:
        pytest.skip("postgresql is not installed")
    with running_postgres("-c", "fsync=off") as made:
        yield made


class Editor:
    """Changes a document again and again, and keeps what it was told."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._platform = platform
        self._number = 0
        self.acknowledged: list[int] = []
        self.refused: list[ModelwayError] = []

    def try_once(self) -> bool:
        """Whether the change was accepted; a refusal is kept."""
        self._number += 1
        text = route("r11/echo", {"v1": 1 + self._number})
        try:
            with self._platform.control() as control:
                (applied,) = control.apply([DocumentFile("r11.yaml", text)])
        except ModelwayError as refusal:
            self.refused.append(refusal)
            return False
        self.acknowledged.append(applied.revision)
        return True

    def check_refusals(self) -> None:
        """Each is a whole one, that says when to come back and nothing that callers have no business with."""
        for each in self.refused:
            assert each.http == 503, each
            assert each.error_code in {"database_unavailable", "overloaded"}, each
            assert each.retry_after
            assert "127.0.0.1" not in each.message + each.hint


def test_the_database_is_away(
    own_platform: PlatformFactory, server: Postgres, echo_package: Path, figure: Figure
) -> None:
    with TcpProxy(server.port) as proxy:
        platform = own_platform(workers=1)
        platform.environment = {"MODELWAY_DATABASE": server.url_of("postgres", proxy.port)}
        platform.start()
        digest = platform.upload(echo_package)
        platform.apply(deployment(NAME, digest, replicas=2), route("r11/echo", {"v1": 1}))
        platform.wait_ready(NAME, seconds=120)
        platform.wait_routed("/r11/echo/v1/echo")
        control, editor = platform.control_process(), Editor(platform)
        recovered: dict[str, float] = {}
        with Load(lambda _: platform.caller(), PATH, connections=2, pause=0.02) as load:
            assert editor.try_once(), editor.refused
            server.stop(signal.SIGQUIT)
            _refused_for(pick(4.0, AWAY_SECONDS), editor)
            server.start("-c", "fsync=off")
            recovered["stopped"] = _seconds_until(editor.try_once)
            proxy.be("silent")
            _refused_for(pick(16.0, AWAY_SECONDS), editor)
            proxy.be("well")
            recovered["frozen"] = _seconds_until(editor.try_once)
            proxy.be("well", delay=0.15)  # each way: a change is some forty ways there and back, and the writers' turns
            _seconds_until(editor.try_once)
            proxy.be("well", delay=1.0)  # changes may be refused: in time, and in words
            _tried_for(pick(3.0, AWAY_SECONDS), editor)
            proxy.be("well")
            recovered["late"] = _seconds_until(editor.try_once)
            proxy.be("gone")
            _refused_for(pick(3.0, AWAY_SECONDS), editor)
            proxy.be("well")
            recovered["cut off"] = _seconds_until(editor.try_once)
            platform.apply(deployment(NAME, digest, replicas=3))
            platform.wait_ready(NAME, seconds=120)
        assert load.failed == [], load.summary()
        assert platform.control_process() == control, "control was not started anew"
        editor.check_refusals()
        revisions = _revisions(server)
        assert set(editor.acknowledged) <= set(revisions), "what was acknowledged is there"
        assert revisions == list(range(1, len(revisions) + 1))
        assert max(recovered.values()) <= pick(60.0, RECOVERED_SECONDS)
        seconds = {f"recovered_{name.replace(' ', '_')}_s": round(value, 1) for name, value in recovered.items()}
        figure("R11", sent=len(load.sent), failed=0, refused=len(editor.refused), **seconds)


def _refused_for(seconds: float, editor: Editor) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert not editor.try_once()
        time.sleep(0.2)


def _tried_for(seconds: float, editor: Editor) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        editor.try_once()
        time.sleep(0.2)


def _seconds_until(probe: Callable[[], bool]) -> float:
    started = time.monotonic()
    wait_for("changes are accepted again", probe, seconds=120.0)
    return time.monotonic() - started


def _revisions(server: Postgres) -> list[int]:
    with psycopg.connect(server.url) as connection:
        rows = connection.execute("SELECT number FROM revisions WHERE kind = 'Route' ORDER BY number").fetchall()
    return [int(row[0]) for row in rows]
