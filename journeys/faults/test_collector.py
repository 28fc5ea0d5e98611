"""R14: the collector is killed, hangs, and finds its disk full, under load; no request fails or waits, and every record arrives once."""

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.metrics_page import metric
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import JSON_BODY, route_with
from journeys.faults.small_disks import CannotMountError, fill, free, mounted
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]
NAME = "r14/faulted/v1"
PATIENCE = 90.0


@contextmanager
def _platform(folder: Path) -> Generator[RunningPlatform]:
    running = RunningPlatform(folder)
    try:
        with mounted(running.home, folder / "disk", {"logs/store": 6}, ()):
            try:
                yield running.start()
            finally:
                running.destroy()
    except CannotMountError as error:
        pytest.skip(f"R14 needs to mount a file system in memory: {error}")


def test_r14_collector_gone_or_without_room_loses_nothing(
    tmp_path: Path, faulted_package: Path, figure: Figure
) -> None:
    with _platform(tmp_path) as platform:
        platform.apply(
            deployment(NAME, platform.upload(faulted_package), replicas=1), route_with("r14/faulted", {"v1": 1})
        )
        platform.wait_ready(NAME)
        platform.wait_routed("/r14/faulted/v1/echo")
        for what, trouble in (("killed", _killed), ("hanging", _hanging), ("full", _full)):
            ask = Ask(path=f"/r14/faulted/echo?while={what}", body=JSON_BODY)
            with OpenLoad(lambda media: platform.caller(media_type=media), [ask], rate=60) as load, trouble(platform):
                time.sleep(pick(3.0, 30.0))
            began = time.monotonic()
            expected = (len(load.asked), len(load.asked))
            wait_for(
                "every record is there, with what became of it",
                lambda what=what, expected=expected: _stored(platform, what) == expected,
                PATIENCE,
            )
            lost = sum(
                metric(platform, f"modelway_gateway_access_log_{name}_total") for name in ("dropped", "uncollected")
            )
            figure(
                f"R14_{what}",
                requests=len(load.asked),
                failed=len(load.failed),
                records_lost=int(lost),
                all_there_after_s=round(time.monotonic() - began, 1),
                p99_ms=load.quantile_ms(0.99),
            )
            assert not load.failed, load.summary()
            assert lost == 0
            ids = f"SELECT count(DISTINCT request_id) FROM access WHERE path LIKE '%while={what}'"
            assert _row(platform, ids) == [len(load.asked)], "none twice"


@contextmanager
def _killed(platform: RunningPlatform) -> Generator[None]:
    """Twice, at any moment of its turn; the supervisor starts another."""
    for _ in range(2):
        os.kill(_collector(platform), signal.SIGKILL)
        wait_for("another collector", lambda: _find(platform), PATIENCE)
        time.sleep(0.5)
    yield


@contextmanager
def _hanging(platform: RunningPlatform) -> Generator[None]:
    pid = _collector(platform)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def _full(platform: RunningPlatform) -> Generator[None]:
    store, log = platform.home / "logs" / "store", platform.home / "logs" / "collector.log"
    fill(store)
    wait_for("the collector says so", lambda: "cannot collect" in log.read_text(encoding="utf-8"), PATIENCE)
    yield
    free(store)
    wait_for("it goes on", lambda: "collecting again" in log.read_text(encoding="utf-8"), PATIENCE)


def _collector(platform: RunningPlatform) -> int:
    return wait_for("a collector", lambda: _find(platform), PATIENCE)


def _find(platform: RunningPlatform) -> int | None:
    for pid in platform.processes():
        if b"apps.collector" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def _stored(platform: RunningPlatform, what: str) -> tuple[int, int]:
    """Access records of a load, and those of them that are joined to an inference."""
    sql = f"SELECT count(*), count(server_us) FROM requests WHERE path LIKE '%while={what}'"
    records, joined = _row(platform, sql)
    return records, joined


def _row(platform: RunningPlatform, sql: str) -> list[int]:
    with platform.control() as control:
        return [int(each) for each in control.query_logs(sql, seconds=60)["rows"][0]]
