"""The collector's process: its settings, and that it ends with its last turn done, whoever ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.errors import InvalidRequestError
from modelway_platform.apps.collector import settings_from
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.state import gauges, read_state


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start(directory: StateDirectory, lifeline: int) -> subprocess.Popen[bytes]:
    arguments = ("--directory", str(directory.root), "--lifeline", str(lifeline))
    return subprocess.Popen(
        [sys.executable, "-m", "modelway_platform.apps.collector", *arguments], pass_fds=(lifeline,)
    )


def record(number: int) -> bytes:
    return json.dumps({"time": time.time(), "request_id": f"r{number}", "project": "p"}).encode() + b"\n"


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    found = StateDirectory(root=tmp_path / "home")
    found.make()
    return found


def test_how_much_is_kept_comes_from_the_environment(directory: StateDirectory) -> None:
    kept = settings_from(directory, {}, lifeline=None).keeping
    assert (kept.seconds, kept.octets) == (30 * 86_400, 20 << 30)
    given = {"MODELWAY_LOGS_KEEP_DAYS": "0.5", "MODELWAY_LOGS_KEEP_GIB": "1.5"}
    kept = settings_from(directory, given, lifeline=None).keeping
    assert (kept.seconds, kept.octets) == (43_200, 3 << 29)
    for bad in ("0", "-1", "many", "nan", "inf"):
        with pytest.raises(InvalidRequestError, match="MODELWAY_LOGS_KEEP_DAYS"):
            settings_from(directory, {"MODELWAY_LOGS_KEEP_DAYS": bad}, lifeline=None)


@pytest.mark.parametrize("how", ["signal", "lifeline"])
def test_the_last_records_are_taken_before_the_end(directory: StateDirectory, how: str) -> None:
    lifeline, held = os.pipe()
    segment = directory.access_logs / "worker-0-1.ndjson"
    segment.write_bytes(record(0))
    process = start(directory, lifeline)
    os.close(lifeline)
    state = state_of(directory.log_store)
    try:
        until(lambda: any(each.records for each in read_state(state).kinds.values()))
        with segment.open("ab") as file:
            file.write(record(1))
        if how == "signal":
            process.send_signal(signal.SIGTERM)
        else:
            os.close(held)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        if how == "signal":
            os.close(held)
    said = read_state(state)
    assert said.kinds["access"].records == 2
    assert said.kinds["access"].behind == 0
    page = gauges(said, time.time())
    assert page['modelway_logs_records_total{kind="access"}'] == 2
    assert page["modelway_logs_collector_failing"] == 0


def test_a_store_that_cannot_be_used_is_told_and_tried_again(directory: StateDirectory) -> None:
    lifeline, held = os.pipe()
    directory.log_store.write_text("in the way")
    (directory.access_logs / "worker-0-1.ndjson").write_bytes(record(0))
    process = start(directory, lifeline)
    os.close(lifeline)
    try:
        until(lambda: directory.collector_log.exists() and "cannot collect" in directory.collector_log.read_text())
        directory.log_store.unlink()
        state = state_of(directory.log_store)
        until(lambda: any(each.records for each in read_state(state).kinds.values()))
        assert "collecting again" in directory.collector_log.read_text()
    finally:
        os.close(held)
        process.wait(10)
