"""`modelway apply` as a process: results, uploads, problems with documents, waiting."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Run = Callable[..., CompletedProcess[str]]

DEPLOYMENT = """\
apiVersion: modelway/v1
kind: Deployment
metadata: {project: vision, model: digits, version: v1}
spec: {package: dist/digits.mwpkg, replicas: 2}
"""
ROUTE = """\
apiVersion: modelway/v1
kind: Route
metadata: {project: vision, model: digits}
spec:
  versions: [{version: v1, weight: 80}, {version: v2, weight: 20}]
"""


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    folder = tmp_path / "deploy"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "digits.mwpkg").write_bytes(b"p" * 2_500_000)
    (folder / "a-digits.yaml").write_text(DEPLOYMENT)
    (folder / "b-route.yml").write_text(ROUTE)
    (folder / "notes.txt").write_text("not a document")
    return folder


def test_a_folder_is_applied_and_its_package_uploaded_once(modelway: Run, deploy: Path, platform: Any) -> None:
    done = modelway("apply", "-f", "deploy")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["deployment vision/digits/v1  created  revision 1", "route vision/digits          created  revision 1"],
    )
    assert "uploaded digits.mwpkg (2.5 MB" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    again = modelway("apply", "-f", "deploy")
    assert [line.split()[2] for line in again.stdout.splitlines()] == ["unchanged", "unchanged"]
    assert "digits.mwpkg is there already" in again.stderr
    assert sum(asked.startswith("POST /v1/packages") for asked in platform.asked) == 1


def test_changes_are_shown(modelway: Run, deploy: Path) -> None:
    modelway("apply", "-f", "deploy")
    (deploy / "a-digits.yaml").write_text(DEPLOYMENT.replace("replicas: 2", "replicas: 3, stage: beta"))
    done = modelway("apply", "-f", "deploy/a-digits.yaml")
    assert done.stdout.splitlines() == [
        "deployment vision/digits/v1  changed  revision 2",
        "    spec.replicas: 2 → 3",
        "    spec.stage: (none) → beta",
    ]


def test_a_dry_run_uploads_and_changes_nothing(modelway: Run, deploy: Path, platform: Any) -> None:
    done = modelway("apply", "-f", "deploy", "--dry-run", "-o", "json")
    assert [result["action"] for result in json.loads(done.stdout)["results"]] == ["created", "created"]
    assert (platform.packages, platform.objects["routes"]) == ({}, {})
    assert modelway("apply", "-f", "deploy", "--dry-run").stderr == "dry run: nothing was changed\n"


def test_documents_from_stdin_name_packages_from_here(modelway: Run, deploy: Path) -> None:
    done = modelway("apply", "-f", "-", stdin=DEPLOYMENT.replace("dist/", "deploy/dist/"))
    assert done.returncode == 0, done.stderr


def test_a_package_that_is_not_there_is_named_with_the_way_out(modelway: Run, deploy: Path, platform: Any) -> None:
    (deploy / "dist" / "digits.mwpkg").unlink()
    done = modelway("apply", "-f", "deploy")
    assert done.returncode == 1
    assert "names the package 'dist/digits.mwpkg', but there is no file deploy/dist/digits.mwpkg" in done.stderr
    assert "hint: make it with `modelway package`" in done.stderr
    assert platform.objects["deployments"] == {}


def test_one_path_that_means_two_files_is_refused(modelway: Run, deploy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "dist").mkdir(parents=True)
    (other / "dist" / "digits.mwpkg").write_bytes(b"q")
    (other / "d.yaml").write_text(DEPLOYMENT.replace("v1}", "v2}"))
    done = modelway("apply", "-f", "deploy", "-f", "other/d.yaml")
    assert done.returncode == 1
    assert "'dist/digits.mwpkg' means deploy/dist/digits.mwpkg in one document and other/dist" in done.stderr


def test_all_problems_are_shown_with_place_line_caret_and_hint(modelway: Run, deploy: Path) -> None:
    (deploy / "a-digits.yaml").write_text(DEPLOYMENT.replace("replicas:", "replica:"))
    (deploy / "b-route.yml").write_text("spec:\n  replica: 1\n")
    done = modelway("apply", "-f", "deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "deploy/a-digits.yaml:4:36: unknown field `replica`",
        "    4 | spec: {package: dist/digits.mwpkg, replica: 2}",
        "      |                                    ^^^^^^^",
        "  hint: did you mean `replicas`?",
        "",
        "deploy/b-route.yml:2:3: unknown field `replica`",
        "    2 |   replica: 1",
        "      |   ^^^^^^^",
        "  hint: did you mean `replicas`?",
        "",
        "error[invalid_document]: 2 problems in 2 files; nothing was applied",
    ]


def test_the_caret_stands_right_in_long_and_wide_lines(modelway: Run, deploy: Path) -> None:
    (deploy / "a-digits.yaml").write_text(f"{{x: {'가' * 100}, replica: 1, y: {'z' * 500}}}")
    done = modelway("apply", "-f", "deploy/a-digits.yaml")
    line, caret = done.stderr.splitlines()[1:3]
    before = line[: line.index("replica:")]
    assert len(line) < 140
    assert caret.index("^") == len(before) + before.count("가")  # each takes two columns
    assert caret.count("^") == len("replica")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-f", "nowhere.yaml"], "cannot read nowhere.yaml: No such file"),
        (["-f", "empty"], "empty holds no *.yaml"),
        (["-f", "latin.yaml"], "latin.yaml is not UTF-8 text (octet 3)"),
    ],
)
def test_files_that_cannot_be_used(modelway: Run, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    done = modelway("apply", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_waiting_shows_phases_until_ready(modelway: Run, deploy: Path, platform: Any) -> None:
    platform.ready_after = 0.6
    done = modelway("apply", "-f", "deploy", "--wait")
    assert done.returncode == 0
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith("vision/")]
    assert [line[1] for line in lines] == ["Pending", "Ready"]
    assert lines[-1][2] == "2/2"


def test_waiting_ends_at_once_when_a_step_failed_for_good(modelway: Run, deploy: Path, platform: Any) -> None:
    platform.ready_after = None
    modelway("apply", "-f", "deploy")
    platform.fail("vision/digits/v1", "LockUnsolvable", "scikit-learn==99 does not exist\nlooked for it in vain")
    (deploy / "b-route.yml").unlink()
    done = modelway("apply", "-f", "deploy", "--wait")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-4:] == [
        "failed: deployment vision/digits/v1",
        "    LockUnsolvable: scikit-learn==99 does not exist",
        "    looked for it in vain",
        "hint: modelway describe deployment vision/digits/v1; modelway logs vision/digits/v1 --source server",
    ]


def test_waiting_has_an_end(modelway: Run, deploy: Path, platform: Any) -> None:
    platform.ready_after = None
    done = modelway("apply", "-f", "deploy", "--wait", "--timeout", "0.3")
    assert done.returncode == 1
    assert "error[deadline_exceeded]: not ready after 300 ms: vision/digits/v1" in done.stderr


def test_on_a_terminal_there_is_a_bar_and_one_live_line(on_terminal: Any, deploy: Path, platform: Any) -> None:
    platform.ready_after = 0.6
    code, shown = on_terminal("apply", "-f", "deploy/a-digits.yaml", "--wait")
    assert code == 0
    assert "uploading digits.mwpkg  ████" in shown
    assert "being checked" in shown
    assert "\x1b[1F\x1b[K" in shown  # the phase line is drawn over itself
    assert "\x1b[32mcreated\x1b[0m" in shown
    code, plain = on_terminal("apply", "-f", "deploy/a-digits.yaml", NO_COLOR="1")
    assert code == 0
    assert "\x1b[32m" not in plain
