"""`get`, `describe`, `rollout`, `delete`, `key` as processes."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

Run = Callable[..., CompletedProcess[str]]
NOW = "2026-11-22T10:00:00Z"
DIGEST = "sha256:" + "0123456789abcdef" * 4
DOCUMENTS = f"""\
kind: Deployment
metadata: {{project: vision, model: digits, version: v1}}
spec: {{package: '{DIGEST}', replicas: 2}}
---
kind: Deployment
metadata: {{project: text, model: tones, version: '2.0'}}
spec: {{package: '{DIGEST}', replicas: 1}}
---
kind: Route
metadata: {{project: vision, model: digits}}
spec: {{versions: [{{version: v1, weight: 2}}, {{version: v2, weight: 1}}], access: key, idempotent: true}}
"""


@pytest.fixture
def applied(modelway: Run, platform: Any) -> Any:
    request = {"x": [1, 2]}
    platform.packages[DIGEST] = {
        "digest": DIGEST,
        "name": "digits",
        "version": "1.0",
        "size": 1_234_567,
        "createdAt": NOW,
        "endpoints": ["predict"],
        "examples": [{"endpoint": "predict", "request": request}],
    }
    entry = {"project": "vision", "model": "digits", "version": "v1", "host": "127.0.0.1", "package": DIGEST}
    platform.endpoints = [{"id": "r-1", "port": 9001, **entry}, {"id": "r-2", "port": 9002, **entry}]
    platform.events = [
        {
            "type": "Warning",
            "reason": "Crashed",
            "message": "exit 1\nTraceback",
            "count": 3,
            "firstAt": NOW,
            "lastAt": NOW,
        }
    ]
    assert modelway("apply", "-f", "-", "--wait", stdin=DOCUMENTS).returncode == 0
    return platform


def test_tables_are_aligned_and_plain(modelway: Run, applied: Any) -> None:
    lines = modelway("get", "deployments").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PHASE", "READY", "REVISION", "PACKAGE", "AGE", "MESSAGE"]
    assert [line.split()[:5] for line in lines[1:]] == [
        ["vision/digits/v1", "Ready", "2/2", "1", "sha256:0123456789ab"],
        ["text/tones/2.0", "Ready", "1/1", "1", "sha256:0123456789ab"],
    ]
    assert len({line.index(word) for line, word in zip(lines, ("PHASE", "Ready", "Ready"), strict=True)}) == 1
    assert modelway("get", "routes").stdout.splitlines()[1].split("  ")[:2] == ["vision/digits", "v1 66.7%, v2 33.3%"]
    assert modelway("get", "endpoints").stdout.splitlines()[1].split() == [
        "r-1",
        "vision/digits/v1",
        "127.0.0.1:9001",
        "up",
        "sha256:0123456789ab",
    ]
    assert modelway("get", "package").stdout.splitlines()[1].split()[:4] == ["digits", "1.0", "1.2", "MB"]
    wide = modelway("get", "deployments", "-o", "wide").stdout
    assert DIGEST in wide
    assert "STAGE" in wide


def test_data_formats_agree_with_each_other(modelway: Run, applied: Any) -> None:
    listed = json.loads(modelway("get", "deployments", "-o", "json").stdout)
    assert yaml.safe_load(modelway("get", "deployments", "-o", "yaml").stdout) == listed
    assert [item["metadata"]["name"] for item in listed["items"]] == ["vision/digits/v1", "text/tones/2.0"]
    alone = json.loads(modelway("get", "deployment", "text/tones/2.0", "-o", "json").stdout)
    assert alone == listed["items"][1]
    names = modelway("get", "deployments", "-o", "name").stdout
    assert names == "deployment/vision/digits/v1\ndeployment/text/tones/2.0\n"


def test_a_name_or_its_beginning_chooses(modelway: Run, applied: Any) -> None:
    assert modelway("get", "deployments", "vision", "-o", "name").stdout == "deployment/vision/digits/v1\n"
    assert modelway("get", "endpoints", "vision/digits", "-o", "name").stdout == "endpoint/r-1\nendpoint/r-2\n"
    missing = modelway("get", "deployments", "vis")
    assert (missing.returncode, missing.stderr) == (
        1,
        "error[not_found]: no deployment is named vis\nhint: modelway get deployments\n",
    )


def test_nothing_yet_says_so_on_stderr_only(modelway: Run) -> None:
    done = modelway("get", "routes")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("no routes yet")
    assert json.loads(modelway("get", "routes", "-o", "json").stdout) == {"items": []}


def test_watching_appends_what_changes(start_modelway: Any, modelway: Run, applied: Any) -> None:
    watching = start_modelway("get", "deployments", "--watch")
    lines = [watching.stdout.readline() for _ in range(3)]
    assert lines[0].startswith("NAME")
    applied.ready_after = None
    modelway("apply", "-f", "-", stdin=DOCUMENTS.replace("replicas: 1", "replicas: 3"))
    changed = watching.stdout.readline()
    assert changed.split()[:4] == ["text/tones/2.0", "Pending", "0/3", "2"]
    assert changed.index("Pending") == lines[0].index("PHASE")
    modelway("delete", "deployment", "text/tones/2.0")
    assert watching.stdout.readline() == "text/tones/2.0  (gone)\n"


def test_watching_survives_a_lost_connection_and_ends_with_ctrl_c(start_modelway: Any, applied: Any) -> None:
    watching = start_modelway("get", "routes", "--watch", "-o", "json")
    assert len(json.loads(watching.stdout.readline())["items"]) == 1
    applied.end_streams = True
    time.sleep(0.5)
    applied.end_streams = False
    del applied.objects["routes"]["vision/digits"]
    applied.changed()
    assert json.loads(watching.stdout.readline())["items"] == []
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 130
    assert watching.stderr.read() == ""


def test_describe_shows_everything_and_how_to_call(modelway: Run, applied: Any) -> None:
    shown = modelway("describe", "deployment", "vision/digits/v1").stdout
    for part in (
        "Deployment  vision/digits/v1",
        "Phase     Ready",
        f"  package: {DIGEST}",
        "ReplicasReady  yes  AllReady",
        "Replicas: 2 wanted, 2 ready, 2 updated",
        "r-2  vision/digits/v1  127.0.0.1:9002",
        "1         2026-11-22 10:00:00  admin  apply  created",
        "Warning  Crashed  3      exit 1 Traceback",
        f"  {applied.url}/vision/digits/v1/predict",
        """  modelway call vision/digits/v1 predict -d '{"x":[1,2]}'""",
    ):
        assert part in shown, shown


def test_describe_draws_a_pipeline(modelway: Run, platform: Any, applied: Any) -> None:
    field = {"name": "image", "label": "float32[...]"}
    flow = [{"kind": "step", "step": "detect"}, {"kind": "step", "step": "ask"}]
    platform.packages[DIGEST]["signature"] = {
        "endpoints": [{"name": "read", "inputs": [field], "output": {"name": "", "label": "Found"}, "flow": flow}],
        "steps": [
            {"name": "detect", "target": "Detector", "endpoint": "find"},
            {"name": "ask", "target": "text/caption", "endpoint": "say", "remote": True},
        ],
    }
    shown = modelway("describe", "deployment", "vision/digits/v1").stdout
    tree = (
        "  read(image)",
        "  ├─ detect   Detector.find",
        "  └─ ask      text/caption/say (deployed)",
    )
    assert "\n".join(("Steps", *tree)) in shown, shown


def test_describe_a_route_sets_weights_beside_readiness(modelway: Run, applied: Any) -> None:
    shown = modelway("describe", "route/vision/digits").stdout
    assert "Traffic   v1 66.7%, v2 33.3%" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["v1", "2", "Ready", "2/2"] in rows
    assert ["v2", "1", "(not", "deployed)", "-"] in rows
    assert f"{applied.url}/vision/digits/predict" in shown


def test_history_and_undo(modelway: Run, applied: Any) -> None:
    modelway(
        "apply", "-f", "-", stdin=DOCUMENTS.replace("weight: 2", "weight: 1").replace("replicas: 2", "replicas: 3")
    )
    rows = modelway("rollout", "history", "route", "vision/digits").stdout.splitlines()
    assert rows[0].split() == ["REVISION", "WHEN", "BY", "CAUSE", "CHANGES"]
    assert rows[2].endswith("apply  v1 66.7%, v2 33.3% → v1 50%, v2 50%")
    undone = modelway("rollout", "undo", "deployment", "vision/digits/v1", "--to-revision", "1", "--wait")
    assert (undone.returncode, undone.stdout) == (0, "deployment vision/digits/v1  revision 3: undo to revision 1\n")
    last = modelway("rollout", "history", "deployment", "vision/digits/v1").stdout.splitlines()[-1]
    assert last.endswith("undo to revision 1  replicas 3 → 2")
    history = json.loads(modelway("rollout", "history", "deployment", "vision/digits/v1", "-o", "json").stdout)
    assert [item["number"] for item in history["items"]] == [1, 2, 3]


def test_status_follows_to_the_end(modelway: Run, applied: Any) -> None:
    status = modelway("rollout", "status", "deployment", "vision/digits/v1")
    assert "ReplicasReady" in status.stdout
    applied.ready_after = 0.4
    modelway("apply", "-f", "-", stdin=DOCUMENTS.replace("replicas: 2", "replicas: 1"))
    followed = modelway("rollout", "status", "deployment", "vision/digits/v1", "--watch")
    assert followed.returncode == 0
    assert followed.stderr.splitlines()[-1].split()[1:3] == ["Ready", "1/1"]


def test_status_of_what_failed_is_an_exit_status(modelway: Run, applied: Any) -> None:
    applied.fail("vision/digits/v1", "LockUnsolvable", "scikit-learn==99 does not exist")
    status = modelway("rollout", "status", "deployment", "vision/digits/v1")
    assert "LockUnsolvable" in status.stdout
    assert status.returncode == 1


def test_delete_takes_what_get_prints(modelway: Run, applied: Any) -> None:
    names = modelway("get", "deployments", "-o", "name").stdout.split()
    done = modelway("delete", *names, "--wait")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "deployment text/tones/2.0  gone"
    again = modelway("delete", "deployment", "vision/digits/v1")
    assert (again.returncode, again.stderr) == (1, "error[not_found]: no deployment vision/digits/v1\n")


def test_keys_show_their_secret_once(modelway: Run, platform: Any) -> None:
    created = modelway("key", "create", "nightly")
    assert created.stdout == "mw_" + "s" * 43 + "\n"
    assert "s" * 20 not in created.stderr
    listed = modelway("key", "list")
    assert "s" * 20 not in listed.stdout
    assert listed.stdout.splitlines()[1].split()[:3] == ["key-0", "nightly", "caller"]
    assert modelway("key", "revoke", "key-0").stdout == "key key-0 revoked\n"
    assert modelway("key", "list").stdout.splitlines()[1].endswith("revoked")
    assert modelway("key", "revoke", "key-9").returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ["get", "things"],
        ["describe", "deployment"],
        ["describe", "vision/digits"],
        ["describe", "deployment", "vision/digits"],
        ["rollout", "undo", "route", "a/b", "c/d"],
        ["rollout"],
        ["logs", "a/b/c/d"],
        ["logs", "--tail", "-1"],
        ["call", "a/b"],
        ["apply"],
        ["key", "create"],
    ],
)
def test_wrong_usage_is_two(modelway: Run, words: list[str]) -> None:
    done = modelway(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: modelway" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_platform_is_said_with_the_command_that_starts_one(modelway: Run, tmp_path: Path) -> None:
    done = modelway("get", "routes", MODELWAY_URL="http://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (
        1,
        (
            "error[unreachable]: cannot reach http://127.0.0.1:1: connection refused\n"
            "hint: start it with `modelway up`, or say where it runs with --url or MODELWAY_URL\n"
        ),
    )


def test_a_wrong_key_is_an_error_that_does_not_repeat_it(modelway: Run) -> None:
    done = modelway("get", "routes", MODELWAY_KEY="mw_wrong")
    assert done.returncode == 1
    assert "error[unauthenticated]" in done.stderr
    assert "mw_wrong" not in done.stderr
    injected = modelway("get", "routes", "--key", "mw_bad\nX: 1")
    assert injected.returncode == 1
    assert "mw_bad" not in injected.stderr


def test_a_pipe_that_closes_early_is_quiet(start_modelway: Any, applied: Any) -> None:
    watching = start_modelway("get", "deployments", "--watch", "-o", "json")
    watching.stdout.readline()
    watching.stdout.close()
    applied.changed()
    applied.endpoints.clear()
    applied.make_ready("vision/digits/v1")
    applied.fail("text/tones/2.0", "Because", "of it")
    watching.wait(timeout=10)
    errors = watching.stderr.read()
    watching.stdout = None
    assert (watching.returncode, errors) == (0, "")


def test_a_watched_table_is_redrawn_on_a_terminal(on_terminal: Any, applied: Any) -> None:
    code, shown = on_terminal("get", "routes", COLUMNS="30")
    assert code == 0
    assert "\x1b[1mNAME" in shown
    assert max(len(line) for line in shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()) <= 30
