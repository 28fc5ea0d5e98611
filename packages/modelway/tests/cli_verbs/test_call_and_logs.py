"""`call` and `logs` as processes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Run = Callable[..., CompletedProcess[str]]
DIGEST = "sha256:" + "ab" * 32
ACCESS = {
    "time": "2020-01-02T03:04:05.678Z",
    "request_id": "req-1",
    "project": "vision",
    "model": "digits",
    "version": "v1",
    "endpoint": "predict",
    "replica": "r-1",
    "method": "POST",
    "path": "/vision/digits/predict",
    "status": 200,
    "code": "",
    "duration_ms": 12.3,
    "key": "nightly",
    "retries": 0,
}


@pytest.fixture
def deployed(platform: Any) -> Any:
    platform.packages[DIGEST] = {
        "digest": DIGEST,
        "endpoints": ["classify"],
        "manifest": {"examples": [{"endpoint": "classify", "request": {"x": [7]}}]},
    }
    platform.objects["deployments"]["vision/digits/v1"] = {
        "metadata": {"project": "vision", "model": "digits", "version": "v1"},
        "spec": {"package": DIGEST},
        "status": {"phase": "Ready"},
    }
    return platform


def test_the_answer_is_on_stdout_and_who_answered_on_stderr(modelway: Run, deployed: Any) -> None:
    done = modelway("call", "vision/digits", "classify", "-d", '{"x": 1}', "-v")
    assert (done.returncode, done.stdout) == (0, '{"got":{"x":1}}\n')
    assert done.stderr.startswith("v2 answered in ")
    assert done.stderr.endswith("request r-7\n")


def test_inputs_come_from_a_file_or_stdin_or_the_golden_example(modelway: Run, deployed: Any, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"x": 2}')
    assert modelway("call", "vision/digits/v1", "classify", "-d", "@in.json").stdout == '{"got":{"x":2}}\n'
    assert modelway("call", "vision/digits", "classify", "-d", "-", stdin="[3]").stdout == '{"got":[3]}\n'
    assert modelway("call", "vision/digits", "classify", "--example").stdout == '{"got":{"x":[7]}}\n'


def test_the_only_endpoint_need_not_be_named(modelway: Run, deployed: Any) -> None:
    assert modelway("call", "vision/digits", "-d", "{}").stdout == '{"got":{}}\n'
    assert modelway("call", "vision/digits", "--example").stdout == '{"got":{"x":[7]}}\n'
    deployed.packages[DIGEST]["endpoints"] = ["classify", "explain"]
    done = modelway("call", "vision/digits", "-d", "{}")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "hint: say which: classify, explain")


@pytest.mark.parametrize("data", ["{x: 1}", "", "@missing.json"])
def test_inputs_that_cannot_be_sent_never_leave(modelway: Run, deployed: Any, data: str) -> None:
    done = modelway("call", "vision/digits", "-d", data)
    assert done.returncode == 1
    assert "not JSON" in done.stderr or "cannot read missing.json" in done.stderr
    assert deployed.asked == []


def test_an_access_record_is_one_readable_line(modelway: Run, platform: Any) -> None:
    failed = {
        **ACCESS,
        "status": 503,
        "code": "no_ready_replica",
        "replica": None,
        "retries": 2,
        "request_id": "re\x1bq",
    }
    platform.logs = [ACCESS, failed]
    done = modelway("logs", "vision/digits/v1", "--tail", "5")
    assert done.stdout.splitlines() == [
        "2020-01-02 03:04:05.678  200     12 ms  vision/digits/v1 predict  replica=r-1  key=nightly  id=req-1",
        "2020-01-02 03:04:05.678  503     12 ms  vision/digits/v1 predict  no_ready_replica  retries=2  key=nightly  id=re q",
    ]
    assert platform.asked[-1] == "GET /v1/logs?source=access&project=vision&model=digits&version=v1&tail=5"
    assert [json.loads(line) for line in modelway("logs", "-o", "json").stdout.splitlines()] == [ACCESS, failed]


def test_server_output_names_its_replica_and_cannot_steer_the_terminal(modelway: Run, platform: Any) -> None:
    platform.logs = [{"replica": "r-1", "version": "v1", "line": "  loaded \x1b[2J in 3 s"}]
    done = modelway("logs", "vision", "--source", "server", "--replica", "r-1")
    assert done.stdout == "r-1 |   loaded �[2J in 3 s\n"
    assert platform.asked[-1] == "GET /v1/logs?source=server&project=vision&replica=r-1&tail=100"


def test_what_a_server_says_of_itself_is_lines_to_read(modelway: Run, platform: Any) -> None:
    event = {"time": 1, "event": "handler_failed", "worker": 0, "traceback": "Traceback:\n  line\x1b[2J\nKeyError\n"}
    text = json.dumps(event)
    platform.logs = [{"replica": "r-1", "line": text}, {"replica": "r-1", "line": '{"time": "mine", "event": 3}'}]
    first, *rest = modelway("logs", "--source", "server").stdout.splitlines()
    assert first.startswith("r-1 | ")
    assert first.endswith(" handler failed  worker=0")
    assert rest == [
        "r-1 | Traceback:",
        "r-1 |   line�[2J",
        "r-1 | KeyError",
        'r-1 | {"time": "mine", "event": 3}',
    ]
    assert json.loads(modelway("logs", "--source", "server", "-o", "json").stdout.splitlines()[0])["line"] == text


def test_no_record_at_all_is_said(modelway: Run, platform: Any) -> None:
    platform.logs = []
    done = modelway("logs", "vision/digts")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no request is on record for vision/digts; `modelway get deployments` lists names\n"


def test_following_goes_on_after_a_lost_connection_without_repeating(start_modelway: Any, platform: Any) -> None:
    platform.logs = [ACCESS]
    following = start_modelway("logs", "-f", "-o", "json")
    assert json.loads(following.stdout.readline())["request_id"] == "req-1"
    platform.logs.append({**ACCESS, "request_id": "req-2"})
    assert json.loads(following.stdout.readline())["request_id"] == "req-2"
    platform.end_streams = True
    time.sleep(0.1)
    platform.end_streams = False
    while platform.streams < 2:
        time.sleep(0.01)
    assert "tail=0" in platform.asked[-1]
    time.sleep(0.1)  # a stream that still ended on the way in is opened once more
    platform.logs.append({**ACCESS, "request_id": "req-3"})
    assert json.loads(following.stdout.readline())["request_id"] == "req-3"


def test_colour_only_on_a_terminal(on_terminal: Any, platform: Any) -> None:
    platform.logs = [ACCESS]
    code, shown = on_terminal("logs")
    assert code == 0
    assert "\x1b[32m200\x1b[0m" in shown
    assert "\x1b" not in on_terminal("logs", NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal("logs", TERM="dumb")[1]
