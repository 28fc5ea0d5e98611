"""Documents are applied, watched, undone and deleted; what is wrong in them is shown where it stands."""

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml
from journeys.served_api import Served

Run = Callable[..., CompletedProcess[str]]


def test_from_a_document_to_ready_and_back(modelway: Run, served: Served, deploy: Path) -> None:
    dry = modelway("apply", "-f", "deploy", "--dry-run")
    assert (dry.returncode, dry.stdout.count("created")) == (0, 2), dry.stderr
    assert modelway("get", "packages", "-o", "name").stdout == ""

    threading.Timer(0.0, served.make_ready, ["vision/digits/v1"]).start()
    applied = modelway("apply", "-f", "deploy", "--wait")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines() == [
        "deployment vision/digits/v1  created  revision 1",
        "route vision/digits          created  revision 1",
    ]
    assert "uploaded digits.mwpkg" in applied.stderr
    assert applied.stderr.splitlines()[-1].split()[:3] == ["vision/digits/v1", "Ready", "2/2"]

    row = modelway("get", "deployments").stdout.splitlines()[1].split()
    assert row[:4] == ["vision/digits/v1", "Ready", "2/2", "1"]
    assert modelway("get", "routes").stdout.splitlines()[1].split()[:4] == ["vision/digits", "v1", "100%", "key"]
    assert len(modelway("get", "endpoints", "vision/digits/v1").stdout.splitlines()) == 3
    listed = json.loads(modelway("get", "deployments", "-o", "json").stdout)
    assert yaml.safe_load(modelway("get", "deployments", "-o", "yaml").stdout) == listed

    for arguments in (["deployment", "vision/digits/v1"], ["routes"]):
        for form in ("yaml", "json"):
            got = modelway("get", *arguments, "-o", form).stdout
            again = modelway("apply", "-f", "-", stdin=got)
            assert again.stdout.split()[2:] == ["unchanged", "revision", "1"], (got, again.stderr)

    shown = modelway("describe", "deployment", "vision/digits/v1").stdout
    assert "modelway call vision/digits/v1 predict -d '{\"x\":1}'" in shown
    assert "Applied" in shown
    assert "v1       1       Ready  2/2" in modelway("describe", "route", "vision/digits").stdout

    written = deploy / "digits.yaml"
    written.write_text(written.read_text().replace("replicas: 2", "replicas: 3"))
    assert "    spec.replicas: 2 → 3" in modelway("apply", "-f", "deploy").stdout
    undone = modelway("rollout", "undo", "deployment", "vision/digits/v1")
    assert undone.stdout == "deployment vision/digits/v1  revision 3: undo to revision 1\n"
    history = modelway("rollout", "history", "deployment", "vision/digits/v1").stdout.splitlines()
    assert [line.split()[0] for line in history] == ["REVISION", "1", "2", "3"]
    assert history[-1].endswith("replicas 3 → 2")

    refused = modelway("delete", "deployment", "vision/digits/v1")
    assert refused.returncode == 1
    assert (
        "hint: apply the route without it first; `modelway delete deployment vision/digits/v1 --force` deletes it all the same"
        in refused.stderr
    )
    assert modelway("delete", "route", "vision/digits").stdout == "route vision/digits  removed\n"
    assert modelway("delete", "deployment/vision/digits/v1").returncode == 0
    assert modelway("get", "deployments").stdout.splitlines()[1].split()[1] == "Deleting"


def test_mistakes_in_documents(modelway: Run, served: Served, deploy: Path) -> None:
    written = deploy / "digits.yaml"
    written.write_text(written.read_text().replace("replicas: 2", "replica: 2").replace("weight: 1", "weight: -1"))
    done = modelway("apply", "-f", "deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "deploy/digits.yaml:6:3: " in done.stderr
    assert "    6 |   replica: 2\n      |   ^^^^^^^\n" in done.stderr
    assert 'hint: did you mean "replicas"?' in done.stderr
    assert "deploy/digits.yaml:11:" in done.stderr
    assert done.stderr.endswith("error[invalid_document]: 2 problems in deploy/digits.yaml; nothing was applied\n")


def test_a_file_that_is_no_package_is_refused(modelway: Run, served: Served, deploy: Path) -> None:
    (deploy / "dist" / "digits.mwpkg").write_bytes(b"x" * 3_000_000)
    done = modelway("apply", "-f", "deploy")
    assert done.returncode == 1
    assert "error[invalid_package]" in done.stderr


def test_watching_sees_what_others_do(start_modelway: Any, modelway: Run, served: Served, deploy: Path) -> None:
    watching: subprocess.Popen[str] = start_modelway("get", "deployments", "--watch", "-o", "json")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline()) == {"items": []}
    modelway("apply", "-f", "deploy")
    assert json.loads(watching.stdout.readline())["items"][0]["status"]["phase"] == "Pending"
    served.make_ready("vision/digits/v1")
    assert json.loads(watching.stdout.readline())["items"][0]["status"]["phase"] == "Ready"
