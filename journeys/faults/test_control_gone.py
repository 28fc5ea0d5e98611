"""R3 and R4: control is killed and stays away, a worker is killed, workers are replaced; callers notice nothing."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from journeys.conftest import PlatformFactory
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.projects import JSON_BODY
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway_platform.domain.table.route_table import RouteTable
from modelway_platform.store.files.table_file import InvalidTableError, read_table

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
PATH = "/r3/echo/echo"


class Tables:
    """Every table that was in the file while the context was open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: list[RouteTable] = []

    def __enter__(self) -> "Tables":  # noqa: PYI034 - nobody derives from it
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            try:
                table = read_table(self._path)
            except (OSError, InvalidTableError):
                continue
            if not self.seen or self.seen[-1].number != table.number:
                self.seen.append(table)


def _replicas(table: RouteTable) -> set[str]:
    return {replica.id for model in table.models for version in model.versions for replica in version.replicas}


def _deployed(make: PlatformFactory, package: Path, **options: int) -> RunningPlatform:
    platform = make(**options).start()
    digest = platform.upload(package)
    platform.apply(deployment("r3/echo/v1", digest, replicas=2), route("r3/echo", {"v1": 1}, idempotent=True))
    platform.wait_ready("r3/echo/v1")
    platform.wait_routed("/r3/echo/v1/echo")
    return platform


def test_r3_control_is_away(own_platform: PlatformFactory, echo_package: Path, figure: Figure) -> None:
    platform = _deployed(own_platform, echo_package)
    table_path = platform.home / "gateway" / "table.json"
    before = read_table(table_path)
    with Tables(table_path) as tables, Load(lambda _: platform.caller(), PATH, body=JSON_BODY, connections=8) as load:
        away = time.monotonic()
        while time.monotonic() < away + pick(3.0, 45.0):
            control = platform.control_process()
            if control is not None:
                os.kill(control, signal.SIGKILL)
            time.sleep(0.05)
        wait_for("control is back", lambda: platform.answers() or None, 30)
        back = time.monotonic()
        after = read_table(table_path)
        platform.apply(route("r3/echo", {"v1": 2}, idempotent=True))
        wait_for("the change is published", lambda: _weight(table_path) == 2 or None)
        changed = time.monotonic() - back
    figure(
        "R3",
        requests=len(load.sent),
        failed=len(load.failed),
        tables_seen=len(tables.seen),
        change_visible_s=round(changed, 2),
    )
    assert not load.failed, load.summary()
    assert after.models == before.models
    assert all(_replicas(table) >= _replicas(before) for table in tables.seen)
    assert changed <= pick(30, 5)


def _weight(path: Path) -> int:
    (model,) = (each for each in read_table(path).models if each.project == "r3")
    return model.versions[0].weight


def test_r4_a_worker_is_killed_while_control_is_away(
    own_platform: PlatformFactory, echo_package: Path, figure: Figure
) -> None:
    platform = _deployed(own_platform, echo_package, workers=1)
    control = wait_for("control", platform.control_process)
    os.kill(control, signal.SIGSTOP)
    back: list[float] = []
    for _ in range(pick(2, 10)):
        (worker,) = wait_for("one worker", lambda: _one(platform.gateway_workers()))
        os.kill(worker, signal.SIGKILL)
        killed = time.monotonic()
        platform.wait_routed(PATH)  # waits in the socket that the supervisor keeps, or asks again
        back.append(time.monotonic() - killed)
        time.sleep(0.3)
    os.kill(control, signal.SIGCONT)
    figure("R4", kills=len(back), slowest_back_s=round(max(back), 2))
    assert max(back) <= pick(30.0, 2.0)


def _one(pids: list[int]) -> list[int] | None:
    return pids if len(pids) == 1 else None


def test_r4_workers_are_replaced_under_load(own_platform: PlatformFactory, echo_package: Path, figure: Figure) -> None:
    platform = _deployed(own_platform, echo_package)
    restarts = pick(1, 10)
    with Load(lambda _: platform.caller(), PATH, body=JSON_BODY, connections=8) as load:
        for _ in range(restarts):
            platform.cli("gateway", "restart", "--directory", str(platform.home))
            time.sleep(0.2)
    figure("R4_restarts", restarts=restarts, requests=len(load.sent), failed=len(load.failed))
    assert not load.failed, load.summary()
