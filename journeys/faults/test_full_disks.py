"""R10: logs, table, packages or database have no byte left, one at a time; requests go on and writers are told."""

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.metrics_page import metric
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import JSON_BODY, route_with, write_faulted
from journeys.faults.small_disks import FILLER, CannotMountError, fill, free, mounted
from journeys.projects import deployment, package
from journeys.running_platform import RunningPlatform, wait_for

from modelway.errors import ModelwayError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
NAME = "r10/faulted/v1"
ASK = Ask(path="/r10/faulted/echo", body=JSON_BODY)
NORMAL_SECONDS = 30
# Megabytes; `.` is the directory itself, where the database lies.
SIZES = {".": 24, "logs": 3, "gateway": 3, "packages": 8}


@contextmanager
def _platform(folder: Path) -> Generator[RunningPlatform]:
    running = RunningPlatform(folder)
    try:
        with mounted(running.home, folder / "disk", SIZES, ("environments", "unpacked", "replicas")):
            try:
                yield running.start()
            finally:
                running.destroy()
    except CannotMountError as error:
        pytest.skip(f"R10 needs to mount file systems in memory: {error}")


def test_r10_full_disks_fail_no_request(tmp_path: Path, faulted_package: Path, figure: Figure) -> None:
    another = package(_another(tmp_path), tmp_path / "dist")
    with _platform(tmp_path) as platform:
        digest = platform.upload(faulted_package)
        platform.apply(deployment(NAME, digest, replicas=2), route_with("r10/faulted", {"v1": 1}))
        platform.wait_ready(NAME)
        platform.wait_routed("/r10/faulted/v1/echo")
        for number, place in enumerate(("logs", "gateway", "packages", ".")):
            _one(platform, place, another, figure, number)


def _one(platform: RunningPlatform, place: str, another: Path, figure: Figure, number: int) -> None:
    folder = platform.home / place
    packages_before = _package_files(platform)
    dropped = _dropped(platform)
    with OpenLoad(lambda media: platform.caller(media_type=media), [ASK], rate=100) as load:
        fill(folder)
        applied = _outcome(lambda: _apply(platform, 2 * number))
        uploaded = _outcome(lambda: platform.upload(another)) if place == "packages" else "not tried"
        time.sleep(pick(0.7, 5.0))
        if place == "logs":
            wait_for("what is lost of the log is counted", lambda: _dropped(platform) > dropped, NORMAL_SECONDS)
        lost = _dropped(platform) - dropped
        halves = _package_files(platform)
        free(folder)
        freed = time.monotonic()
        wait_for(
            "writes are taken again", lambda: _outcome(lambda: _apply(platform, 2 * number + 1)) == "", NORMAL_SECONDS
        )
        wait_for("changes reach the gateway again", lambda: _seen(platform, 2 * number + 1), NORMAL_SECONDS)
        if place == "packages":
            wait_for("uploads are taken again", lambda: not _outcome(lambda: platform.upload(another)), NORMAL_SECONDS)
        normal = time.monotonic() - freed
    name = {".": "database"}.get(place, place)
    figure(
        f"R10_{name}",
        requests=len(load.asked),
        failed=len(load.failed),
        apply=applied or "taken",
        upload=uploaded or "taken",
        records_dropped=int(lost),
        integrity=_integrity(platform),
        normal_after_s=round(normal, 2),
    )
    assert not load.failed, load.summary()
    assert applied in {"", "storage_full"}, "a full disk is told as one"
    if place == ".":
        assert applied == "storage_full"
    if place == "packages":
        assert uploaded == "storage_full"
        assert halves == packages_before, "no half package"
    assert _integrity(platform) == "ok"


def _dropped(platform: RunningPlatform) -> float:
    return metric(platform, "modelway_gateway_access_log_dropped_total")


def _apply(platform: RunningPlatform, timeout: int) -> None:
    platform.apply(route_with("r10/faulted", {"v1": 1}, timeoutSeconds=str(20 + timeout)))


def _seen(platform: RunningPlatform, timeout: int) -> bool:
    return f'"timeout_seconds":{20 + timeout}.0' in (platform.home / "gateway" / "table.json").read_text(
        encoding="utf-8"
    )


def _package_files(platform: RunningPlatform) -> list[str]:
    return sorted(
        path.name for path in (platform.home / "packages").rglob("*") if path.is_file() and path.name != FILLER
    )


def _outcome(act: object) -> str:
    assert callable(act)
    try:
        act()
    except ModelwayError as error:
        return error.error_code
    return ""


def _integrity(platform: RunningPlatform) -> str:
    file = platform.home / "modelway.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        found = str(database.execute("pragma integrity_check").fetchone()[0])
    database.close()
    return found


def _another(folder: Path) -> Path:
    """A project whose package is another one than the shared one."""
    project = write_faulted(folder / "another")
    handler = project / "handler.py"
    handler.write_text(handler.read_text(encoding="utf-8") + "\n# another\n", encoding="utf-8")
    return project
